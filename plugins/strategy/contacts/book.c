/* SPDX-License-Identifier: BSD-2-Clause */
#include "contacts.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/vcard.h"

#define ACCOUNT_MAX (1u << 20)
#define BATCH       64u /* cards between two calls of the host */

/* ---- items ---- */

static int
tell(struct book *book, struct hf_error *err)
{
	const struct hf_host *host = book->contacts->host;
	int r = HF_OK;

	if (book->items > 0 || book->bytes > 0)
		r = book->emitter->done(book->emitter->ctx, book->items, book->bytes, err);
	book->items = book->bytes = 0;
	if (r == HF_OK && host->stop_requested(host->ctx) != 0)
		r = hf_error_set(err, HF_ESTOPPING, 0, "%s: told to stop", book->path);
	return r;
}

int
book_failed(struct book *book, const char *where, const struct hf_error *why, struct hf_error *err)
{
	book->failed++;
	return book->emitter->failed(book->emitter->ctx, where, why, err);
}

/* A card's id for people, with what could harm a terminal taken out. */
static void
name_card(const struct hf_text *id, char *name, size_t size)
{
	size_t i;

	for (i = 0; i < id->size && i + 1 < size; i++)
		name[i] = id->data[i] > ' ' && id->data[i] < 0x7f ? id->data[i] : '?';
	name[i] = '\0';
}

/* ---- the source's records ---- */

static int
take_account(void *ctx, const struct hf_account *account, struct hf_error *err)
{
	struct book *book = ctx;
	const struct hf_text *texts[] = {&account->service, &account->id, &account->name};
	static const char *const names[] = {"service", "id", "name"};
	size_t i;

	bytes_clear(&book->identity);
	for (i = 0; i < 3; i++) {
		if (texts[i]->data == NULL || texts[i]->encoding != HF_TEXT_UTF8)
			continue;
		bytes_format(&book->identity, ",\"%s\":", names[i]);
		index_put_text(&book->contacts->tools, texts[i]->data, (size_t)texts[i]->size, &book->identity);
	}
	return bytes_status(&book->identity, "account.json", err);
}

static int
take_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	return book_failed(ctx, where, why, err);
}

static int
take_reset(void *ctx, struct hf_error *err)
{
	struct book *book = ctx;

	book->full = true;
	book->pushed = 0;
	return changes_clear(&book->changes, err);
}

static int
take_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct book *book = ctx;
	int r = spool_clear(&book->next_cursor, err);

	if (cursor->size <= BOOK_CURSOR_MAX)
		return r == HF_OK ? spool_put(&book->next_cursor, cursor->data, (size_t)cursor->size, err) : r;
	hf_log(book->contacts->host, HF_LOG_WARNING,
	    "%s: the source's cursor is not kept (%" PRIu64 " bytes): the next backup reads all cards", book->path,
	    cursor->size);
	return r;
}

/* The card without its media and with a line end at its end, in book->stripped. */
static int
strip_card(struct book *book, const struct hf_contact *contact, struct hf_error *err)
{
	struct bytes *card = &book->stripped;
	int r;

	bytes_clear(card);
	r = vcard_check(contact->card.data, (size_t)contact->card.size, err);
	if (r == HF_OK)
		r = vcard_strip(contact->card.data, (size_t)contact->card.size, card, err);
	if (r != HF_OK)
		return r;
	if (card->data[card->size - 1] != '\n' && card->data[card->size - 1] != '\r')
		bytes_string(card, memchr(card->data, '\r', card->size) == NULL ? "\n" : "\r\n");
	return bytes_status(card, "a card", err);
}

static int
add_card(struct book *book, const struct hf_contact *contact, const struct hf_text *revision, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char name[200];
	int r = strip_card(book, contact, &why);

	if (r == HF_OK)
		return changes_add(&book->changes, &contact->id, revision, &book->stripped, contact->updated_ns, err);
	if (r != HF_ECORRUPT && r != HF_ERANGE)
		return hf_error_set(err, r, 0, "%s: %s", book->path, why.msg);
	name_card(&contact->id, name, sizeof(name));
	book->refused = true;
	return book_failed(book, name, &why, err);
}

