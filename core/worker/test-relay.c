/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/relay.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ITEMS_MAX 300u
#define PIECE     65536u

/* ---- the strategy: what it gives, refuses and is told ---- */

static struct {
	pthread_t thread; /* all of its functions are called here */
	uint64_t count, given, ended;
	uint64_t max_size, size;   /* of each item: allowed, and what comes */
	uint64_t got[ITEMS_MAX];
	uint64_t last_offset[ITEMS_MAX];
	int code[ITEMS_MAX];
	unsigned begun[ITEMS_MAX], ends[ITEMS_MAX];
	char validator[ITEMS_MAX][8];
	uint64_t window;           /* at most so many are under way; 0: all */
	uint64_t refuse_begin, refuse_write, stop_at_end, stop_at_next; /* the number of one; UINT64_MAX: none */
	unsigned writes_after_no;
	uint64_t wrong; /* bytes that are not what was sent, calls in another thread */
} strategy;

static void
clear(uint64_t count)
{
	memset(&strategy, 0, sizeof(strategy));
	strategy.thread = pthread_self();
	strategy.count = count;
	strategy.size = 1000;
	strategy.refuse_begin = strategy.refuse_write = strategy.stop_at_end = strategy.stop_at_next = UINT64_MAX;
}

static void
check_thread(void)
{
	strategy.wrong += !pthread_equal(strategy.thread, pthread_self());
}

static int
strategy_next(void *ctx, struct hf_media_request *ret, struct hf_error *err)
{
	(void)ctx;
	check_thread();
	if (strategy.given == strategy.stop_at_next)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	if (strategy.given == strategy.count ||
	    (strategy.window > 0 && strategy.given - strategy.ended >= strategy.window))
		return hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
	ret->token = strategy.given++;
	ret->max_size = strategy.max_size;
	return HF_OK;
}

static int
strategy_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	(void)ctx;
	check_thread();
	strategy.begun[token]++;
	strategy.last_offset[token] = info->offset;
	(void)snprintf(strategy.validator[token], sizeof(strategy.validator[0]), "%.*s", (int)info->validator.size,
	    info->validator.size == 0 ? "" : info->validator.data);
	return token == strategy.refuse_begin ? hf_error_set(err, HF_ESTOP, 0, "not this one") : HF_OK;
}

static int
strategy_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	const unsigned char *bytes = data;
	uint64_t i;

	(void)ctx;
	check_thread();
	if (token == strategy.refuse_begin || (token == strategy.refuse_write && strategy.got[token] > 0))
		strategy.writes_after_no++;
	for (i = 0; i < size; i++)
		strategy.wrong += bytes[i] != (unsigned char)(token + (strategy.got[token] + i) / PIECE);
	strategy.got[token] += size;
	return token == strategy.refuse_write ? hf_error_set(err, HF_ERANGE, 0, "enough") : HF_OK;
}

static int
strategy_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	check_thread();
	CU_ASSERT((code == HF_OK) == (why == NULL));
	strategy.ends[token]++;
	strategy.code[token] = code;
	strategy.ended++;
	return strategy.ended - 1 == strategy.stop_at_end ? hf_error_set(err, HF_ENOSPC, 0, "the disk is full") : HF_OK;
}

/* ---- the other side: several at a time, a piece of each in turn ---- */

#define AT_ONCE 10u

static struct {
	uint64_t fail;    /* this one ends with HF_ENET */
	uint64_t offered; /* bytes, for those that were refused too */
	uint64_t noes;    /* calls that were refused */
	int result;       /* of the whole, once nothing more comes */
	bool leaves;      /* it ends without an end of what it took */
} network;

struct transfer {
	bool used;
	uint64_t token, at;
};

static int
end_transfer(const struct hf_media_exchange *exchange, struct transfer *transfer, int code, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	transfer->used = false;
	if (code != HF_OK)
		(void)hf_error_set(&why, code, 0, "it failed");
	return exchange->end(exchange->ctx, transfer->token, code, code == HF_OK ? NULL : &why, err);
}

static int
start_transfer(const struct hf_media_exchange *exchange, struct transfer *transfer, struct hf_error *err)
{
	struct hf_media_info info = {.struct_size = (uint32_t)sizeof(info), .size = (int64_t)strategy.size};
	struct hf_media_request request;
	struct hf_error why = HF_ERROR_INIT;
	char validator[8];
	int r;

	memset(&request, 0, sizeof(request));
	request.struct_size = (uint32_t)sizeof(request);
	r = exchange->next(exchange->ctx, &request, err);
	if (r != HF_OK)
		return r;
	*transfer = (struct transfer){true, request.token, 0};
	/* Gone when the call is over. */
	(void)snprintf(validator, sizeof(validator), "v%u", (unsigned)request.token);
	info.validator = (struct hf_text){validator, strlen(validator), HF_TEXT_UTF8, 0};
	r = exchange->begin(exchange->ctx, transfer->token, &info, &why);
	memset(validator, 'x', sizeof(validator));
	if (r != HF_OK)
		network.noes++;
	return r == HF_OK ? HF_OK : end_transfer(exchange, transfer, r, err);
}

