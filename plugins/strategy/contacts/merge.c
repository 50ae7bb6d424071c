/* SPDX-License-Identifier: BSD-2-Clause */
#include "contacts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "jcard.h"

#define JCARD_MAX     (32u << 20)
#define DOCUMENT_MAX  (1u << 20)
#define SMALL_FILE    (16u << 20) /* what an older host takes at once */

/* The new files while they grow, and the old ones while they are read. */
struct merge {
	struct book *book;
	struct spool vcf, json, index;
	uint64_t cards;
	int64_t newest_ns;
	struct bytes text;        /* a jCard, a line of the index */
	struct index_entry entry; /* the old card under way */
	bool has_entry;
	struct bytes card;        /* its bytes so far */
	struct change_card change;
	bool keep_absent;         /* what was not pushed may be there nevertheless */
	uint64_t added, changed, removed;
};

static const struct tools *
tools_of(const struct merge *merge)
{
	return &merge->book->contacts->tools;
}

/* ---- writing ---- */

static int
put_card(struct merge *merge, const struct hf_text *id, const struct hf_text *revision, const struct bytes *card,
    int64_t updated_ns, struct hf_error *err)
{
	int r = spool_put(&merge->vcf, card->data, card->size, err);

	bytes_clear(&merge->text);
	bytes_string(&merge->text, merge->cards++ == 0 ? "[\n" : ",\n");
	if (r == HF_OK)
		r = jcard_put(card->data, card->size, &merge->text, err);
	if (r == HF_OK)
		r = spool_put(&merge->json, merge->text.data, merge->text.size, err);
	bytes_clear(&merge->text);
	index_put(tools_of(merge), id, revision, card->size, updated_ns, &merge->text);
	if (r == HF_OK)
		r = bytes_status(&merge->text, "a line of index.jsonl", err);
	if (r == HF_OK)
		r = spool_put(&merge->index, merge->text.data, merge->text.size, err);
	if (updated_ns > merge->newest_ns)
		merge->newest_ns = updated_ns;
	return r;
}

static struct hf_text
text_of(const struct bytes *bytes)
{
	return (struct hf_text){bytes->size == 0 ? "" : bytes->data, bytes->size, HF_TEXT_UTF8, 0};
}

static int
put_change(struct merge *merge, struct hf_error *err)
{
	const struct change_card *change = &merge->change;
	struct hf_text id = text_of(&change->id), revision = text_of(&change->revision);

	return put_card(merge, &id, change->has_revision ? &revision : NULL, &change->card, change->updated_ns,
	    err);
}

static int
put_old(struct merge *merge, struct hf_error *err)
{
	struct hf_text id = text_of(&merge->entry.id), revision = text_of(&merge->entry.revision);

	return put_card(merge, &id, merge->entry.has_revision ? &revision : NULL, &merge->card, merge->entry.updated_ns,
	    err);
}

/* ---- merging ---- */

