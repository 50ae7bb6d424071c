/* SPDX-License-Identifier: BSD-2-Clause */
#include "book.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/vcard.h"

/*
 * The cursor is lines of words, each word encoded so that no space is in it, "-" for an empty one:
 *   U URL USER NAMES   what it is good for
 *   H PATH             the home of the address books, or S PATH of a single one
 *   B PATH TOKEN CTAG  the state of an address book
 *   R PATH             a card of the book above that could not be got
 */
#define CURSOR_HEAD "holdfast.carddav/1\n"
#define CURSOR_MAX  (4u << 20)
#define WORDS       4
#define RETRIES_MAX 1000u

struct reading {
	struct carddav *carddav;
	const struct hf_record_sink *sink;
	struct books books;
	struct hrefs hrefs;
	const char *rows, *rows_end; /* of the cursor, behind its first lines; NULL: it is of no use */
	struct bytes before_home;
	bool before_single;
	struct bytes lost;    /* rows of books that are not listed, and not known to be gone */
	struct bytes cursor;  /* that will be the next */
	struct bytes retries; /* of the book under way */
	unsigned retry_count;
};

/* ---- the cursor ---- */

static void
put_word(struct bytes *out, const char *text, size_t size)
{
	size_t i;

	bytes_char(out, ' ');
	if (size == 0)
		bytes_char(out, '-');
	for (i = 0; i < size; i++) {
		if ((unsigned char)text[i] > ' ' && (unsigned char)text[i] < 0x7f && text[i] != '%' &&
		    (size > 1 || text[i] != '-'))
			bytes_char(out, text[i]);
		else
			bytes_format(out, "%%%02X", (unsigned char)text[i]);
	}
}

static void
put_line(struct bytes *out, char kind, const struct bytes *words, size_t count)
{
	size_t i;

	bytes_char(out, kind);
	for (i = 0; i < count; i++)
		put_word(out, words[i].data, words[i].size);
	bytes_char(out, '\n');
}

static struct bytes
view(const char *text)
{
	return (struct bytes){(char *)(uintptr_t)text, text == NULL ? 0 : strlen(text), 0, 0, HF_OK};
}

/* What the cursor is good for. */
static void
put_identity(const struct carddav *carddav, struct bytes *out)
{
	struct bytes words[3] = {carddav->url, view(carddav->user), view(carddav->wanted)};

	bytes_string(out, CURSOR_HEAD);
	put_line(out, 'U', words, 3);
}

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void
take_word(const char *text, size_t size, struct bytes *out)
{
	size_t i;

	bytes_clear(out);
	if (size == 1 && *text == '-')
		return;
	for (i = 0; i < size; i++) {
		if (text[i] == '%' && i + 2 < size && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
			bytes_char(out, (char)(digit(text[i + 1]) * 16 + digit(text[i + 2])));
			i += 2;
		} else {
			bytes_char(out, text[i]);
		}
	}
}

/* Reads the line at *at into words, steps over it and returns its kind; 0 at the end. */
static char
next_line(const char **at, const char *end, struct bytes *words, size_t count)
{
	const char *line = *at, *line_end, *space;
	char kind;
	size_t i;

	if (line >= end)
		return 0;
	line_end = memchr(line, '\n', (size_t)(end - line));
	if (line_end == NULL)
		return 0;
	*at = line_end + 1;
	kind = *line;
	line += line < line_end;
	for (i = 0; i < count; i++) {
		bytes_clear(&words[i]);
		if (line >= line_end || *line != ' ')
			continue;
		space = memchr(line + 1, ' ', (size_t)(line_end - line - 1));
		if (space == NULL)
			space = line_end;
		take_word(line + 1, (size_t)(space - line - 1), &words[i]);
		line = space;
	}
	return kind;
}

static void
open_words(struct bytes words[WORDS])
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		words[i] = (struct bytes)BYTES_INIT(16u << 10);
}

static void
close_words(struct bytes words[WORDS])
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		bytes_release(&words[i]);
}

/* Finds whether the cursor is good for this account, and where the address books were. */
static void
open_cursor(struct reading *reading, const struct hf_blob *blob)
{
	struct bytes identity = BYTES_INIT(CURSOR_MAX), words[WORDS];
	const char *at = blob->data, *end = at + blob->size;
	char kind;

	open_words(words);
	put_identity(reading->carddav, &identity);
	if (identity.failed == HF_OK && blob->size > identity.size && memcmp(at, identity.data, identity.size) == 0) {
		at += identity.size;
		kind = next_line(&at, end, words, 1);
		if ((kind == 'H' || kind == 'S') && words[0].size > 0) {
			reading->before_single = kind == 'S';
			bytes_put(&reading->before_home, words[0].data, words[0].size);
			reading->rows = at;
			reading->rows_end = end;
		}
	}
	bytes_release(&identity);
	close_words(words);
}

