/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_TEST_SERVER_H
#define HTTP_TEST_SERVER_H

/* For the tests of HTTP: the fault server as a child, and a consumer that keeps what an exchange brings. */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/time.h"
#include "base/unit.h"
#include "http/http.h"
#include "plugin/host.h"

#define SERVER_ARGUMENTS 24
#define ITEMS_MAX        16

struct server {
	pid_t pid;
	int input; /* closed: the server ends */
	unsigned port;
};

/* Starts it with those arguments, up to a NULL; it must be stopped. */
static inline void
server_start(struct server *server, const char *const *arguments)
{
	char *argv[SERVER_ARGUMENTS + 3];
	int in[2], out[2], n = 0;
	char line[32] = "";
	size_t used = 0;

	CU_ASSERT_EQUAL_FATAL(pipe(in), 0);
	CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
	(void)fcntl(in[1], F_SETFD, FD_CLOEXEC);
	argv[n++] = strdup("python3");
	argv[n++] = strdup(FAULT_SERVER);
	for (; *arguments != NULL && n < SERVER_ARGUMENTS; arguments++)
		argv[n++] = strdup(*arguments);
	argv[n] = NULL;
	server->pid = fork();
	if (server->pid == 0) {
		(void)dup2(in[0], 0);
		(void)dup2(out[1], 1);
		(void)close(out[0]);
		(void)execvp(argv[0], argv);
		_exit(127);
	}
	while (n > 0)
		free(argv[--n]);
	CU_ASSERT_TRUE_FATAL(server->pid > 0);
	(void)close(in[0]);
	(void)close(out[1]);
	server->input = in[1];
	while (used < sizeof(line) - 1 && strchr(line, '\n') == NULL && read(out[0], line + used, 1) == 1)
		used++;
	(void)close(out[0]);
	server->port = (unsigned)strtoul(line, NULL, 10);
	CU_ASSERT_TRUE_FATAL(server->port > 0);
}

static inline void
server_stop(struct server *server)
{
	int status;

	(void)close(server->input);
	(void)kill(server->pid, SIGTERM);
	(void)waitpid(server->pid, &status, 0);
}

/* ---- a client, without a worker around it ---- */

struct client {
	struct http *http;
	struct host_services services;
	struct config_http settings;
	struct host *host;
	int stop; /* 1: stop_requested says so */
	uint64_t received;
};

static inline int32_t
client_stops(void *ctx)
{
	return ((struct client *)ctx)->stop;
}

static inline void
client_received(void *ctx, const char *instance, uint64_t bytes)
{
	(void)instance;
	((struct client *)ctx)->received += bytes;
}

/* settings, pauses and so on are the usual ones but for the times, which are short. */
static inline void
client_start(struct client *client)
{
	const struct retry_limits limits = {3, 10000000, 3000000000};
	struct hf_error err = HF_ERROR_INIT;

	memset(client, 0, sizeof(*client));
	CU_ASSERT_EQUAL_FATAL(http_open(&limits, &client->http, &err), HF_OK);
	client->settings = config_http_usual;
	client->settings.timeout_ns = INT64_C(1000000000);
	client->settings.proxy = "none";
	client->services.ctx = client;
	client->services.stop_requested = client_stops;
	client->services.received = client_received;
	client->services.http = client->http;
	CU_ASSERT_EQUAL_FATAL(host_open("account", &client->services, NULL, NULL, &client->host, &err), HF_OK);
	host_set_http(client->host, &client->settings);
}

static inline void
client_end(struct client *client)
{
	host_free(client->host);
	http_close(client->http);
}

/* ---- what an exchange brings ---- */

struct item {
	char url[300];
	uint64_t offset;
	char validator[80];
	/* what came of it */
	struct buffer body;
	uint32_t flags; /* for the request, besides those of all */
	unsigned begins, ends, order;
	uint64_t begun_at;
	unsigned status;
	int64_t size;
	char mime[40], etag[80], final_url[300];
	int code;
	struct hf_error why;
};

struct items {
	struct item items[ITEMS_MAX];
	size_t count, asked;
	unsigned ended;
	uint32_t flags;
	uint64_t max_size;
	const char *method, *body, *origin;
	const char *mime; /* what is wanted; else it is refused, as anybody would who knows what to expect */
	const struct hf_http_header *headers;
	size_t header_count;
	int refuse_begin; /* nonzero: begin answers so */
	struct client *stop_at_begin;
};

static inline struct hf_text
as_text(const char *text)
{
	struct hf_text t = {text, text == NULL ? 0 : strlen(text), HF_TEXT_UTF8, 0};

	return t;
}

