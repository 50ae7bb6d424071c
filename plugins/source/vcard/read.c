/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "cards.h"
#include "cursor.h"
#include "folder.h"
#include "common/vcard.h"

#define CURSOR_MAX (64u << 20)
#define ID_MAX     4096u
#define TRIES      3    /* to find a file that does not change just now */
#define SAME_MAX   1000 /* cards with one UID in a file */

/* One query under way. */
struct reading {
	struct vcard *vcard;
	const struct hf_record_sink *sink;
	struct folder folder;
	struct cursor before;
	bool incremental;
	struct bytes cursor;  /* that will be the next */
	const char *name;     /* of the file under way, encoded */
	struct bytes ids;     /* of its cards, as the cursor has them */
	uint64_t *keys;       /* hashes of these ids, each in the first free place from itself on; 0: free */
	size_t key_count, key_capacity;
	struct bytes id, uid, card, key;
	bool failed;          /* something of the file under way */
	struct bytes where;
};

static int
report(struct reading *reading, const char *where, const struct hf_error *why, struct hf_error *err)
{
	reading->failed = true;
	if (reading->sink->failed != NULL)
		return reading->sink->failed(reading->sink->ctx, where, why, err);
	hf_log(reading->vcard->host, HF_LOG_WARNING, "%s: %s", where, why->msg);
	return HF_OK;
}

static int
report_path(void *ctx, const char *path, const struct hf_error *why, struct hf_error *err)
{
	return report(ctx, path, why, err);
}

/* "people.vcf:17" */
static int
report_line(struct reading *reading, const struct folder_file *file, uint64_t line, const struct hf_error *why,
    struct hf_error *err)
{
	const char *text;

	bytes_clear(&reading->where);
	bytes_string(&reading->where, folder_path(file)[0] == '\0' ? reading->folder.root : folder_path(file));
	if (line > 0)
		bytes_format(&reading->where, ":%" PRIu64, line);
	text = bytes_text(&reading->where);
	return report(reading, text == NULL ? "a file" : text, why, err);
}

/* ---- cards ---- */

static uint64_t
hash_key(const struct bytes *key)
{
	uint64_t hash = 14695981039346656037ull;
	size_t i;

	for (i = 0; i < key->size; i++)
		hash = (hash ^ (unsigned char)key->data[i]) * 1099511628211ull;
	return hash == 0 ? 1 : hash;
}

/* The place of a hash in the table, or the free one where it would be. */
static uint64_t *
find_hash(uint64_t *keys, size_t capacity, uint64_t hash)
{
	size_t at = (size_t)hash & (capacity - 1);

	while (keys[at] != 0 && keys[at] != hash)
		at = (at + 1) & (capacity - 1);
	return &keys[at];
}

/* Whether the file has a card with reading->key already. */
static bool
has_key(const struct reading *reading)
{
	return reading->key_count > 0 &&
	       *find_hash(reading->keys, reading->key_capacity, hash_key(&reading->key)) != 0;
}

static void
forget_keys(struct reading *reading)
{
	bytes_clear(&reading->ids);
	if (reading->key_count > 0)
		memset(reading->keys, 0, reading->key_capacity * sizeof(*reading->keys));
	reading->key_count = 0;
}

