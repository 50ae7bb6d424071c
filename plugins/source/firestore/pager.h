/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PAGER_H
#define PAGER_H

#include "service.h"

/* What is asked for; texts live as long as the pager. */
struct query {
	const char *parent;     /* path below documents, or "" */
	const char *collection; /* one name */
	bool group;             /* all collections of that name below parent */
	const char *where;      /* JSON of a filter, or NULL */
	const struct field *order; /* NULL: by name alone */
	bool keys;              /* no fields but order's and select's */
	const char *select;     /* another field's path, with keys; or NULL */
	uint32_t limit;         /* documents in a page */
};

/*
 * Reads a query page by page.  A page is asked for by the order's value and the name of the last document before
 * it.  What comes is checked before it is used: names, order, number; so a page that comes twice, or another's, is an
 * error and no loss.
 */
struct pager {
	struct service *service;
	struct query query;
	struct text at;   /* JSON of the order's value of the last document; empty: from the start */
	struct text name; /* its name, decoded; empty: at is where to start, inclusive */
	struct document *document;
	char read[TIME_TEXT_SIZE]; /* the reading time of its first answer: what it has not seen was changed since */
	uint32_t limit;   /* may be smaller than the query's, for large documents */
	uint64_t count;   /* documents of the last page */
	bool done;        /* it was the last one */
	bool spent;       /* the budget is used up, so that there was no page */
};

/* The name of a collection's path; what is before it goes to parent. */
const char *collection_split(const char *path, char *parent, size_t capacity);

/* Nonzero: stop and return it. */
typedef int (*document_fn)(void *ctx, const struct document *document, struct hf_error *err);

int pager_init(struct pager *pager, struct service *service, const struct query *query, struct hf_error *err);
void pager_release(struct pager *pager);
/* Gives the documents of the next page to fn. */
int pager_page(struct pager *pager, document_fn fn, void *ctx, struct hf_error *err);
/* All of them. */
int pager_all(struct pager *pager, document_fn fn, void *ctx, struct hf_error *err);
/*
 * Gives documents by their names ("projects/..."), a JSON list of which is in names without its brackets, to fn; count:
 * how many there are.  Those that are gone are left out.
 */
int pager_get(struct pager *pager, const struct text *names, uint64_t count, document_fn fn, void *ctx,
    struct hf_error *err);
/* How many documents a query finds that have the field of its order. */
int pager_count(struct service *service, const struct query *query, int64_t *ret_count, struct hf_error *err);

#endif