static inline int
items_next(void *ctx, struct hf_http_request *ret, struct hf_error *err)
{
	struct items *items = ctx;
	struct item *item = &items->items[items->asked];

	(void)err;
	if (items->asked == items->count)
		return HF_ENOTFOUND;
	ret->flags = items->flags | item->flags;
	ret->token = items->asked++;
	ret->method = items->method;
	ret->url = as_text(item->url);
	ret->headers = items->headers;
	ret->header_count = items->header_count;
	ret->body.data = items->body;
	ret->body.size = items->body == NULL ? 0 : strlen(items->body);
	ret->max_size = items->max_size;
	ret->offset = item->offset;
	ret->validator = as_text(item->validator[0] == '\0' ? NULL : item->validator);
	ret->origin = as_text(items->origin);
	return HF_OK;
}

static inline int
items_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct items *items = ctx;
	struct item *item = &items->items[token];

	item->begins++;
	item->begun_at = response->offset;
	item->status = response->status;
	item->size = response->size;
	(void)snprintf(item->mime, sizeof(item->mime), "%.*s", (int)response->mime.size,
	    response->mime.data == NULL ? "" : response->mime.data);
	(void)snprintf(item->etag, sizeof(item->etag), "%.*s", (int)response->validator.size,
	    response->validator.data == NULL ? "" : response->validator.data);
	(void)snprintf(item->final_url, sizeof(item->final_url), "%.*s", (int)response->url.size, response->url.data);
	/* As whoever resumes a file would do it: what is there stays up to the offset. */
	CU_ASSERT_TRUE(response->offset <= item->offset + item->body.size);
	if (response->offset < item->offset)
		item->body.size = 0;
	else
		item->body.size = response->offset - item->offset;
	if (items->stop_at_begin != NULL)
		items->stop_at_begin->stop = 1;
	if (items->mime != NULL && strcmp(items->mime, item->mime) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "not what was wanted");
	return items->refuse_begin == 0 ? HF_OK : hf_error_set(err, items->refuse_begin, 0, "refused");
}

static inline int
items_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct item *item = &((struct items *)ctx)->items[token];

	item->body.max = 256u << 20;
	buffer_append(&item->body, data, size);
	return buffer_status(&item->body, "body", err);
}

static inline int
items_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct item *item = &((struct items *)ctx)->items[token];

	(void)err;
	item->ends++;
	item->order = ((struct items *)ctx)->ended++;
	item->code = code;
	CU_ASSERT_EQUAL(code == HF_OK, why == NULL);
	if (why != NULL)
		item->why = *why;
	return HF_OK;
}

static inline int
items_run(struct items *items, struct client *client, uint32_t parallel)
{
	const struct hf_http_exchange exchange = {(uint32_t)sizeof(exchange), 0, items, parallel, 0, items_next,
	    items_begin, items_write, items_end};
	const struct hf_host *table = host_table(client->host);
	struct hf_error err = HF_ERROR_INIT;

	return http_host_extension.exchange(table->ctx, &exchange, &err);
}

static inline struct item *
items_add(struct items *items, const char *url)
{
	struct item *item = &items->items[items->count++];

	(void)snprintf(item->url, sizeof(item->url), "%s", url);
	return item;
}

static inline void
items_free(struct items *items)
{
	size_t i;

	for (i = 0; i < items->count; i++)
		buffer_release(&items->items[i].body);
	memset(items, 0, sizeof(*items));
}

/* ---- files to be served ---- */

static inline unsigned char
file_byte(unsigned file, size_t at)
{
	return (unsigned char)((at * 2654435761u + file * 40503u) >> 13);
}

static inline void
file_make(const char *folder, unsigned file, size_t size)
{
	char path[400];
	FILE *f;
	size_t i;

	(void)snprintf(path, sizeof(path), "%s/%u", folder, file);
	f = fopen(path, "w");
	for (i = 0; f != NULL && i < size; i++)
		(void)putc(file_byte(file, i), f);
	if (f == NULL || fclose(f) != 0)
		abort();
}

/* Whether these are a file's bytes from an offset on. */
static inline int
file_is(unsigned file, size_t offset, const struct buffer *body, size_t size)
{
	size_t i;

	if (body->size != size - offset)
		return 0;
	for (i = 0; i < body->size; i++) {
		if (body->data[i] != file_byte(file, offset + i))
			return 0;
	}
	return 1;
}

/* A new folder below the current one; its name is good until the next. */
static inline const char *
folder_make(void)
{
	static char folder[64];

	(void)snprintf(folder, sizeof(folder), "test-http.XXXXXX");
	if (mkdtemp(folder) == NULL)
		abort();
	return folder;
}

static inline void
folder_remove(const char *folder, unsigned files)
{
	char path[400];
	unsigned i;

	for (i = 0; i < files; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u", folder, i);
		(void)unlink(path);
	}
	(void)rmdir(folder);
}

#endif