static bool
same_bytes(const struct bytes *a, const struct bytes *b)
{
	return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

/* The book's row: words[1] is its token, words[2] its ctag; *ret_retries: the lines behind it.  false: none. */
static bool
find_row(const struct reading *reading, const struct book *book, struct bytes words[WORDS], const char **ret_retries)
{
	const char *at = reading->rows;
	char kind;

	while (at != NULL && (kind = next_line(&at, reading->rows_end, words, 3)) != 0) {
		if (kind == 'B' && same_bytes(&words[0], &book->path)) {
			*ret_retries = at;
			return true;
		}
	}
	return false;
}

static bool
is_listed(const struct reading *reading, const struct bytes *path)
{
	size_t i;

	for (i = 0; i < reading->books.count && !same_bytes(path, &reading->books.list[i].path); i++)
		;
	return i < reading->books.count;
}

/* What the server says of a book that it does not list any more; an item fails unless it says that it is gone. */
static int
look_for(struct reading *reading, const char *path, bool *ret_gone, struct hf_error *err)
{
	struct hf_error said = HF_ERROR_INIT, why = HF_ERROR_INIT;
	int r = book_is_there(reading->carddav, path, &said);

	*ret_gone = r == HF_ENOTFOUND;
	if (*ret_gone)
		return HF_OK;
	if (r != HF_OK && r != HF_EPERM)
		return hf_error_set(err, r, said.os_errno, "%s", said.msg);
	(void)hf_error_set(&why, HF_EIO, 0,
	    "the address book is not listed any more, and the server does not say that it is gone: its cards stay "
	    "in the snapshot until it does, or a backup with --full");
	if (reading->sink->failed != NULL)
		return reading->sink->failed(reading->sink->ctx, path, &why, err);
	hf_log(reading->carddav->host, HF_LOG_WARNING, "%s: %s", path, why.msg);
	return HF_OK;
}

/*
 * Looks whether each book that the cursor knows is listed.  *ret_gone: one is not there any more, and its cards have
 * no list of their own to be deleted by.  Rows of those that only are not listed go on to the next cursor.
 */
static int
find_missing(struct reading *reading, bool *ret_gone, struct hf_error *err)
{
	struct bytes words[WORDS];
	const char *at = reading->rows, *line, *path;
	bool keeps = false, gone;
	int r = HF_OK;
	char kind;

	open_words(words);
	while (r == HF_OK && (line = at, kind = next_line(&at, reading->rows_end, words, 1)) != 0) {
		if (kind == 'B') {
			keeps = false;
			path = bytes_text(&words[0]);
			if (path == NULL || is_listed(reading, &words[0]))
				continue;
			r = look_for(reading, path, &gone, err);
			*ret_gone |= gone;
			keeps = r == HF_OK && !gone;
		}
		if (keeps)
			bytes_put(&reading->lost, line, (size_t)(at - line));
	}
	close_words(words);
	return r;
}

/* ---- cards ---- */

static int
push_card(void *ctx, const char *path, const char *etag, const struct bytes *card, const struct hf_error *why,
    struct hf_error *err)
{
	struct reading *reading = ctx;
	struct hf_contact contact = {.struct_size = sizeof(contact), .updated_ns = HF_NO_TIME};
	struct bytes word = view(path);
	struct hf_error broken = HF_ERROR_INIT;

	/* What is no card now may be one the next time, and is not forgotten. */
	if (card != NULL && vcard_check(card->data, card->size, &broken) != HF_OK) {
		card = NULL;
		why = &broken;
	}
	if (card == NULL) {
		if (reading->retry_count++ < RETRIES_MAX)
			put_line(&reading->retries, 'R', &word, 1);
		if (reading->sink->failed != NULL)
			return reading->sink->failed(reading->sink->ctx, path, why, err);
		hf_log(reading->carddav->host, HF_LOG_WARNING, "%s: %s", path, why->msg);
		return HF_OK;
	}
	contact.id = (struct hf_text){path, strlen(path), HF_TEXT_UTF8, 0};
	if (etag[0] != '\0')
		contact.revision = (struct hf_text){etag, strlen(etag), HF_TEXT_UTF8, 0};
	contact.card = (struct hf_blob){card->data, card->size};
	return reading->sink->contact(reading->sink->ctx, &contact, err);
}

static int
push_gone(struct reading *reading, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = sizeof(contact), .flags = HF_CONTACT_DELETED,
	    .updated_ns = HF_NO_TIME};
	const char *path;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < reading->hrefs.count; i++) {
		if (!reading->hrefs.list[i].gone)
			continue;
		path = reading->hrefs.texts.data + reading->hrefs.list[i].path_at;
		contact.id = (struct hf_text){path, strlen(path), HF_TEXT_UTF8, 0};
		r = reading->sink->contact(reading->sink->ctx, &contact, err);
	}
	return r;
}

