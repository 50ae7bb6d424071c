/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "http/library.h"
#include "http/transfer.h"

#define PARALLEL_MAX 64u
#define MS           INT64_C(1000000)
#define LOOK_MS      200 /* how often it is looked whether to stop */

struct loop {
	struct exchange *exchange;
	struct transfer *transfers;
	uint32_t count;
	uint32_t busy; /* transfers that are not free */
	bool more;     /* next may have another request */
	bool moved;    /* something ended or began: look again before waiting */
};

/* ---- a thread that writes to a closed connection must not be killed for it ---- */

struct quiet {
	sigset_t before;
	bool was_pending;
};

static void
quiet_begin(struct quiet *quiet)
{
	sigset_t pipe, pending;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	quiet->was_pending = sigismember(&pending, SIGPIPE) == 1;
	(void)pthread_sigmask(SIG_BLOCK, &pipe, &quiet->before);
}

static void
quiet_end(const struct quiet *quiet)
{
	sigset_t pipe, pending;
	int number;

	(void)sigemptyset(&pipe);
	(void)sigaddset(&pipe, SIGPIPE);
	(void)sigemptyset(&pending);
	(void)sigpending(&pending);
	if (!quiet->was_pending && sigismember(&pending, SIGPIPE) == 1)
		(void)sigwait(&pipe, &number);
	(void)pthread_sigmask(SIG_SETMASK, &quiet->before, NULL);
}

/* ---- one transfer in the loop ---- */

/* The transfer's end, told to whoever asked. */
static int
tell_end(struct loop *loop, struct transfer *transfer, struct hf_error *err)
{
	const struct hf_http_exchange *calls = &loop->exchange->calls;
	struct hf_error why = transfer->why;
	uint64_t token = transfer->wanted.token;
	int code = transfer->code;

	transfer_clear(transfer);
	loop->busy--;
	loop->more = loop->moved = true;
	return calls->end == NULL ? HF_OK : calls->end(calls->ctx, token, code, code == HF_OK ? NULL : &why, err);
}

static int
start(struct loop *loop, struct transfer *transfer, int64_t now, struct hf_error *err)
{
	struct exchange *exchange = loop->exchange;

	if (!transfer->ready) {
		transfer->due = client_turn(exchange->http, exchange->account, now);
		transfer->ready = true;
		if (transfer->due > now)
			return HF_OK;
	}
	if (transfer_prepare(transfer) != HF_OK)
		return tell_end(loop, transfer, err);
	if (curl.multi_add_handle(exchange->multi, transfer->easy) != CURLM_OK) {
		transfer->code = hf_error_set(&transfer->why, HF_ENOMEM, 0, "out of memory");
		return tell_end(loop, transfer, err);
	}
	transfer->state = TRANSFER_RUNNING;
	loop->moved = true;
	return HF_OK;
}

static int
start_due(struct loop *loop, struct hf_error *err)
{
	int64_t now = time_boot();
	uint32_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < loop->count; i++) {
		if (loop->transfers[i].state == TRANSFER_WAITING && loop->transfers[i].due <= now)
			r = start(loop, &loop->transfers[i], now, err);
	}
	return r;
}

/* A request that cannot even begin has its end at once. */
static int
accept_request(struct loop *loop, struct transfer *transfer, const struct hf_http_request *request,
    struct hf_error *err)
{
	const struct hf_http_exchange *calls = &loop->exchange->calls;
	struct hf_error why = HF_ERROR_INIT;
	int r = transfer_accept(transfer, request, &why);

	if (r == HF_OK) {
		loop->busy++;
		return HF_OK;
	}
	return calls->end == NULL ? HF_OK : calls->end(calls->ctx, request->token, r, &why, err);
}

static int
next_request(struct loop *loop, struct hf_http_request *ret, struct hf_error *err)
{
	const struct hf_http_exchange *calls = &loop->exchange->calls;
	struct hf_http_request whole;
	int r;

	memset(&whole, 0, sizeof(whole));
	whole.struct_size = (uint32_t)sizeof(whole);
	r = calls->next(calls->ctx, &whole, err);
	if (r != HF_OK)
		return r;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &whole, whole.struct_size < sizeof(whole) ? whole.struct_size : sizeof(whole));
	return HF_OK;
}

