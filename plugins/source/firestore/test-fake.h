/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/json.h"

#include <holdfast/http.h>
#include <holdfast/plugin.h>

/*
 * A host whose HTTP client is a function of the test's, and sinks that note what is pushed.  The plugin is the one
 * that was built, loaded as the program does it.
 */

struct fake_request {
	const struct hf_http_request *request;
	char url[4096];
	const char *body; /* NUL-terminated */
	char bearer[4096]; /* the authorization header's value, or "" */
};

/* Answers a request: status and *ret_body (not freed).  A negative value is an HF_E code, as if no answer came. */
typedef int (*fake_fn)(void *ctx, const struct fake_request *request, const char **ret_body);

extern struct fake {
	fake_fn answer;
	void *ctx;
	unsigned requests;
	int stop; /* what stop_requested says */
	int64_t clock_ns;
	const char *secrets[8]; /* by the option's name: name, value, ..., NULL */
	/* What was pushed. */
	struct buffer *log; /* a line each, as plugins/common/test-source.h has them */
	struct buffer *raw; /* raw values, a line each */
	struct buffer room_cursor;
	struct buffer warnings;
	unsigned messages, people, rooms, failed, checkpoints;
	int (*on_message)(const struct hf_message *message);
	char why[480];
} fake;

extern const struct hf_source_ops *fake_source;
extern const struct hf_host fake_host;

bool fake_load(void);
void fake_clear(void);
void fake_release(void);
/* Opens the source: name, value, ..., NULL.  Secrets are marked with the value "(secret)". */
int fake_open(const char *const *options, void **ret_handle, struct hf_error *err);
/* A query with the room (or NULL) and the cursor. */
int fake_ask(void *handle, uint32_t what, const char *room, const struct buffer *cursor, struct hf_error *err);
/* Writes a service account's key file, and answers whether a JWT is signed with it. */
bool fake_make_key(const char *path);
bool fake_is_signed(const char *jwt, size_t size);

#endif