static int
take_contact(void *ctx, const struct hf_contact *contact, struct hf_error *err)
{
	struct book *book = ctx;
	const struct hf_text *revision = contact->revision.data == NULL || contact->revision.size > INDEX_ID_MAX
	                                     ? NULL : &contact->revision;
	struct hf_error why = HF_ERROR_INIT;
	uint64_t failed = book->failed;
	int r;

	if (contact->id.data == NULL || contact->id.size == 0 || contact->id.size > INDEX_ID_MAX ||
	    contact->id.encoding != HF_TEXT_UTF8) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "a card whose id is empty or longer than %u bytes",
		    INDEX_ID_MAX);
		r = book_failed(book, "a card without id", &why, err);
	} else if (contact->flags & HF_CONTACT_DELETED) {
		r = changes_add(&book->changes, &contact->id, NULL, NULL, HF_NO_TIME, err);
	} else {
		book->pushed++;
		r = add_card(book, contact, revision, err);
	}
	/* The host counts those that failed itself. */
	book->items += book->failed == failed;
	book->bytes += contact->card.size;
	return r != HF_OK || book->items < BATCH ? r : tell(book, err);
}

/* ---- the previous snapshot ---- */

/* HF_ENOTFOUND: there is none, or none that can be used. */
static int
read_previous(struct book *book, const char *name, const struct hf_sink *sink, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r = book->emitter->previous(book->emitter->ctx, name, sink, &why);

	if (r == HF_ECORRUPT || r == HF_ERANGE) {
		hf_log(book->contacts->host, HF_LOG_WARNING, "%s/%s of the last snapshot is not used: %s", book->path,
		    name, why.msg);
		r = HF_ENOTFOUND;
	}
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

static bool
text_is(const struct hf_json_value *value, const char *text)
{
	return value->type == HF_JSON_STRING && value->size == strlen(text) &&
	       memcmp(value->data, text, (size_t)value->size) == 0;
}

/* What account.json says; false: it is not one of ours. */
static bool
take_document(struct book *book, bool *ret_same_source)
{
	static const char *const names[] = {"schema", "source", "cards"};
	struct hf_json_value values[3];

	if (bytes_text(&book->account) == NULL || book->contacts->tools.json->object(book->account.data,
	    book->account.size, names, 3, values, NULL) != HF_OK || !text_is(&values[0], "holdfast.contacts/1") ||
	    values[2].type != HF_JSON_NUMBER)
		return false;
	*ret_same_source = text_is(&values[1], book->view->source);
	book->cards = strtoull(values[2].data, NULL, 10);
	return true;
}

static void
forget_previous(struct book *book)
{
	bytes_clear(&book->account);
	bytes_clear(&book->cursor);
	book->cards = 0;
	(void)spool_clear(&book->index, NULL);
}

/* Reads what there is; what does not fit together is not used, and then all is read again. */
static int
open_previous(struct book *book, struct hf_error *err)
{
	struct hf_sink account = bytes_sink(&book->account), cursor = bytes_sink(&book->cursor),
	               index = spool_sink(&book->index);
	bool same_source = false;
	int r = read_previous(book, "account.json", &account, err);

	if (r == HF_OK && !take_document(book, &same_source))
		r = HF_ENOTFOUND;
	if (r == HF_OK)
		r = read_previous(book, "index.jsonl", &index, err);
	if (r == HF_OK && same_source) {
		r = read_previous(book, "cursor", &cursor, err);
		if (r == HF_ENOTFOUND) {
			bytes_clear(&book->cursor);
			r = HF_OK;
		}
	}
	if (r == HF_ENOTFOUND) {
		forget_previous(book);
		return HF_OK;
	}
	return r;
}

/* ---- a run ---- */

static int
ask_account(struct book *book, struct hf_error *err)
{
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = book, .account = take_account,
	    .failed = take_failed};
	const struct hf_query query = {.struct_size = sizeof(query), .what = HF_QUERY_ACCOUNT};
	int r = book->view->enumerate(book->view->ctx, &query, &sink, err);

	return r == HF_ENOTSUP ? HF_OK : r;
}

