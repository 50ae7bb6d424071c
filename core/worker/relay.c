/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/relay.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define QUEUED_MAX ((size_t)12 << 20) /* bytes between the two threads */
#define READY_MAX  64u
#define ITEMS_MAX  128u
#define TEXT_MAX   4096u /* of a validator or a type that is passed on */

struct message {
	struct message *next;
	enum { BEGIN, WRITE, END } kind;
	uint64_t token;
	struct hf_media_info info; /* BEGIN; its texts lie in data */
	int code;                  /* END */
	struct hf_error why;
	size_t size;
	char data[];
};

/* One that was given to the other thread, until its end was told. */
struct item {
	bool used;
	uint64_t token, max, have;
	bool ended;  /* by the other thread */
	int refused; /* what the strategy said no with */
};

struct relay {
	const struct hf_media_exchange *media;
	relay_fn fn;
	void *ctx;
	pthread_mutex_t mutex;
	pthread_cond_t told, taken; /* for the caller's thread, and for the other one */
	struct message *first, **last;
	size_t queued;
	struct hf_media_request ready[READY_MAX]; /* asked for ahead */
	size_t ready_count;
	struct item items[ITEMS_MAX];
	size_t under_way;   /* given and not ended, as the other thread sees it */
	size_t outstanding; /* the same as the strategy sees it */
	bool dry;           /* the strategy had no more when it was asked last */
	int stop;           /* what the strategy's next or end answered; HF_OK */
	struct hf_error why_stop;
	bool finished;
	int result;
	struct hf_error why;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "media: out of memory");
}

static struct item *
find_item(struct relay *relay, uint64_t token)
{
	size_t i;

	for (i = 0; i < ITEMS_MAX; i++)
		if (relay->items[i].used && relay->items[i].token == token)
			return &relay->items[i];
	return NULL;
}

/* ---- the other thread; each locks ---- */

static struct message *
message_new(int kind, uint64_t token, size_t size)
{
	struct message *message = malloc(sizeof(*message) + size);

	if (message == NULL)
		return NULL;
	memset(message, 0, sizeof(*message));
	message->kind = kind == BEGIN ? BEGIN : kind == WRITE ? WRITE : END;
	message->token = token;
	message->size = size;
	return message;
}

/* The mutex is held. */
static void
post(struct relay *relay, struct message *message)
{
	*relay->last = message;
	relay->last = &message->next;
	relay->queued += message->size;
	(void)pthread_cond_signal(&relay->told);
}

/* HF_OK, or why nothing more of it is wanted.  The mutex is held. */
static int
go_on(struct relay *relay, const struct item *item, struct hf_error *err)
{
	if (relay->stop != HF_OK)
		return hf_error_set(err, relay->stop, 0, "%s", relay->why_stop.msg);
	if (item == NULL || item->ended)
		return hf_error_set(err, HF_EINVAL, 0, "nobody asked for this");
	if (item->refused != HF_OK)
		return hf_error_set(err, item->refused, 0, "it is not wanted any longer");
	return HF_OK;
}

static int
relay_next(void *ctx, struct hf_media_request *ret, struct hf_error *err)
{
	struct relay *relay = ctx;
	struct item *item;
	size_t i;
	int r = HF_OK;

	(void)pthread_mutex_lock(&relay->mutex);
	/* Only who has nothing else to do waits for the strategy. */
	while (relay->stop == HF_OK && relay->ready_count == 0 && relay->under_way == 0 &&
	       !(relay->dry && relay->outstanding == 0))
		(void)pthread_cond_wait(&relay->taken, &relay->mutex);
	for (i = 0; i < ITEMS_MAX && relay->items[i].used; i++)
		;
	if (relay->stop != HF_OK) {
		r = hf_error_set(err, relay->stop, 0, "%s", relay->why_stop.msg);
	} else if (relay->ready_count == 0 || i == ITEMS_MAX) {
		r = hf_error_set(err, HF_ENOTFOUND, 0, "there is none now");
	} else {
		*ret = relay->ready[0];
		relay->ready_count--;
		memmove(relay->ready, relay->ready + 1, relay->ready_count * sizeof(relay->ready[0]));
		item = &relay->items[i];
		*item = (struct item){true, ret->token, ret->max_size, ret->offset, false, HF_OK};
		relay->under_way++;
		(void)pthread_cond_signal(&relay->told);
	}
	(void)pthread_mutex_unlock(&relay->mutex);
	return r;
}

