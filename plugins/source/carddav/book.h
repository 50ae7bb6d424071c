/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BOOK_H
#define BOOK_H

#include "dav.h"

#include "common/match.h"

/* The source's instance. */
struct carddav {
	const struct hf_host *host;
	const struct hf_host_write *write;
	struct dav dav;
	struct bytes url;         /* as it is configured */
	struct bytes start;       /* its path */
	const char *user;         /* NULL: none */
	const char *wanted;       /* names of address books, each followed by a newline; NULL: all */
	bool known_only;          /* ask for properties by name, without media */
	struct match match;       /* what is there, for put_contact; empty until its first call */
	struct bytes first_book;  /* where new cards are put */
	bool matched;
};

/* An address book at the server.  Empty: not told. */
struct book {
	struct bytes path;  /* NUL-terminated, with "/" at its end */
	struct bytes name;
	struct bytes token; /* of its state now */
	struct bytes ctag;
};

struct books {
	struct bytes home; /* that lists them; of a single book, itself */
	bool single;
	struct book *list;
	size_t count, capacity;
};

void books_init(struct books *books);
void books_release(struct books *books);
int books_add(struct books *books, struct book **ret, struct hf_error *err);

/*
 * Finds the address books that are wanted, from the configured URL on (RFC 6764, RFC 5397, RFC 6352).  HF_ENOTFOUND:
 * there is none, or not the one that is named.
 */
int books_discover(struct carddav *carddav, struct books *ret, struct hf_error *err);
/* HF_OK: the server has something at this path; HF_ENOTFOUND: it says that it has not. */
int book_is_there(struct carddav *carddav, const char *path, struct hf_error *err);
/* Lists them where home and single are known: one request. */
int books_list(struct carddav *carddav, struct books *books, struct hf_error *err);

/* Cards of one book that a listing named. */
struct href {
	uint32_t path_at; /* a NUL-terminated string in texts */
	bool gone;        /* it was deleted */
	bool done;        /* it was answered */
};

struct hrefs {
	struct bytes texts;
	struct href *list;
	size_t count, capacity;
};

void hrefs_init(struct hrefs *hrefs);
void hrefs_clear(struct hrefs *hrefs);
void hrefs_release(struct hrefs *hrefs);
/* HF_ERANGE: there are too many, or they are too long; HF_ENOMEM. */
int hrefs_add(struct hrefs *hrefs, const char *path, size_t size, bool gone, struct hf_error *err);

/*
 * Lists books->list[index]: what has changed since token, or with token "" all of it.  *ret_token gets the state that
 * was listed; size 0: the server has no such thing.  HF_EINVAL with a token: it is of no use any more.  HF_ECORRUPT:
 * what it lists cannot be, such as a card of another one of the books.
 */
int book_changes(struct carddav *carddav, const struct books *books, size_t index, const char *token,
    struct hrefs *hrefs, struct bytes *ret_token, struct hf_error *err);

/* Told each card: card NULL means that it could not be got, for why. */
typedef int (*book_card_fn)(void *ctx, const char *path, const char *etag, const struct bytes *card,
    const struct hf_error *why, struct hf_error *err);
/* Gets the cards that are not gone, and forgets those that are.  What the server has no more is passed over. */
int book_cards(struct carddav *carddav, const struct book *book, struct hrefs *hrefs, book_card_fn fn, void *ctx,
    struct hf_error *err);

/* ---- the source's calls ---- */

int read_contacts(struct carddav *carddav, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err);
int put_card(struct carddav *carddav, const struct hf_contact *card, uint32_t flags, uint32_t *done,
    struct hf_error *err);

#endif