static int
move_transfer(const struct hf_media_exchange *exchange, struct transfer *transfer, struct hf_error *err)
{
	static unsigned char piece[PIECE];
	uint64_t left = strategy.size - transfer->at, size = left < PIECE ? left : PIECE;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	if (transfer->token == network.fail && transfer->at > 0)
		return end_transfer(exchange, transfer, HF_ENET, err);
	memset(piece, (int)((transfer->token + transfer->at / PIECE) & 0xff), sizeof(piece));
	network.offered += size;
	r = exchange->write(exchange->ctx, transfer->token, piece, size, &why);
	transfer->at += size;
	if (r != HF_OK)
		network.noes++;
	return r != HF_OK || transfer->at == strategy.size ? end_transfer(exchange, transfer, r, err) : HF_OK;
}

static int
run_network(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct transfer transfers[AT_ONCE];
	size_t i, busy;
	int r;

	(void)ctx;
	memset(transfers, 0, sizeof(transfers));
	CU_ASSERT(!pthread_equal(strategy.thread, pthread_self()));
	for (;;) {
		busy = 0;
		for (i = 0; i < AT_ONCE; i++) {
			r = HF_OK;
			if (!transfers[i].used)
				r = start_transfer(exchange, &transfers[i], err);
			if (r == HF_ENOTFOUND)
				continue;
			if (r != HF_OK)
				return r;
			if (network.leaves)
				return hf_error_set(err, network.result, 0, "it left");
			busy++;
			if (transfers[i].used)
				r = move_transfer(exchange, &transfers[i], err);
			if (r != HF_OK)
				return r;
		}
		if (busy == 0)
			return network.result == HF_OK ? HF_OK : hf_error_set(err, network.result, 0, "the end");
	}
}

static int
run(struct hf_error *err)
{
	const struct hf_media_exchange media = {(uint32_t)sizeof(media), 0, NULL, AT_ONCE, 0, strategy_next, strategy_begin,
	    strategy_write, strategy_end};
	int r = relay_run(&media, run_network, NULL, err);

	CU_ASSERT_EQUAL(strategy.wrong, 0);
	return r;
}

static void
reset_network(void)
{
	memset(&network, 0, sizeof(network));
	network.fail = UINT64_MAX;
}

/* Each that was given has one end; *ret_good: those that ended well and whole. */
static void
count_ends(uint64_t *ret_good)
{
	uint64_t i;

	*ret_good = 0;
	for (i = 0; i < strategy.given; i++) {
		CU_ASSERT_EQUAL(strategy.ends[i], 1);
		*ret_good += strategy.code[i] == HF_OK && strategy.got[i] == strategy.size;
		CU_ASSERT(strategy.code[i] != HF_OK || strategy.got[i] == strategy.size);
	}
}

/* ---- tests ---- */

static void
test_all(void)
{
	char expect[8];
	uint64_t good, i;

	clear(200);
	reset_network();
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT_EQUAL(good, 200);
	for (i = 0; i < 200; i++) {
		(void)snprintf(expect, sizeof(expect), "v%u", (unsigned)i);
		CU_ASSERT_STRING_EQUAL(strategy.validator[i], expect);
		CU_ASSERT_EQUAL(strategy.begun[i], 1);
	}
	/* None at all; none of a byte. */
	clear(0);
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	clear(30);
	strategy.size = 0;
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT_EQUAL(good, 30);
	/* A strategy that gives the next only when one has ended is asked again then. */
	for (i = 1; i < 4; i++) {
		clear(50);
		strategy.window = i;
		CU_ASSERT_EQUAL(run(NULL), HF_OK);
		count_ends(&good);
		CU_ASSERT_EQUAL(good, 50);
	}
}

/* More than may lie between the threads: all of it arrives, in order, and the other thread has to wait. */
static void
test_much(void)
{
	uint64_t good;

	clear(12);
	reset_network();
	strategy.size = (UINT64_C(5) << 20) + 77;
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT_EQUAL(good, 12);
	CU_ASSERT_EQUAL(network.offered, 12 * strategy.size);
}

/* What is refused ends with that, nothing more of it is told, and the others are not touched. */
static void
test_refusals(void)
{
	uint64_t good;

	clear(40);
	reset_network();
	strategy.size = 40 * PIECE;
	strategy.refuse_begin = 3;
	strategy.refuse_write = 7;
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT_EQUAL(good, 38);
	CU_ASSERT_EQUAL(strategy.code[3], HF_ESTOP);
	CU_ASSERT_EQUAL(strategy.code[7], HF_ERANGE);
	CU_ASSERT_EQUAL(strategy.writes_after_no, 0);
	/* More than is allowed is refused here, before it lies between the threads. */
	clear(10);
	reset_network();
	strategy.size = 40 * PIECE;
	strategy.max_size = 2 * PIECE;
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT_EQUAL(good, 0);
	CU_ASSERT_EQUAL(network.noes, 10);
	CU_ASSERT_EQUAL(network.offered, 0);
	CU_ASSERT_EQUAL(strategy.code[9], HF_ERANGE);
	/* One that fails at the other side. */
	clear(40);
	reset_network();
	strategy.size = 3 * PIECE;
	network.fail = 11;
	CU_ASSERT_EQUAL(run(NULL), HF_OK);
	count_ends(&good);
	CU_ASSERT(good == 39 && strategy.code[11] == HF_ENET);
}