/* A text of info's, copied to *to in the message. */
static void
copy_text(struct hf_text *text, char **to)
{
	if (text->data == NULL || text->size > TEXT_MAX) {
		text->data = NULL;
		text->size = 0;
		return;
	}
	memcpy(*to, text->data, (size_t)text->size);
	text->data = *to;
	*to += text->size;
}

static int
relay_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	struct relay *relay = ctx;
	struct message *message = message_new(BEGIN, token, 2 * TEXT_MAX);
	struct item *item;
	char *to;
	int r;

	if (message == NULL)
		return no_memory(err);
	message->info = *info;
	to = message->data;
	copy_text(&message->info.mime, &to);
	copy_text(&message->info.validator, &to);
	(void)pthread_mutex_lock(&relay->mutex);
	item = find_item(relay, token);
	r = go_on(relay, item, err);
	if (r == HF_OK) {
		post(relay, message);
		item->have = info->offset;
		/* The strategy is told, and will say no as well. */
		if (item->max > 0 && info->size > 0 && (uint64_t)info->size > item->max)
			r = hf_error_set(err, HF_ERANGE, 0, "it is larger than wanted");
	} else {
		free(message);
	}
	(void)pthread_mutex_unlock(&relay->mutex);
	return r;
}

static int
relay_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct relay *relay = ctx;
	struct message *message;
	struct item *item;
	int r;

	if (size > QUEUED_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "too much at once");
	message = message_new(WRITE, token, (size_t)size);
	if (message == NULL)
		return no_memory(err);
	if (size > 0)
		memcpy(message->data, data, (size_t)size);
	(void)pthread_mutex_lock(&relay->mutex);
	item = find_item(relay, token);
	r = go_on(relay, item, err);
	while (r == HF_OK && relay->queued > 0 && relay->queued + size > QUEUED_MAX) {
		(void)pthread_cond_wait(&relay->taken, &relay->mutex);
		r = go_on(relay, item, err);
	}
	if (r == HF_OK) {
		/* Counted here, so that nothing beyond the limit lies in between. */
		item->have += size;
		post(relay, message);
		if (item->max > 0 && item->have > item->max)
			r = hf_error_set(err, HF_ERANGE, 0, "it is larger than wanted");
	} else {
		free(message);
	}
	(void)pthread_mutex_unlock(&relay->mutex);
	return r;
}

static int
relay_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct relay *relay = ctx;
	struct message *message = message_new(END, token, 0);
	struct item *item;
	int r = HF_OK;

	if (message == NULL)
		return no_memory(err);
	message->code = code;
	message->why = (struct hf_error)HF_ERROR_INIT;
	if (why != NULL)
		message->why = *why;
	(void)pthread_mutex_lock(&relay->mutex);
	item = find_item(relay, token);
	if (item == NULL || item->ended) {
		r = hf_error_set(err, HF_EINVAL, 0, "nobody asked for this");
		free(message);
	} else {
		item->ended = true;
		relay->under_way--;
		post(relay, message);
		if (relay->stop != HF_OK)
			r = hf_error_set(err, relay->stop, 0, "%s", relay->why_stop.msg);
	}
	(void)pthread_mutex_unlock(&relay->mutex);
	return r;
}

static void *
run_thread(void *ctx)
{
	struct relay *relay = ctx;
	const struct hf_media_exchange exchange = {(uint32_t)sizeof(exchange), 0, relay, relay->media->parallel, 0,
	    relay_next, relay_begin, relay_write, relay_end};
	struct hf_error why = HF_ERROR_INIT;
	int r = relay->fn(relay->ctx, &exchange, &why);

	(void)pthread_mutex_lock(&relay->mutex);
	relay->result = r;
	relay->why = why;
	relay->finished = true;
	(void)pthread_cond_signal(&relay->told);
	(void)pthread_mutex_unlock(&relay->mutex);
	return NULL;
}

/* ---- the caller's thread; the mutex is held but for calls of the strategy ---- */

static void
set_stop(struct relay *relay, int r, const struct hf_error *why)
{
	if (relay->stop == HF_OK) {
		relay->stop = r > 0 ? HF_EINVAL : r;
		relay->why_stop = *why;
	}
	(void)pthread_cond_signal(&relay->taken);
}

