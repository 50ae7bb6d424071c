/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HTTP_TRANSFER_H
#define HTTP_TRANSFER_H

#include "http/client.h"
#include "http/header.h"
#include "http/url.h"

#define TRANSFER_REDIRECTS 5u
#define TRANSFER_VALIDATOR 256

enum transfer_state {
	TRANSFER_FREE,
	TRANSFER_WAITING, /* for due */
	TRANSFER_RUNNING
};

/* What the header of an answer has decided. */
enum transfer_fate {
	FATE_NONE,     /* it is not whole yet */
	FATE_DELIVER,  /* the body goes to whoever asked */
	FATE_REDIRECT, /* there is another URL to go to */
	FATE_AGAIN,    /* the server cannot now */
	FATE_ANEW,     /* it is not the range that was asked for */
	FATE_STATUS    /* a failure */
};

/* What was asked for; its own copy but for the body. */
struct wanted {
	uint64_t token;
	uint32_t flags;
	char method[24];
	struct url *origin;         /* NULL: none */
	struct curl_slist *open;    /* header lines */
	struct curl_slist *secret;  /* those for the first URL's host alone */
	struct hf_blob body;
	uint64_t max_size;
	bool has_range, has_encoding, has_type; /* header lines of that kind */
};

/* One request on its way, through redirects and tries, to its end. */
struct transfer {
	const struct exchange *exchange;
	enum transfer_state state;
	int64_t due;
	CURL *easy;
	struct curl_slist *lines;
	struct wanted wanted;
	/* The way: chain[0] is the URL of the request, chain[hops] the current one. */
	struct url *chain[TRANSFER_REDIRECTS + 1];
	unsigned hops;
	unsigned sends[TRANSFER_REDIRECTS + 1]; /* requests that were sent at this hop, in all tries */
	bool left;   /* another origin was on the way: no secrets from there on */
	bool public; /* the first URL's server has a public address */
	bool is_get; /* a redirect made it one */
	bool fresh;  /* not over a connection that was used before */
	bool ready;  /* its turn has come; start needs no other */
	unsigned tries;
	/* The answer. */
	struct headers headers;
	enum transfer_fate fate;
	uint64_t ignored; /* bytes of a body nobody wants */
	bool opened, denied; /* sockets of this try, by the policy */
	/* The body. */
	bool begun;
	bool resumable;    /* the bytes that were pushed are of what validator stands for */
	uint64_t asked;    /* the offset that this try asks for; 0: the whole */
	uint64_t position; /* of the next byte that is pushed */
	int64_t end;       /* where the body has to end; -1: not known */
	int64_t total;     /* of the whole; -1: not known */
	char validator[TRANSFER_VALIDATOR];
	/* The result. */
	int code;
	bool again; /* code may pass */
	struct hf_error why;
	char text[CURL_ERROR_SIZE];
};

/* Takes over a request; on failure the transfer is free. */
int transfer_accept(struct transfer *transfer, const struct hf_http_request *request, struct hf_error *err);
/* Sets up the handle for the current URL, to be added to the multi handle.  Fails as transfer_finish does. */
int transfer_prepare(struct transfer *transfer);
/*
 * Looks at what came of it.  True: the transfer ended, with code and why.  False: it goes on at due, perhaps at
 * once.
 */
bool transfer_finish(struct transfer *transfer, CURLcode result, int64_t now);
/* Forgets the request, keeps the memory for the next one. */
void transfer_clear(struct transfer *transfer);
/* After it was cleared. */
void transfer_release(struct transfer *transfer);

#endif