/* Without a right to read there is nothing to try again. */
static int
explain(const struct book *book, int code, const struct hf_error *why, struct hf_error *err)
{
	int r;

	if (code == HF_EAUTH || code == HF_EPERM)
		r = hf_error_set(err, code, why->os_errno, "no permission to read the contacts: %s", why->msg);
	else if (code == HF_ENOTSUP)
		r = hf_error_set(err, code, why->os_errno, "source %s has no contacts: %s", book->view->source,
		    why->msg);
	else
		r = hf_error_set(err, code, why->os_errno, "%s", why->msg);
	if (err != NULL) {
		err->http_status = why->http_status;
		err->retry_after_ms = why->retry_after_ms;
	}
	return r;
}

static int
ask_contacts(struct book *book, struct hf_error *err)
{
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = book, .contact = take_contact,
	    .checkpoint = take_checkpoint, .failed = take_failed, .reset = take_reset};
	struct hf_query query = {.struct_size = sizeof(query), .what = HF_QUERY_CONTACTS};
	struct hf_error why = HF_ERROR_INIT;
	int r;

	query.cursor = (struct hf_blob){book->cursor.data, book->cursor.size};
	book->full = book->cursor.size == 0;
	r = book->view->enumerate(book->view->ctx, &query, &sink, &why);
	if (r != HF_OK)
		return explain(book, r, &why, err);
	/* A place that is suddenly empty is more often a mistake than the truth. */
	if (book->full && book->pushed == 0 && book->failed == 0 && book->cards > 0)
		return hf_error_set(err, HF_EIO, 0,
		    "no contacts are there now, and at the last backup there were %" PRIu64
		    ", which stay in the snapshot; is the path right, and the place mounted?", book->cards);
	r = changes_seal(&book->changes, err);
	return r == HF_OK ? tell(book, err) : r;
}

static void
open_bytes(struct book *book)
{
	book->account = (struct bytes)BYTES_INIT(ACCOUNT_MAX);
	book->cursor = (struct bytes)BYTES_INIT(BOOK_CURSOR_MAX + 1);
	book->identity = (struct bytes)BYTES_INIT(ACCOUNT_MAX);
	book->stripped = (struct bytes)BYTES_INIT(BOOK_CARD_MAX);
}

static void
close_book(struct book *book)
{
	spool_close(&book->index);
	spool_close(&book->next_cursor);
	changes_release(&book->changes);
	bytes_release(&book->account);
	bytes_release(&book->cursor);
	bytes_release(&book->identity);
	bytes_release(&book->stripped);
}

int
book_execute(struct book *book, const struct hf_run *run, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r;

	open_bytes(book);
	r = spool_open(&book->index, err);
	if (r == HF_OK)
		r = spool_open(&book->next_cursor, err);
	if (r == HF_OK)
		r = changes_open(&book->changes, err);
	if (r == HF_OK)
		r = open_previous(book, err);
	if (r == HF_OK && (run->flags & HF_RUN_FULL))
		bytes_release(&book->cursor);
	if (r == HF_OK)
		r = ask_account(book, err);
	if (r == HF_OK)
		r = ask_contacts(book, err);
	if (r != HF_OK)
		goto out;
	r = book_merge(book, &why);
	if (r == HF_ECORRUPT && book->cards > 0) {
		/* What the snapshot has cannot be used: all cards are read again. */
		hf_log(book->contacts->host, HF_LOG_WARNING, "%s of the last snapshot is not used: %s", book->path,
		    why.msg);
		forget_previous(book);
		r = changes_clear(&book->changes, err);
		if (r == HF_OK)
			r = ask_contacts(book, err);
		if (r == HF_OK)
			r = book_merge(book, err);
	} else if (r != HF_OK) {
		(void)explain(book, r, &why, err);
	}
out:
	close_book(book);
	return r;
}