/* Asks the strategy for as many as the other thread may soon want. */
static void
ask_ahead(struct relay *relay)
{
	size_t wanted = 2 * (size_t)relay->media->parallel;
	struct hf_media_request request;
	struct hf_error why;
	int r;

	if (wanted > READY_MAX)
		wanted = READY_MAX;
	while (relay->stop == HF_OK && !relay->dry && relay->ready_count < wanted) {
		memset(&request, 0, sizeof(request));
		request.struct_size = (uint32_t)sizeof(request);
		why = (struct hf_error)HF_ERROR_INIT;
		(void)pthread_mutex_unlock(&relay->mutex);
		r = relay->media->next(relay->media->ctx, &request, &why);
		(void)pthread_mutex_lock(&relay->mutex);
		if (r == HF_OK) {
			relay->ready[relay->ready_count++] = request;
			relay->outstanding++;
		} else if (r == HF_ENOTFOUND) {
			relay->dry = true;
		} else {
			set_stop(relay, r, &why);
		}
		(void)pthread_cond_signal(&relay->taken);
	}
}

/* Tells the strategy; what it answers to begin and write is for the next call of the other thread. */
static void
deliver(struct relay *relay, const struct message *message)
{
	const struct hf_media_exchange *media = relay->media;
	struct item *item = find_item(relay, message->token);
	struct hf_error why = HF_ERROR_INIT;
	int refused = item->refused, code = message->code, r = HF_OK;

	(void)pthread_mutex_unlock(&relay->mutex);
	if (message->kind == BEGIN && refused == HF_OK)
		r = media->begin(media->ctx, message->token, &message->info, &why);
	else if (message->kind == WRITE && refused == HF_OK)
		r = media->write(media->ctx, message->token, message->data, message->size, &why);
	else if (message->kind == END)
		r = media->end(media->ctx, message->token, code == HF_OK && refused != HF_OK ? refused : code,
		    code == HF_OK && refused == HF_OK ? NULL : &message->why, &why);
	(void)pthread_mutex_lock(&relay->mutex);
	if (message->kind == END) {
		item->used = false;
		relay->outstanding--;
		relay->dry = false; /* it is asked again after each end */
		if (r != HF_OK)
			set_stop(relay, r, &why);
	} else if (r != HF_OK) {
		item->refused = r > 0 ? HF_EINVAL : r;
	}
}

static void
serve(struct relay *relay)
{
	struct message *message;

	(void)pthread_mutex_lock(&relay->mutex);
	for (;;) {
		ask_ahead(relay);
		message = relay->first;
		if (message != NULL) {
			relay->first = message->next;
			if (relay->first == NULL)
				relay->last = &relay->first;
			/* After a no to the whole nothing more is told. */
			if (relay->stop == HF_OK)
				deliver(relay, message);
			relay->queued -= message->size;
			free(message);
			(void)pthread_cond_signal(&relay->taken);
		} else if (relay->finished) {
			break;
		} else {
			(void)pthread_cond_wait(&relay->told, &relay->mutex);
		}
	}
	(void)pthread_mutex_unlock(&relay->mutex);
}

int
relay_run(const struct hf_media_exchange *media, relay_fn fn, void *ctx, struct hf_error *err)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	sigset_t all, before;
	pthread_t thread;
	int r;

	if (relay == NULL)
		return no_memory(err);
	relay->media = media;
	relay->fn = fn;
	relay->ctx = ctx;
	relay->last = &relay->first;
	(void)pthread_mutex_init(&relay->mutex, NULL);
	(void)pthread_cond_init(&relay->told, NULL);
	(void)pthread_cond_init(&relay->taken, NULL);
	/* Signals are for the threads that were there before. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, run_thread, relay);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0) {
		r = hf_error_set(err, HF_EAGAIN, r, "media: no thread: %s", strerror(r));
	} else {
		serve(relay);
		(void)pthread_join(thread, NULL);
		r = relay->stop != HF_OK ? relay->stop : relay->result;
		if (r != HF_OK && err != NULL)
			*err = relay->stop != HF_OK ? relay->why_stop : relay->why;
		if (r != HF_OK && err != NULL)
			err->code = r;
	}
	(void)pthread_cond_destroy(&relay->taken);
	(void)pthread_cond_destroy(&relay->told);
	(void)pthread_mutex_destroy(&relay->mutex);
	free(relay);
	return r;
}
