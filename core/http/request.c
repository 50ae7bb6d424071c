/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/client.h"

#include <string.h>

#include "base/buffer.h"
#include "base/hash.h"

#define HELD_MAX (UINT64_C(256) << 10)

/*
 * One request into a sink, which cannot be rewound: an answer of up to HELD_MAX bytes goes there when it is whole.
 * Of a longer one the first bytes are gone when it has to be read anew, so they have to come again the same: their
 * hash says whether they do.
 */
struct request {
	const struct hf_http_request *request;
	const struct hf_sink *sink;
	bool taken;
	struct buffer held;
	bool streams;       /* held was passed on; from there on everything is, at once */
	struct hash *hash;  /* of what the sink got */
	uint64_t passed;    /* how much that is */
	struct hash *again; /* of the same bytes when they come again */
	uint64_t position;
	uint32_t status;
	int code;
	struct hf_error why;
};

static int
request_next(void *ctx, struct hf_http_request *ret, struct hf_error *err)
{
	struct request *request = ctx;
	uint32_t size = request->request->struct_size;

	(void)err;
	if (request->taken)
		return HF_ENOTFOUND;
	request->taken = true;
	memcpy(ret, request->request, size < ret->struct_size ? size : ret->struct_size);
	if (size > ret->struct_size)
		ret->struct_size = (uint32_t)sizeof(*ret);
	return HF_OK;
}

static int
request_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct request *request = ctx;

	(void)token;
	request->status = response->status;
	request->position = 0;
	buffer_clear(&request->held);
	if (!request->streams)
		return HF_OK;
	if (request->again == NULL)
		return hash_new(&request->again, err);
	return hash_reset(request->again, err);
}

static int
pass(struct request *request, const void *data, uint64_t size, struct hf_error *err)
{
	int r = hash_update(request->hash, data, size, err);

	request->passed += size;
	return r == HF_OK && request->sink != NULL ? request->sink->write(request->sink->ctx, data, size, err) : r;
}

static int
check_again(struct request *request, struct hf_error *err)
{
	uint8_t before[HASH_SIZE], now[HASH_SIZE];
	int r = hash_sum(request->hash, before, err);

	if (r == HF_OK)
		r = hash_sum(request->again, now, err);
	if (r == HF_OK && memcmp(before, now, HASH_SIZE) != 0)
		r = hf_error_set(err, HF_ECORRUPT, 0,
		    "the answer broke off, and when it was asked for again it had changed");
	return r;
}

static int
stream(struct request *request, const uint8_t *data, uint64_t size, struct hf_error *err)
{
	uint64_t known = request->position < request->passed ? request->passed - request->position : 0;
	int r = HF_OK;

	if (known > size)
		known = size;
	if (known > 0) {
		r = hash_update(request->again, data, known, err);
		request->position += known;
		if (r == HF_OK && request->position == request->passed)
			r = check_again(request, err);
	}
	if (r == HF_OK && size > known) {
		request->position += size - known;
		r = pass(request, data + known, size - known, err);
	}
	return r;
}

static int
request_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct request *request = ctx;
	int r = HF_OK;

	(void)token;
	if (request->streams)
		return stream(request, data, size, err);
	request->position += size;
	if (size <= HELD_MAX - request->held.size) {
		buffer_append(&request->held, data, size);
		return buffer_status(&request->held, "an HTTP answer", err);
	}
	request->streams = true;
	r = hash_new(&request->hash, err);
	if (r == HF_OK)
		r = pass(request, request->held.data, request->held.size, err);
	if (r == HF_OK)
		r = pass(request, data, size, err);
	buffer_clear(&request->held);
	return r;
}

static int
request_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct request *request = ctx;

	(void)token;
	(void)err;
	request->code = code;
	if (why != NULL) {
		request->why = *why;
		/* Where there was an answer, though none that was passed on. */
		if (why->http_status != 0)
			request->status = why->http_status;
	} else if (request->streams && request->position < request->passed) {
		request->code = hf_error_set(&request->why, HF_ECORRUPT, 0,
		    "the answer broke off, and when it was asked for again it had changed");
	}
	return HF_OK;
}

int
request_run(struct exchange *exchange, const struct hf_http_request *wanted, const struct hf_sink *sink,
    uint32_t *ret_status, struct hf_error *err)
{
	struct request request = {wanted, sink, false, BUFFER_INIT(HELD_MAX), false, NULL, 0, NULL, 0, 0, HF_OK,
	    HF_ERROR_INIT};
	int r;

	exchange->calls = (struct hf_http_exchange){(uint32_t)sizeof(exchange->calls), 0, &request, 1, 0, request_next,
	    request_begin, request_write, request_end};
	r = exchange_run(exchange, err);
	if (r == HF_OK && request.code != HF_OK) {
		r = request.code;
		if (err != NULL)
			*err = request.why;
	}
	if (r == HF_OK && !request.streams && request.held.size > 0 && sink != NULL)
		r = sink->write(sink->ctx, request.held.data, request.held.size, err);
	if (ret_status != NULL && request.status != 0)
		*ret_status = request.status;
	buffer_wipe(&request.held);
	hash_free(request.hash);
	hash_free(request.again);
	return r;
}