/* Notes reading->key as one of the file's. */
static int
add_key(struct reading *reading, struct hf_error *err)
{
	size_t capacity = reading->key_capacity == 0 ? 64 : reading->key_capacity * 2, i;
	uint64_t *keys;

	if (reading->key_count * 2 >= reading->key_capacity) {
		keys = calloc(capacity, sizeof(*keys));
		if (keys == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the ids of a file's cards: out of memory");
		for (i = 0; i < reading->key_capacity; i++) {
			if (reading->keys[i] != 0)
				*find_hash(keys, capacity, reading->keys[i]) = reading->keys[i];
		}
		free(reading->keys);
		reading->keys = keys;
		reading->key_capacity = capacity;
	}
	*find_hash(reading->keys, reading->key_capacity, hash_key(&reading->key)) = hash_key(&reading->key);
	reading->key_count++;
	bytes_char(&reading->ids, ' ');
	bytes_put(&reading->ids, reading->key.data, reading->key.size);
	bytes_char(&reading->ids, '\n');
	return bytes_status(&reading->ids, "the ids of a file's cards", err);
}

/* The part of the id that tells cards of one file apart: the UID, or a hash of the card where it has none. */
static int
find_key(struct reading *reading, const uint8_t *hash, struct hf_error *err)
{
	size_t i, size;
	unsigned n;
	int r;

	bytes_clear(&reading->uid);
	bytes_clear(&reading->key);
	r = vcard_uid(reading->card.data, reading->card.size, &reading->uid, err);
	if (r != HF_OK)
		return r;
	if (reading->uid.size > 0) {
		cursor_encode(reading->uid.data, reading->uid.size, &reading->key);
	} else {
		bytes_char(&reading->key, '#');
		for (i = 0; i < 16; i++)
			bytes_format(&reading->key, "%02x", hash[i]);
	}
	size = reading->key.size;
	for (n = 2; has_key(reading) && reading->key.failed == HF_OK; n++) {
		if (n > SAME_MAX)
			return hf_error_set(err, HF_ERANGE, 0, "more than %d cards have this UID", SAME_MAX);
		reading->key.size = size;
		bytes_format(&reading->key, "#%u", n);
	}
	return bytes_status(&reading->key, "a card's UID", err);
}

static int
push_card(struct reading *reading, const uint8_t *hash, const struct stat *st, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = sizeof(contact)};
	char revision[33];
	size_t i;
	int r = add_key(reading, err);

	bytes_clear(&reading->id);
	bytes_string(&reading->id, reading->name);
	bytes_char(&reading->id, '#');
	bytes_put(&reading->id, reading->key.data, reading->key.size);
	if (r == HF_OK)
		r = bytes_status(&reading->id, "a card's id", err);
	if (r != HF_OK)
		return r;
	for (i = 0; i < 16; i++)
		(void)snprintf(revision + 2 * i, 3, "%02x", hash[i]);
	contact.id = (struct hf_text){reading->id.data, reading->id.size, HF_TEXT_UTF8, 0};
	contact.revision = (struct hf_text){revision, 32, HF_TEXT_UTF8, 0};
	contact.card = (struct hf_blob){reading->card.data, reading->card.size};
	contact.updated_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	return reading->sink->contact(reading->sink->ctx, &contact, err);
}

static int
read_card(struct reading *reading, const struct folder_file *file, struct cards *cards,
    const struct card_range *range, const struct stat *st, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint8_t hash[32];
	int r;

	if (range->fault != CARD_WHOLE) {
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "%s", cards_fault(range));
		return report_line(reading, file, range->line, &why, err);
	}
	r = cards_read(cards, range, &reading->card, &why);
	if (r == HF_OK)
		r = vcard_check(reading->card.data, reading->card.size, &why);
	if (r == HF_OK)
		r = reading->vcard->write->sha256(reading->card.data, reading->card.size, hash, &why);
	if (r == HF_OK)
		r = find_key(reading, hash, &why);
	if (r == HF_ERANGE || r == HF_ECORRUPT)
		return report_line(reading, file, range->line, &why, err);
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	return push_card(reading, hash, st, err);
}

/* ---- files ---- */

static int
read_cards(struct reading *reading, const struct folder_file *file, struct cards *cards, const struct stat *st,
    struct hf_error *err)
{
	const struct hf_host *host = reading->vcard->host;
	struct hf_error why = HF_ERROR_INIT;
	size_t i;
	int r = HF_OK;

	if (cards->count == 0) {
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "no card is in it");
		return report_line(reading, file, 0, &why, err);
	}
	for (i = 0; r == HF_OK && i < cards->count; i++) {
		r = read_card(reading, file, cards, &cards->list[i], st, err);
		if (r == HF_OK && host->stop_requested(host->ctx) != 0)
			r = hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	}
	return r;
}

/* Opens it and lists its cards, as they were in one moment. */
static int
open_cards(struct reading *reading, const struct folder_file *file, struct cards *cards, int *ret_fd,
    struct stat *st, struct hf_error *err)
{
	int fd = -1, copy, r = folder_open_file(&reading->folder, folder_path(file), &fd, st, err);

	if (r != HF_OK)
		return r;
	if ((uint64_t)st->st_size > CARDS_FILE_MAX) {
		(void)close(fd);
		return hf_error_set(err, HF_ERANGE, 0, "longer than 4 GiB");
	}
	copy = dup(fd);
	if (copy < 0) {
		(void)close(fd);
		return hf_error_set(err, HF_EIO, 0, "too many open files");
	}
	r = cards_open(copy, cards, err);
	if (r == HF_OK)
		*ret_fd = fd;
	else
		(void)close(fd);
	return r;
}