/* ---- books ---- */

/* What was read of the book is covered from here on; with too many failures that is not to be said. */
static void
put_book(struct reading *reading, const struct book *book, const struct bytes *token, const struct bytes *ctag)
{
	struct bytes words[3] = {book->path, *token, *ctag};

	if (reading->retry_count > RETRIES_MAX)
		words[1] = words[2] = view("");
	put_line(&reading->cursor, 'B', words, 3);
	if (reading->retry_count <= RETRIES_MAX)
		bytes_put(&reading->cursor, reading->retries.data, reading->retries.size);
}

static void
begin_book(struct reading *reading)
{
	bytes_clear(&reading->retries);
	reading->retry_count = 0;
}

static int
read_whole_book(struct reading *reading, size_t index, struct hf_error *err)
{
	const struct book *book = &reading->books.list[index];
	struct bytes token = BYTES_INIT(8u << 10);
	int r;

	begin_book(reading);
	r = book_changes(reading->carddav, &reading->books, index, "", &reading->hrefs, &token, err);
	/* Servers name cards that are deleted already. */
	if (r == HF_OK)
		r = book_cards(reading->carddav, book, &reading->hrefs, push_card, reading, err);
	if (r == HF_OK)
		put_book(reading, book, &token, &book->ctag);
	bytes_release(&token);
	return r;
}

/* Adds the cards that failed the last time to the list of those to get. */
static int
add_retries(struct reading *reading, const char *at, struct hf_error *err)
{
	struct bytes word = BYTES_INIT(16u << 10);
	size_t i, count = reading->hrefs.count;
	const char *path;
	int r = HF_OK;

	while (r == HF_OK && next_line(&at, reading->rows_end, &word, 1) == 'R') {
		path = bytes_text(&word);
		for (i = 0; path != NULL && i < count; i++) {
			if (strcmp(reading->hrefs.texts.data + reading->hrefs.list[i].path_at, path) == 0)
				break;
		}
		if (path != NULL && i == count)
			r = hrefs_add(&reading->hrefs, path, word.size, false, err);
	}
	bytes_release(&word);
	return r;
}

