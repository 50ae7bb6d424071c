/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_CLIENT_H
#define HTTP_CLIENT_H

#include <curl/curl.h>

#include "http/http.h"
#include "http/url.h"
#include "plugin/host.h"

/* What the client knows of one account, as long as the client lives. */
struct http_account {
	struct http_account *next;
	char *name;
	const struct config_http *settings;
	struct curl_blob authorities; /* the system's and those of ca_file; data NULL: the library's own */
	int64_t free_at; /* when the next request may start, on time_boot's clock; of the client's mutex */
};

/* An exchange under way: what its transfers share. */
struct exchange {
	struct http *http;
	struct http_account *account;
	const struct host *host;
	struct hf_http_exchange calls; /* the caller's, or zero where it had none */
	CURLM *multi;
};

const struct retry_limits *client_limits(const struct http *http);
/*
 * Connections to use alone until they are given back, which keeps them: an exchange that is begun inside of
 * another one, or in another thread, has its own.
 */
int client_take(struct http *http, CURLM **ret, struct hf_error *err);
void client_give(struct http *http, CURLM *multi);
/* HF_EINVAL: its settings cannot be used. */
int client_account(struct http *http, const struct host *host, struct http_account **ret, struct hf_error *err);
/* When a request of the account may start, now or later; the next one then has to wait for its turn. */
int64_t client_turn(struct http *http, struct http_account *account, int64_t now);

/* The sockets of all connections, so that the one of a connection that is used again can be looked at. */
void client_add_socket(struct http *http, int fd);
void client_close_socket(struct http *http, int fd);
/* Whether bytes wait to be read at the socket with those ports, before anything was asked for. */
bool client_socket_has_bytes(struct http *http, int local_port, int remote_port);

/*
 * Remembers that a host's certificate was refused.  libcurl keeps an HTTP/2 connection to it all the same, and a
 * transfer that comes to it later does not see the certificate.
 */
void client_refuse(struct http *http, const struct url *url);
bool client_refuses(struct http *http, const struct url *url);

/* Runs an exchange to its end: what hf_host_http's exchange promises. */
int exchange_run(struct exchange *exchange, struct hf_error *err);
/* The same for one request into a sink. */
int request_run(struct exchange *exchange, const struct hf_http_request *request, const struct hf_sink *sink,
    uint32_t *ret_status, struct hf_error *err);

#endif