/* A no to the whole comes back as it was said, with its words, and nothing is told after it. */
static void
test_stop(void)
{
	struct hf_error err = HF_ERROR_INIT;

	clear(100);
	reset_network();
	strategy.size = 4 * PIECE;
	strategy.stop_at_end = 25;
	CU_ASSERT_EQUAL(run(&err), HF_ENOSPC);
	CU_ASSERT_EQUAL(err.code, HF_ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.msg, "the disk is full");
	CU_ASSERT_EQUAL(strategy.ended, 26);
	clear(100);
	reset_network();
	strategy.stop_at_next = 30;
	hf_error_init(&err);
	CU_ASSERT_EQUAL(run(&err), HF_ESTOPPING);
	CU_ASSERT_STRING_EQUAL(err.msg, "told to stop");
	CU_ASSERT_EQUAL(strategy.given, 30);
	/* What the other side fails with as a whole, at its end and in the middle. */
	clear(5);
	reset_network();
	network.result = HF_EAUTH;
	hf_error_init(&err);
	CU_ASSERT_EQUAL(run(&err), HF_EAUTH);
	CU_ASSERT_STRING_EQUAL(err.msg, "the end");
	CU_ASSERT_EQUAL(strategy.ended, 5);
	clear(50);
	network.leaves = true;
	hf_error_init(&err);
	CU_ASSERT_EQUAL(run(&err), HF_EAUTH);
	CU_ASSERT_STRING_EQUAL(err.msg, "it left");
	CU_ASSERT_EQUAL(strategy.ended, 0);
	CU_ASSERT(strategy.given < 50);
	reset_network();
}

static int
say_wrong(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_media_info info = {.struct_size = (uint32_t)sizeof(info), .size = -1};
	struct hf_media_request request = {.struct_size = (uint32_t)sizeof(request)};
	sigset_t blocked;

	(void)ctx;
	/* Nobody asked for it. */
	CU_ASSERT_EQUAL(exchange->begin(exchange->ctx, 77, &info, err), HF_EINVAL);
	CU_ASSERT_EQUAL(exchange->write(exchange->ctx, 77, "x", 1, err), HF_EINVAL);
	CU_ASSERT_EQUAL(exchange->end(exchange->ctx, 77, HF_OK, NULL, err), HF_EINVAL);
	CU_ASSERT_EQUAL(exchange->next(exchange->ctx, &request, err), HF_OK);
	/* A type that is too long to be one is left out. */
	info.mime = (struct hf_text){"", UINT64_C(1) << 40, HF_TEXT_UTF8, 0};
	CU_ASSERT_EQUAL(exchange->begin(exchange->ctx, request.token, &info, err), HF_OK);
	CU_ASSERT_EQUAL(exchange->end(exchange->ctx, request.token, HF_ENOTFOUND, NULL, err), HF_OK);
	/* After its end there is nothing more of it, whether that is told already or not. */
	CU_ASSERT_EQUAL(exchange->write(exchange->ctx, request.token, "x", 1, err), HF_EINVAL);
	CU_ASSERT_EQUAL(exchange->end(exchange->ctx, request.token, HF_OK, NULL, err), HF_EINVAL);
	/* Signals are for the others. */
	CU_ASSERT_EQUAL(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
	CU_ASSERT(sigismember(&blocked, SIGTERM) == 1 && sigismember(&blocked, SIGINT) == 1);
	return exchange->next(exchange->ctx, &request, err) == HF_ENOTFOUND ? HF_OK : HF_EINVAL;
}

static void
test_wrong(void)
{
	const struct hf_media_exchange media = {(uint32_t)sizeof(media), 0, NULL, 1, 0, strategy_next, strategy_begin,
	    strategy_write, strategy_end};
	struct hf_error err = HF_ERROR_INIT;
	sigset_t blocked;

	clear(1);
	CU_ASSERT_EQUAL(relay_run(&media, say_wrong, NULL, &err), HF_OK);
	CU_ASSERT(strategy.ends[0] == 1 && strategy.code[0] == HF_ENOTFOUND && strategy.begun[0] == 1);
	CU_ASSERT_EQUAL(strategy.wrong, 0);
	CU_ASSERT_EQUAL(pthread_sigmask(SIG_SETMASK, NULL, &blocked), 0);
	CU_ASSERT_EQUAL(sigismember(&blocked, SIGTERM), 0);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"all", test_all}, {"much", test_much}, {"refusals", test_refusals}, {"stop", test_stop},
	    {"wrong calls", test_wrong}, CU_TEST_INFO_NULL};

	return unit_run("relay", tests);
}