/* HF_EINVAL: the state that the cursor has of it is of no use, and nothing was pushed. */
static int
read_changes(struct reading *reading, size_t index, struct bytes *words, const char *retries, struct hf_error *err)
{
	const struct book *book = &reading->books.list[index];
	bool has_retries = retries < reading->rows_end && *retries == 'R';
	struct bytes token = BYTES_INIT(8u << 10);
	const char *before = bytes_text(&words[1]);
	int r;

	begin_book(reading);
	if (words[1].size == 0 && words[2].size > 0 && same_bytes(&words[2], &book->ctag) && !has_retries) {
		put_book(reading, book, &words[1], &words[2]);
		return HF_OK;
	}
	if (words[1].size == 0 || before == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: the server cannot say what has changed", book->path.data);
	if (same_bytes(&words[1], &book->token) && !has_retries) {
		put_book(reading, book, &words[1], &book->ctag);
		return HF_OK;
	}
	r = book_changes(reading->carddav, &reading->books, index, before, &reading->hrefs, &token, err);
	if (r == HF_OK)
		r = add_retries(reading, retries, err);
	if (r == HF_OK)
		r = push_gone(reading, err);
	if (r == HF_OK)
		r = book_cards(reading->carddav, book, &reading->hrefs, push_card, reading, err);
	if (r == HF_OK)
		put_book(reading, book, reading->retry_count > RETRIES_MAX ? &words[1] : &token, &book->ctag);
	bytes_release(&token);
	return r;
}

static void
begin_cursor(struct reading *reading)
{
	bytes_clear(&reading->cursor);
	put_identity(reading->carddav, &reading->cursor);
	put_line(&reading->cursor, reading->books.single ? 'S' : 'H', &reading->books.home, 1);
}

static int
read_all(struct reading *reading, struct hf_error *err)
{
	size_t i;
	int r = HF_OK;

	begin_cursor(reading);
	for (i = 0; r == HF_OK && i < reading->books.count; i++)
		r = read_whole_book(reading, i, err);
	return r;
}

/* HF_EINVAL with *ret_again: all has to be read again. */
static int
read_new(struct reading *reading, bool *ret_again, struct hf_error *err)
{
	struct bytes words[WORDS];
	const char *retries = NULL;
	size_t i;
	int r = HF_OK;

	open_words(words);
	begin_cursor(reading);
	for (i = 0; r == HF_OK && i < reading->books.count; i++) {
		/* An address book that is new there has only new cards. */
		if (!find_row(reading, &reading->books.list[i], words, &retries)) {
			r = read_whole_book(reading, i, err);
			continue;
		}
		r = read_changes(reading, i, words, retries, err);
		*ret_again = r == HF_EINVAL;
	}
	close_words(words);
	return r;
}

/* ---- a query ---- */

/* With the address that the cursor has that is one request. */
static int
find_books(struct reading *reading, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r = HF_ENOTFOUND;

	if (reading->rows != NULL) {
		bytes_put(&reading->books.home, reading->before_home.data, reading->before_home.size);
		reading->books.single = reading->before_single;
		r = books_list(reading->carddav, &reading->books, &why);
		if (r != HF_ENOTFOUND && r != HF_EPERM && r != HF_EINVAL) {
			if (r != HF_OK && err != NULL)
				*err = why;
			return r;
		}
		hf_log(reading->carddav->host, HF_LOG_INFO, "%s; the address books are looked for again", why.msg);
		bytes_clear(&reading->books.home);
	}
	return books_discover(reading->carddav, &reading->books, err);
}

static int
reset(struct reading *reading, const char *why, struct hf_error *err)
{
	hf_log(reading->carddav->host, HF_LOG_INFO, "all contacts are read again: %s", why);
	reading->rows = NULL;
	return reading->sink->reset == NULL ? HF_OK : reading->sink->reset(reading->sink->ctx, err);
}

static int
read_books(struct reading *reading, bool incremental, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	bool again = false, gone = false;
	int r;

	if (reading->rows == NULL) {
		r = incremental ? reset(reading, "the last backup's cursor was made with other options", err) : HF_OK;
		return r == HF_OK ? read_all(reading, err) : r;
	}
	r = find_missing(reading, &gone, err);
	if (r == HF_OK && gone) {
		r = reset(reading, "an address book is gone", err);
		return r == HF_OK ? read_all(reading, err) : r;
	}
	if (r != HF_OK)
		return r;
	r = read_new(reading, &again, &why);
	if (r == HF_OK)
		return HF_OK;
	if (!again) {
		if (err != NULL)
			*err = why;
		return r;
	}
	r = reset(reading, why.msg, err);
	return r == HF_OK ? read_all(reading, err) : r;
}

static int
push_checkpoint(struct reading *reading, struct hf_error *err)
{
	struct hf_blob cursor;
	int r;

	bytes_put(&reading->cursor, reading->lost.data, reading->lost.size);
	r = bytes_status(&reading->cursor, "the cursor", err);
	cursor = (struct hf_blob){reading->cursor.data, reading->cursor.size};
	return r != HF_OK || reading->sink->checkpoint == NULL
	           ? r : reading->sink->checkpoint(reading->sink->ctx, &cursor, err);
}

int
read_contacts(struct carddav *carddav, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct reading reading = {.carddav = carddav, .sink = sink, .before_home = BYTES_INIT(DAV_PATH_MAX),
	    .cursor = BYTES_INIT(CURSOR_MAX), .retries = BYTES_INIT(CURSOR_MAX), .lost = BYTES_INIT(CURSOR_MAX)};
	int r;

	books_init(&reading.books);
	hrefs_init(&reading.hrefs);
	if (query->cursor.size > 0)
		open_cursor(&reading, &query->cursor);
	r = find_books(&reading, err);
	if (r == HF_OK)
		r = read_books(&reading, query->cursor.size > 0, err);
	if (r == HF_OK)
		r = push_checkpoint(&reading, err);
	books_release(&reading.books);
	hrefs_release(&reading.hrefs);
	bytes_release(&reading.before_home);
	bytes_release(&reading.cursor);
	bytes_release(&reading.retries);
	bytes_release(&reading.lost);
	return r;
}