static bool
is_changed(int fd, const struct stat *before)
{
	struct stat now;

	return fstat(fd, &now) != 0 || folder_fingerprint(&now) != folder_fingerprint(before);
}

/* Opens a file that nobody is changing just now. */
static int
open_quiet(struct reading *reading, const struct folder_file *file, struct cards *cards, int *ret_fd,
    struct stat *st, struct hf_error *err)
{
	int i, fd = -1, r;

	for (i = 0; i < TRIES; i++) {
		r = open_cards(reading, file, cards, &fd, st, err);
		if (r != HF_OK)
			return r;
		if (!is_changed(fd, st)) {
			*ret_fd = fd;
			return HF_OK;
		}
		cards_close(cards);
		(void)close(fd);
	}
	return hf_error_set(err, HF_EIO, 0, "it is changed all the time while it is read");
}

/* Pushes a file's cards.  Of one that changed meanwhile nothing is taken for deleted; it is read again next time. */
static int
read_file(struct reading *reading, const struct folder_file *file, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	struct cards cards;
	struct stat st;
	int fd = -1, r;

	forget_keys(reading);
	reading->failed = false;
	r = open_quiet(reading, file, &cards, &fd, &st, &why);
	/* The only file is the account. */
	if (r == HF_ENOMEM || r == HF_ENOSPC || (r != HF_OK && reading->folder.is_file))
		return hf_error_set(err, r, why.os_errno, "%s%s%s", reading->folder.is_file ? reading->folder.root : "",
		    reading->folder.is_file ? ": " : "", why.msg);
	if (r != HF_OK)
		return report_line(reading, file, 0, &why, err);
	r = read_cards(reading, file, &cards, &st, err);
	if (r == HF_OK && is_changed(fd, &st)) {
		(void)hf_error_set(&why, HF_EIO, 0, "it was changed while it was read");
		r = report_line(reading, file, 0, &why, err);
	}
	cards_close(&cards);
	(void)close(fd);
	return r;
}

/* ---- the cursor ---- */

static void
put_row(struct reading *reading, uint64_t fingerprint, const char *path, size_t path_size, const char *ids,
    size_t ids_size)
{
	bytes_format(&reading->cursor, "F %016" PRIx64 " ", fingerprint);
	bytes_put(&reading->cursor, path, path_size);
	bytes_char(&reading->cursor, '\n');
	bytes_put(&reading->cursor, ids, ids_size);
}

static void
keep_row(struct reading *reading, uint64_t fingerprint)
{
	const struct cursor *before = &reading->before;

	put_row(reading, fingerprint, before->path, before->path_size, before->ids,
	    (size_t)(before->ids_end - before->ids));
}

/* Tells that a card of the row before is gone, unless it is among the file's ids. */
static int
push_deleted(struct reading *reading, const struct hf_text *key, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = sizeof(contact), .flags = HF_CONTACT_DELETED,
	    .updated_ns = HF_NO_TIME};

	bytes_clear(&reading->key);
	bytes_put(&reading->key, key->data, (size_t)key->size);
	if (has_key(reading))
		return HF_OK;
	bytes_clear(&reading->id);
	bytes_put(&reading->id, reading->before.path, reading->before.path_size);
	bytes_char(&reading->id, '#');
	bytes_put(&reading->id, key->data, (size_t)key->size);
	contact.id = (struct hf_text){reading->id.data, reading->id.size, HF_TEXT_UTF8, 0};
	return reading->id.failed != HF_OK ? HF_OK : reading->sink->contact(reading->sink->ctx, &contact, err);
}

static int
push_all_deleted(struct reading *reading, struct hf_error *err)
{
	const char *pos = NULL;
	struct hf_text key;
	int r = HF_OK;

	while (r == HF_OK && cursor_next_id(&reading->before, &pos, &key))
		r = push_deleted(reading, &key, err);
	return r;
}

/* A file of the last run that is not listed.  After a listing with gaps it may be there nevertheless. */
static int
lose_row(struct reading *reading, struct hf_error *err)
{
	if (reading->folder.incomplete) {
		keep_row(reading, 0);
		return HF_OK;
	}
	forget_keys(reading);
	return push_all_deleted(reading, err);
}

/* Ids that were there before and may be there still: the file was not read to its end without a failure. */
static int
keep_ids(struct reading *reading, struct hf_error *err)
{
	const char *pos = NULL;
	struct hf_text key;
	int r = HF_OK;

	while (r == HF_OK && cursor_next_id(&reading->before, &pos, &key)) {
		bytes_clear(&reading->key);
		bytes_put(&reading->key, key.data, (size_t)key.size);
		if (!has_key(reading))
			r = add_key(reading, err);
	}
	return r;
}

