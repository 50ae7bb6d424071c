/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/client.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/path.h"
#include "http/library.h"

#define IDLE_MAX        4u
#define SOCKETS_MAX     256u
#define REFUSED_MAX     256u /* more than libcurl keeps connections */
#define AUTHORITIES_MAX (UINT64_C(4) << 20)
#define SECOND          INT64_C(1000000000)

static const struct retry_limits usual_limits = {3, SECOND, 60 * SECOND};

struct http {
	struct retry_limits limits;
	pthread_mutex_t mutex; /* of what follows */
	struct http_account *accounts;
	CURLM *idle[IDLE_MAX];
	unsigned idle_count;
	uint64_t refused[REFUSED_MAX];
	unsigned refused_count;
	int sockets[SOCKETS_MAX];
	unsigned socket_count;
};

int
http_open(const struct retry_limits *limits, struct http **ret, struct hf_error *err)
{
	struct http *http = calloc(1, sizeof(*http));

	if (http == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	http->limits = limits != NULL ? *limits : usual_limits;
	(void)pthread_mutex_init(&http->mutex, NULL);
	*ret = http;
	return HF_OK;
}

static void
account_free(struct http_account *account)
{
	if (account == NULL)
		return;
	free(account->authorities.data);
	free(account->name);
	free(account);
}

void
http_close(struct http *http)
{
	struct http_account *account;

	if (http == NULL)
		return;
	while (http->idle_count > 0)
		(void)curl.multi_cleanup(http->idle[--http->idle_count]);
	while ((account = http->accounts) != NULL) {
		http->accounts = account->next;
		account_free(account);
	}
	(void)pthread_mutex_destroy(&http->mutex);
	free(http);
}

const struct retry_limits *
client_limits(const struct http *http)
{
	return &http->limits;
}

/* ---- connections ---- */

int
client_take(struct http *http, CURLM **ret, struct hf_error *err)
{
	CURLM *multi = NULL;

	(void)pthread_mutex_lock(&http->mutex);
	if (http->idle_count > 0)
		multi = http->idle[--http->idle_count];
	(void)pthread_mutex_unlock(&http->mutex);
	if (multi == NULL)
		multi = curl.multi_init();
	if (multi == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	*ret = multi;
	return HF_OK;
}

void
client_give(struct http *http, CURLM *multi)
{
	(void)pthread_mutex_lock(&http->mutex);
	if (http->idle_count < IDLE_MAX) {
		http->idle[http->idle_count++] = multi;
		multi = NULL;
	}
	(void)pthread_mutex_unlock(&http->mutex);
	if (multi != NULL)
		(void)curl.multi_cleanup(multi);
}

/* ---- sockets ---- */

void
client_add_socket(struct http *http, int fd)
{
	(void)pthread_mutex_lock(&http->mutex);
	if (http->socket_count < SOCKETS_MAX)
		http->sockets[http->socket_count++] = fd;
	(void)pthread_mutex_unlock(&http->mutex);
}

void
client_close_socket(struct http *http, int fd)
{
	unsigned i;

	(void)pthread_mutex_lock(&http->mutex);
	for (i = 0; i < http->socket_count && http->sockets[i] != fd; i++)
		;
	if (i < http->socket_count)
		http->sockets[i] = http->sockets[--http->socket_count];
	(void)pthread_mutex_unlock(&http->mutex);
	(void)close(fd);
}

static int
port_of(int fd, int (*name_of)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	socklen_t size = sizeof(address);

	if (name_of(fd, (struct sockaddr *)&address, &size) != 0)
		return -1;
	if (address.ss_family == AF_INET) {
		memcpy(&in, &address, sizeof(in));
		return ntohs(in.sin_port);
	}
	memcpy(&in6, &address, sizeof(in6));
	return address.ss_family == AF_INET6 ? ntohs(in6.sin6_port) : -1;
}

bool
client_socket_has_bytes(struct http *http, int local_port, int remote_port)
{
	bool has = false;
	unsigned i;
	char byte;
	int fd;

	(void)pthread_mutex_lock(&http->mutex);
	for (i = 0; i < http->socket_count; i++) {
		fd = http->sockets[i];
		if (port_of(fd, getsockname) == local_port && port_of(fd, getpeername) == remote_port)
			has |= recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
	}
	(void)pthread_mutex_unlock(&http->mutex);
	return has;
}

/* ---- hosts whose certificate was refused ---- */

static uint64_t
refused_key(const struct url *url)
{
	char text[URL_MAX + 8];
	uint8_t sum[HASH_SIZE];
	uint64_t key = 0;

	(void)snprintf(text, sizeof(text), "%s:%u", url->host, url->port);
	if (hash_bytes(text, strlen(text), sum, NULL) == HF_OK)
		memcpy(&key, sum, sizeof(key));
	return key;
}

void
client_refuse(struct http *http, const struct url *url)
{
	uint64_t key = refused_key(url);

	(void)pthread_mutex_lock(&http->mutex);
	http->refused[http->refused_count++ % REFUSED_MAX] = key;
	(void)pthread_mutex_unlock(&http->mutex);
}

bool
client_refuses(struct http *http, const struct url *url)
{
	uint64_t key = refused_key(url);
	bool refused = false;
	unsigned i;

	(void)pthread_mutex_lock(&http->mutex);
	for (i = 0; i < REFUSED_MAX && i < http->refused_count; i++)
		refused |= http->refused[i] == key;
	(void)pthread_mutex_unlock(&http->mutex);
	return refused;
}

/* ---- accounts ---- */

/* The system's authorities and then the account's own, as libcurl knows only one file of them. */
static int
read_authorities(const char *file, struct curl_blob *ret, struct hf_error *err)
{
	const curl_version_info_data *info = curl.version_info(CURLVERSION_NOW);
	struct buffer all = BUFFER_INIT(AUTHORITIES_MAX);
	struct hf_error ignored = HF_ERROR_INIT;
	int r;

	if (info->cainfo != NULL && path_read(info->cainfo, AUTHORITIES_MAX, &all, &ignored) != HF_OK)
		buffer_clear(&all);
	buffer_append_byte(&all, '\n');
	r = path_read(file, AUTHORITIES_MAX - all.size, &all, err);
	if (r == HF_OK)
		r = buffer_status(&all, file, err);
	if (r != HF_OK) {
		buffer_release(&all);
		return hf_error_set(err, HF_EINVAL, err->os_errno, "ca_file: %s", err->msg);
	}
	ret->data = all.data;
	ret->len = all.size;
	ret->flags = CURL_BLOB_NOCOPY;
	return HF_OK;
}

static int
account_open(const struct host *host, struct http_account **ret, struct hf_error *err)
{
	struct http_account *account = calloc(1, sizeof(*account));
	struct hf_error why = HF_ERROR_INIT;
	int r = HF_OK;

	if (account == NULL || (account->name = strdup(host_instance(host))) == NULL) {
		account_free(account);
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	account->settings = host_http(host);
	if (account->settings->ca_file != NULL)
		r = read_authorities(account->settings->ca_file, &account->authorities, &why);
	if (r != HF_OK) {
		account_free(account);
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	}
	*ret = account;
	return HF_OK;
}

int
client_account(struct http *http, const struct host *host, struct http_account **ret, struct hf_error *err)
{
	struct http_account *account;
	int r = HF_OK;

	(void)pthread_mutex_lock(&http->mutex);
	for (account = http->accounts; account != NULL; account = account->next) {
		if (account->settings == host_http(host) && strcmp(account->name, host_instance(host)) == 0)
			break;
	}
	if (account == NULL && (r = account_open(host, &account, err)) == HF_OK) {
		account->next = http->accounts;
		http->accounts = account;
	}
	(void)pthread_mutex_unlock(&http->mutex);
	if (r == HF_OK)
		*ret = account;
	return r;
}

int64_t
client_turn(struct http *http, struct http_account *account, int64_t now)
{
	int64_t turn;

	if (account->settings->requests_per_second == 0)
		return now;
	(void)pthread_mutex_lock(&http->mutex);
	turn = account->free_at > now ? account->free_at : now;
	account->free_at = turn + SECOND / account->settings->requests_per_second;
	(void)pthread_mutex_unlock(&http->mutex);
	return turn;
}

/* ---- the extension ---- */

static int
open_exchange(void *host_ctx, struct exchange *exchange, struct hf_error *err)
{
	const struct host *host = host_ctx;
	int r;

	memset(exchange, 0, sizeof(*exchange));
	exchange->host = host;
	exchange->http = host_client(host);
	if (exchange->http == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "there is no HTTP in this process");
	r = library_open(err);
	if (r == HF_OK)
		r = client_account(exchange->http, host, &exchange->account, err);
	return r == HF_OK ? client_take(exchange->http, &exchange->multi, err) : r;
}

static int
extension_exchange(void *host_ctx, const struct hf_http_exchange *calls, struct hf_error *err)
{
	struct exchange exchange;
	int r;

	if (calls == NULL || calls->next == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "an HTTP exchange without requests");
	r = open_exchange(host_ctx, &exchange, err);
	if (r != HF_OK)
		return r;
	memcpy(&exchange.calls, calls,
	    calls->struct_size < sizeof(exchange.calls) ? calls->struct_size : sizeof(exchange.calls));
	r = exchange_run(&exchange, err);
	client_give(exchange.http, exchange.multi);
	return r;
}

static int
extension_request(void *host_ctx, const struct hf_http_request *request, const struct hf_sink *sink,
    uint32_t *ret_status, struct hf_error *err)
{
	struct exchange exchange;
	int r;

	if (request == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "no HTTP request");
	r = open_exchange(host_ctx, &exchange, err);
	if (r != HF_OK)
		return r;
	r = request_run(&exchange, request, sink, ret_status, err);
	client_give(exchange.http, exchange.multi);
	return r;
}

const struct hf_host_http http_host_extension = {(uint32_t)sizeof(http_host_extension), 0, extension_exchange,
    extension_request};