static int
compare_text(const struct hf_text *a, const struct hf_text *b)
{
	size_t least = (size_t)(a->size < b->size ? a->size : b->size);
	int order = memcmp(a->data, b->data, least);

	return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

/* Writes the changes whose id is before that one (NULL: all that are left). */
static int
put_changes_before(struct merge *merge, const struct hf_text *id, struct hf_error *err)
{
	struct hf_text next;
	int r = HF_OK;

	while (r == HF_OK && changes_peek(&merge->book->changes, &next) &&
	       (id == NULL || compare_text(&next, id) < 0)) {
		r = changes_take(&merge->book->changes, &merge->change, err);
		if (r != HF_OK || merge->change.deleted)
			continue;
		merge->added++;
		r = put_change(merge, err);
	}
	return r;
}

/* Whether the card that was pushed is the one that is there. */
static bool
is_same(const struct merge *merge)
{
	const struct change_card *change = &merge->change;
	const struct index_entry *entry = &merge->entry;

	return change->card.size == merge->card.size &&
	       memcmp(change->card.data, merge->card.data, merge->card.size) == 0 &&
	       change->has_revision == entry->has_revision && (!entry->has_revision ||
	       (change->revision.size == entry->revision.size &&
	       (entry->revision.size == 0 ||
	       memcmp(change->revision.data, entry->revision.data, entry->revision.size) == 0)));
}

/* The old card is whole. */
static int
merge_old(struct merge *merge, struct hf_error *err)
{
	struct hf_text id = text_of(&merge->entry.id), next;
	int r = put_changes_before(merge, &id, err);

	if (r != HF_OK)
		return r;
	if (!changes_peek(&merge->book->changes, &next) || compare_text(&next, &id) != 0) {
		if (!merge->book->full || merge->keep_absent)
			return put_old(merge, err);
		merge->removed++;
		return HF_OK;
	}
	r = changes_take(&merge->book->changes, &merge->change, err);
	if (r != HF_OK)
		return r;
	if (merge->change.deleted) {
		merge->removed++;
		return HF_OK;
	}
	if (is_same(merge))
		return put_old(merge, err);
	merge->changed++;
	return put_change(merge, err);
}

static int
next_old(struct merge *merge, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct bytes before = merge->entry.id;
	struct hf_text old, now;
	int r;

	/* The order is checked, as it is what merging rests on. */
	merge->entry.id = (struct bytes)BYTES_INIT(INDEX_ID_MAX);
	r = index_next(tools_of(merge), &merge->book->index, &merge->entry, &why);
	old = text_of(&before);
	now = text_of(&merge->entry.id);
	if (r == HF_OK && merge->has_entry && compare_text(&old, &now) >= 0)
		r = hf_error_set(&why, HF_ECORRUPT, 0, "index.jsonl is not in order");
	if (r == HF_OK && merge->entry.size > BOOK_CARD_MAX)
		r = hf_error_set(&why, HF_ECORRUPT, 0, "index.jsonl tells of a card that is too long");
	bytes_release(&before);
	bytes_clear(&merge->card);
	merge->has_entry = r == HF_OK;
	return r == HF_OK || r == HF_ENOTFOUND ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

/* The old contacts.vcf, piece by piece. */
static int
take_old(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct merge *merge = ctx;
	const char *at = data;
	uint64_t part;
	int r = HF_OK;

	while (r == HF_OK && size > 0) {
		if (!merge->has_entry)
			return hf_error_set(err, HF_ECORRUPT, 0, "contacts.vcf is longer than index.jsonl says");
		part = merge->entry.size - merge->card.size;
		if (part > size)
			part = size;
		bytes_put(&merge->card, at, (size_t)part);
		r = bytes_status(&merge->card, "a card", err);
		at += part;
		size -= part;
		if (r == HF_OK && merge->card.size == merge->entry.size) {
			r = merge_old(merge, err);
			if (r == HF_OK)
				r = next_old(merge, err);
		}
	}
	return r;
}

static int
merge_all(struct merge *merge, struct hf_error *err)
{
	const struct hf_sink sink = {sizeof(sink), 0, merge, take_old};
	struct book *book = merge->book;
	int r = spool_seek(&book->index, 0, err);

	if (r == HF_OK && book->cards > 0)
		r = next_old(merge, err);
	if (r == HF_OK && book->cards > 0)
		r = book->emitter->previous(book->emitter->ctx, "contacts.vcf", &sink, err);
	/* Where there were cards, no file is as good as a damaged one. */
	if (r == HF_ENOTFOUND || (r == HF_OK && merge->has_entry))
		r = hf_error_set(err, HF_ECORRUPT, 0, "contacts.vcf is shorter than index.jsonl says");
	if (r == HF_OK)
		r = put_changes_before(merge, NULL, err);
	if (r == HF_OK)
		r = spool_put(&merge->json, merge->cards == 0 ? "[]\n" : "\n]\n", 3, err);
	return r;
}

/* ---- the files ---- */

static int
write_file(struct merge *merge, const char *name, const struct bytes *data, struct hf_error *err)
{
	const struct hf_emitter *emitter = merge->book->emitter;
	struct hf_blob blob = {data->data, data->size};

	return emitter->file(emitter->ctx, name, &blob, merge->newest_ns == HF_NO_TIME ? 0 : merge->newest_ns, err);
}

static int
write_spool(struct merge *merge, const char *name, struct spool *spool, struct hf_error *err)
{
	const struct hf_emitter *emitter = merge->book->emitter;
	struct hf_reader reader = spool_reader(spool);
	struct bytes whole = BYTES_INIT(SMALL_FILE);
	int r = spool_seek(spool, 0, err);

	if (r != HF_OK)
		return r;
	if (HF_HAS(emitter, file_from) && emitter->file_from != NULL)
		return emitter->file_from(emitter->ctx, name, &reader,
		    merge->newest_ns == HF_NO_TIME ? 0 : merge->newest_ns, err);
	(void)bytes_reserve(&whole, (size_t)(spool->size > SMALL_FILE ? SMALL_FILE + 1 : spool->size));
	r = bytes_status(&whole, name, err);
	if (r == HF_OK)
		r = spool_get(spool, whole.data, (size_t)spool->size, err);
	whole.size = (size_t)spool->size;
	if (r == HF_OK)
		r = write_file(merge, name, &whole, err);
	bytes_release(&whole);
	return r;
}

static int
write_account(struct merge *merge, struct hf_error *err)
{
	const struct book *book = merge->book;
	struct bytes document = BYTES_INIT(DOCUMENT_MAX);
	int r;

	bytes_string(&document, "{\"schema\":\"holdfast.contacts/1\",\"account\":");
	index_put_text(tools_of(merge), book->view->account, strlen(book->view->account), &document);
	bytes_string(&document, ",\"source\":");
	index_put_text(tools_of(merge), book->view->source, strlen(book->view->source), &document);
	bytes_put(&document, book->identity.data, book->identity.size);
	bytes_format(&document, ",\"cards\":%" PRIu64 "}\n", merge->cards);
	r = bytes_status(&document, "account.json", err);
	if (r == HF_OK && (document.size != book->account.size ||
	    memcmp(document.data, book->account.data, document.size) != 0))
		r = write_file(merge, "account.json", &document, err);
	bytes_release(&document);
	return r;
}

/* Whether the source's cursor is the one that the previous snapshot has. */
static int
is_same_cursor(const struct book *book, struct spool *now, bool *ret_same, struct hf_error *err)
{
	const struct bytes *before = &book->cursor;
	char piece[4096];
	size_t at, size;
	int r = spool_seek(now, 0, err);

	*ret_same = now->size == before->size && book->account.size > 0;
	for (at = 0; r == HF_OK && *ret_same && at < before->size; at += size) {
		size = before->size - at < sizeof(piece) ? before->size - at : sizeof(piece);
		r = spool_get(now, piece, size, err);
		*ret_same = r == HF_OK && memcmp(piece, before->data + at, size) == 0;
	}
	return r;
}

/*
 * Where the source told none, an empty one: the next run asks for all.  Behind a card that was refused the source must
 * not go on: it is asked for again from where this run began.
 */
static int
write_cursor(struct merge *merge, struct hf_error *err)
{
	struct book *book = merge->book;
	bool same = false;
	int r = HF_OK;

	if (book->refused && book->cursor.size > 0)
		return HF_OK;
	if (book->refused)
		r = spool_clear(&book->next_cursor, err);
	if (r == HF_OK)
		r = is_same_cursor(book, &book->next_cursor, &same, err);

	return r != HF_OK || same ? r : write_spool(merge, "cursor", &book->next_cursor, err);
}

/* New, changed and deleted cards are what is new in this run. */
static int
count_changes(const struct merge *merge, struct hf_error *err)
{
	const struct hf_emitter *emitter = merge->book->emitter;
	uint64_t count = merge->added + merge->changed + merge->removed;

	return count > 0 && HF_HAS(emitter, added) && emitter->added != NULL ? emitter->added(emitter->ctx, count, err)
	                                                                     : HF_OK;
}

/* The newest time of the cards that stay, when none is looked at. */
static int
find_newest(struct merge *merge, struct hf_error *err)
{
	int r = spool_seek(&merge->book->index, 0, err);

	while (r == HF_OK) {
		r = index_next(tools_of(merge), &merge->book->index, &merge->entry, err);
		if (r == HF_OK && merge->entry.updated_ns > merge->newest_ns)
			merge->newest_ns = merge->entry.updated_ns;
		merge->cards += r == HF_OK;
	}
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
write_all(struct merge *merge, struct hf_error *err)
{
	const struct book *book = merge->book;
	int r = write_spool(merge, "contacts.vcf", &merge->vcf, err);

	if (r == HF_OK)
		r = write_spool(merge, "contacts.json", &merge->json, err);
	if (r == HF_OK)
		r = write_spool(merge, "index.jsonl", &merge->index, err);
	if (r == HF_OK)
		hf_log(book->contacts->host, HF_LOG_DEBUG,
		    "%s: %" PRIu64 " card%s, %" PRIu64 " new, %" PRIu64 " changed, %" PRIu64 " deleted", book->path,
		    merge->cards, merge->cards == 1 ? "" : "s", merge->added, merge->changed, merge->removed);
	return r;
}

static void
close_merge(struct merge *merge)
{
	spool_close(&merge->vcf);
	spool_close(&merge->json);
	spool_close(&merge->index);
	bytes_release(&merge->text);
	bytes_release(&merge->card);
	bytes_release(&merge->change.id);
	bytes_release(&merge->change.revision);
	bytes_release(&merge->change.card);
	index_release(&merge->entry);
}

int
book_merge(struct book *book, struct hf_error *err)
{
	struct merge merge = {.book = book, .newest_ns = HF_NO_TIME, .text = BYTES_INIT(JCARD_MAX),
	    .card = BYTES_INIT(BOOK_CARD_MAX + 4), .keep_absent = book->failed > 0,
	    .change = {.id = BYTES_INIT(INDEX_ID_MAX),
	        .revision = BYTES_INIT(INDEX_ID_MAX), .card = BYTES_INIT(BOOK_CARD_MAX + 4)}};
	int r = HF_OK;

	index_init(&merge.entry);
	if (!book->full && book->changes.count == 0 && book->account.size > 0) {
		r = find_newest(&merge, err);
		if (r == HF_OK && merge.cards != book->cards)
			r = hf_error_set(err, HF_ECORRUPT, 0, "index.jsonl and account.json differ");
	} else {
		r = spool_open(&merge.vcf, err);
		if (r == HF_OK)
			r = spool_open(&merge.json, err);
		if (r == HF_OK)
			r = spool_open(&merge.index, err);
		if (r == HF_OK)
			r = merge_all(&merge, err);
		/* Read in full and found the same: nothing is written again. */
		if (r == HF_OK && (merge.added + merge.changed + merge.removed > 0 || book->account.size == 0))
			r = write_all(&merge, err);
	}
	if (r == HF_OK)
		r = write_account(&merge, err);
	if (r == HF_OK)
		r = write_cursor(&merge, err);
	if (r == HF_OK)
		r = count_changes(&merge, err);
	close_merge(&merge);
	return r;
}