/* known: the cursor's row is this file's. */
static int
take_file(struct reading *reading, const struct folder_file *file, bool known, struct hf_error *err)
{
	int r;

	if (known && file->fingerprint != 0 && file->fingerprint == reading->before.fingerprint) {
		keep_row(reading, file->fingerprint);
		return HF_OK;
	}
	r = read_file(reading, file, err);
	if (r == HF_OK && known && !reading->failed)
		r = push_all_deleted(reading, err);
	else if (r == HF_OK && known)
		r = keep_ids(reading, err);
	if (r == HF_OK)
		put_row(reading, reading->failed ? 0 : file->fingerprint, file->name.text, strlen(file->name.text),
		    reading->ids.data, reading->ids.size);
	return r;
}

/* How the row before compares to the file under way; both lists are in the order of the names. */
static int
compare_row(const struct reading *reading)
{
	const struct cursor *before = &reading->before;
	size_t size = strlen(reading->name), least = before->path_size < size ? before->path_size : size;
	int order = memcmp(before->path, reading->name, least);

	return order != 0 ? order : (before->path_size > size) - (before->path_size < size);
}

static int
take_files(struct reading *reading, struct hf_error *err)
{
	const struct folder *folder = &reading->folder;
	size_t i;
	bool known;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < folder->count; i++) {
		reading->name = folder->list[i].name.text;
		while (r == HF_OK && reading->before.has_row && compare_row(reading) < 0) {
			r = lose_row(reading, err);
			cursor_next(&reading->before);
		}
		if (r != HF_OK)
			break;
		known = reading->before.has_row && compare_row(reading) == 0;
		r = take_file(reading, &folder->list[i], known, err);
		if (known)
			cursor_next(&reading->before);
	}
	while (r == HF_OK && reading->before.has_row) {
		r = lose_row(reading, err);
		cursor_next(&reading->before);
	}
	return r;
}

/* ---- a query ---- */

static int
open_cursor(struct reading *reading, const struct hf_query *query, struct hf_error *err)
{
	bytes_string(&reading->cursor, CURSOR_HEAD);
	if (query->cursor.size == 0)
		return HF_OK;
	if (cursor_open(&reading->before, &query->cursor)) {
		cursor_next(&reading->before);
		return HF_OK;
	}
	return reading->sink->reset == NULL ? HF_OK : reading->sink->reset(reading->sink->ctx, err);
}

static int
push_checkpoint(struct reading *reading, struct hf_error *err)
{
	struct hf_blob cursor = {reading->cursor.data, reading->cursor.size};
	int r = bytes_status(&reading->cursor, "the cursor", err);

	return r != HF_OK || reading->sink->checkpoint == NULL
	           ? r : reading->sink->checkpoint(reading->sink->ctx, &cursor, err);
}

int
read_contacts(struct vcard *vcard, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct reading reading = {.vcard = vcard, .sink = sink, .cursor = BYTES_INIT(CURSOR_MAX),
	    .ids = BYTES_INIT(CURSOR_MAX), .id = BYTES_INIT(ID_MAX),
	    .uid = BYTES_INIT(ID_MAX), .key = BYTES_INIT(ID_MAX), .card = BYTES_INIT(CARDS_CARD_MAX + 1),
	    .where = BYTES_INIT(64u << 10)};
	int r = open_cursor(&reading, query, err);

	if (r == HF_OK)
		r = folder_open(vcard->path, report_path, &reading, &reading.folder, err);
	if (r != HF_OK)
		goto out;
	if (reading.folder.count == 0 && reading.before.has_row)
		r = hf_error_set(err, HF_EIO, 0,
		    "%s: no .vcf file is there now, and at the last backup there were some; their cards stay in the "
		    "snapshot; is the path right, and the place mounted?", vcard->path);
	if (r == HF_OK)
		r = take_files(&reading, err);
	if (r == HF_OK)
		r = push_checkpoint(&reading, err);
	folder_close(&reading.folder);
out:
	bytes_release(&reading.cursor);
	free(reading.keys);
	bytes_release(&reading.ids);
	bytes_release(&reading.id);
	bytes_release(&reading.uid);
	bytes_release(&reading.key);
	bytes_release(&reading.card);
	bytes_release(&reading.where);
	return r;
}
