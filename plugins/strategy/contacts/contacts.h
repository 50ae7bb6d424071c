/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONTACTS_H
#define CONTACTS_H

#include <holdfast/strategy.h>

#include "changes.h"
#include "index.h"

/* The strategy's instance. */
struct contacts {
	const struct hf_host *host;
	struct tools tools;
};

/* One account's address book under way. */
struct book {
	const struct contacts *contacts;
	const struct hf_source_view *view;
	const struct hf_emitter *emitter;
	const char *path; /* the unit's folder, which names it to people */
	/* What the previous snapshot has. */
	struct bytes account; /* account.json; size 0: none that can be used */
	struct bytes cursor;
	struct spool index;
	uint64_t cards;
	/* What the source says. */
	struct changes changes;
	struct bytes identity;    /* members of account.json */
	struct spool next_cursor; /* empty: none */
	bool full;                /* all cards follow, not only what is new */
	uint64_t pushed, failed;
	bool refused;             /* one that the source takes for done could not be taken */
	uint64_t items, bytes;    /* looked at and not told yet */
	struct bytes stripped;    /* the card that was pushed last */
};

#define BOOK_CARD_MAX   (2u << 20)  /* of a card without its media, which is in memory several times */
#define BOOK_CURSOR_MAX (12u << 20)

/* Backs up the account that is one unit. */
int book_execute(struct book *book, const struct hf_run *run, struct hf_error *err);
/* Lays the changes over the previous snapshot's cards, and writes what is different then. */
int book_merge(struct book *book, struct hf_error *err);
/* Tells an item that cannot be backed up. */
int book_failed(struct book *book, const char *where, const struct hf_error *why, struct hf_error *err);

#endif