static struct transfer *
find_free(struct loop *loop)
{
	uint32_t i;

	for (i = 0; i < loop->count; i++) {
		if (loop->transfers[i].state == TRANSFER_FREE)
			return &loop->transfers[i];
	}
	return NULL;
}

static int
fill(struct loop *loop, struct hf_error *err)
{
	struct hf_http_request request;
	struct transfer *transfer;
	int r;

	while (loop->more && (transfer = find_free(loop)) != NULL) {
		r = next_request(loop, &request, err);
		if (r == HF_ENOTFOUND)
			loop->more = false;
		else if (r != HF_OK || (r = accept_request(loop, transfer, &request, err)) != HF_OK)
			return r;
	}
	return HF_OK;
}

static int
collect(struct loop *loop, struct hf_error *err)
{
	CURLM *multi = loop->exchange->multi;
	struct transfer *transfer;
	struct CURLMsg *message;
	CURLcode result;
	char *private;
	int left, r = HF_OK;

	while (r == HF_OK && (message = curl.multi_info_read(multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		result = message->data.result;
		(void)curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
		transfer = (struct transfer *)(void *)private;
		loop->moved = true;
		if (transfer_finish(transfer, result, time_boot())) {
			(void)curl.multi_remove_handle(multi, transfer->easy);
			r = tell_end(loop, transfer, err);
		} else {
			(void)curl.multi_remove_handle(multi, transfer->easy);
		}
	}
	return r;
}

/* ---- the loop ---- */

/* Until something may have happened, or is due, or it is time to look whether to stop. */
static void
wait_some(struct loop *loop)
{
	int64_t now = time_boot(), until = now + LOOK_MS * MS;
	uint32_t i;

	for (i = 0; i < loop->count; i++) {
		if (loop->transfers[i].state == TRANSFER_WAITING && loop->transfers[i].due < until)
			until = loop->transfers[i].due;
	}
	if (until > now)
		(void)curl.multi_poll(loop->exchange->multi, NULL, 0, (int)((until - now + MS - 1) / MS), NULL);
}

static int
check_stop(const struct loop *loop, struct hf_error *err)
{
	const struct hf_host *table = host_table(loop->exchange->host);

	return table->stop_requested(table->ctx) != 0 ? hf_error_set(err, HF_ESTOPPING, 0, "asked to stop") : HF_OK;
}

static int
run(struct loop *loop, struct hf_error *err)
{
	CURLMcode code;
	int running, r;

	for (;;) {
		loop->moved = false;
		r = check_stop(loop, err);
		if (r == HF_OK)
			r = fill(loop, err);
		if (r != HF_OK || (loop->busy == 0 && !loop->more))
			return r;
		r = start_due(loop, err);
		if (r != HF_OK)
			return r;
		code = curl.multi_perform(loop->exchange->multi, &running);
		if (code != CURLM_OK)
			return hf_error_set(err, code == CURLM_OUT_OF_MEMORY ? HF_ENOMEM : HF_EIO, 0, "HTTP: %s",
			    curl.multi_strerror(code));
		r = collect(loop, err);
		if (r != HF_OK)
			return r;
		if (!loop->moved)
			wait_some(loop);
	}
}

static void
release(struct loop *loop)
{
	uint32_t i;

	for (i = 0; i < loop->count; i++) {
		if (loop->transfers[i].state == TRANSFER_RUNNING)
			(void)curl.multi_remove_handle(loop->exchange->multi, loop->transfers[i].easy);
		transfer_clear(&loop->transfers[i]);
		transfer_release(&loop->transfers[i]);
	}
	free(loop->transfers);
}

int
exchange_run(struct exchange *exchange, struct hf_error *err)
{
	struct loop loop = {exchange, NULL, exchange->calls.parallel, 0, true, false};
	struct quiet quiet;
	uint32_t i;
	int r;

	if (loop.count == 0)
		loop.count = 1;
	if (loop.count > PARALLEL_MAX)
		loop.count = PARALLEL_MAX;
	loop.transfers = calloc(loop.count, sizeof(*loop.transfers));
	if (loop.transfers == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	for (i = 0; i < loop.count; i++) {
		loop.transfers[i].exchange = exchange;
		transfer_clear(&loop.transfers[i]);
	}
	quiet_begin(&quiet);
	r = run(&loop, err);
	release(&loop);
	quiet_end(&quiet);
	return r;
}
