/* SPDX-License-Identifier: BSD-2-Clause */
#include "cards.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define PIECE     (64u << 10)
#define LINE_HEAD 64u /* bytes of a line that tell what it is */

/* A BEGIN whose END has not come. */
struct begin {
	uint64_t at, line;
};

/* A file under way, line by line. */
struct scan {
	struct cards *cards;
	struct begin *stack;
	size_t depth, stack_capacity;
	bool in_junk;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "a list of cards: out of memory");
}

static int
failed(const char *what, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "it cannot be %s: %s", what, strerror(errno));
}

/* ---- UTF-16 ---- */

static void
put_character(uint32_t c, struct bytes *out)
{
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	if (c < 0x80) {
		bytes_char(out, (char)c);
	} else if (c < 0x800) {
		bytes_char(out, (char)(0xc0 | c >> 6));
		bytes_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		bytes_char(out, (char)(0xe0 | c >> 12));
		bytes_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		bytes_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		bytes_char(out, (char)(0xf0 | c >> 18));
		bytes_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		bytes_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		bytes_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

static bool
get_unit(FILE *from, bool big, uint32_t *ret)
{
	int a = getc(from), b = getc(from);

	if (a == EOF || b == EOF)
		return false;
	*ret = big ? (uint32_t)a << 8 | (uint32_t)b : (uint32_t)b << 8 | (uint32_t)a;
	return true;
}

static int
convert(FILE *from, bool big, FILE *to, struct hf_error *err)
{
	struct bytes piece = BYTES_INIT(2 * PIECE);
	uint32_t unit, high = 0;
	int r = HF_OK;

	while (r == HF_OK && get_unit(from, big, &unit)) {
		if (high != 0 && unit >= 0xdc00 && unit < 0xe000) {
			put_character(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00), &piece);
			high = 0;
			continue;
		}
		if (high != 0)
			put_character(high, &piece);
		high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
		if (high == 0)
			put_character(unit, &piece);
		if (piece.size < PIECE)
			continue;
		if (fwrite(piece.data, 1, piece.size, to) != piece.size)
			r = failed("converted", err);
		bytes_clear(&piece);
	}
	if (high != 0)
		put_character(high, &piece);
	if (r == HF_OK && piece.size > 0 && fwrite(piece.data, 1, piece.size, to) != piece.size)
		r = failed("converted", err);
	if (r == HF_OK && piece.failed != HF_OK)
		r = bytes_status(&piece, "a piece of a file", err);
	if (r == HF_OK && ferror(from))
		r = failed("read", err);
	bytes_release(&piece);
	return r;
}

static int
open_temporary(FILE **ret, struct hf_error *err)
{
	const char *folder = getenv("TMPDIR");
	char path[1024];
	FILE *file;
	int fd;

	if (folder == NULL || folder[0] != '/' || strlen(folder) + sizeof("/holdfast-XXXXXX") > sizeof(path))
		folder = "/tmp";
	(void)snprintf(path, sizeof(path), "%s/holdfast-XXXXXX", folder);
	fd = mkstemp(path);
	if (fd < 0)
		return failed("converted", err);
	file = fdopen(fd, "w+");
	if (unlink(path) != 0 || file == NULL) {
		if (file != NULL)
			(void)fclose(file);
		else
			(void)close(fd);
		return failed("converted", err);
	}
	*ret = file;
	return HF_OK;
}

/* 'b' or 'l': UTF-16 of that byte order, with its mark or with a first character below U+0100; 0: no UTF-16. */
static char
find_utf16(const unsigned char *head, size_t size)
{
	if (size >= 2 && ((head[0] == 0xfe && head[1] == 0xff) || (head[0] == 0 && head[1] != 0)))
		return 'b';
	if (size >= 2 && ((head[0] == 0xff && head[1] == 0xfe) || (head[0] != 0 && head[1] == 0)))
		return 'l';
	return 0;
}

/* Leaves the file of cards at its first byte behind a mark, *ret_at. */
static int
take_encoding(struct cards *cards, uint64_t *ret_at, struct hf_error *err)
{
	unsigned char head[3];
	size_t size = fread(head, 1, sizeof(head), cards->file);
	char order = find_utf16(head, size);
	FILE *converted = NULL;
	int r;

	*ret_at = 0;
	if (order == 0) {
		if (size == 3 && memcmp(head, "\xef\xbb\xbf", 3) == 0)
			*ret_at = 3;
		return fseeko(cards->file, (off_t)*ret_at, SEEK_SET) != 0 ? failed("read", err) : HF_OK;
	}
	if (fseeko(cards->file, head[0] >= 0xfe ? 2 : 0, SEEK_SET) != 0)
		return failed("read", err);
	r = open_temporary(&converted, err);
	if (r != HF_OK)
		return r;
	r = convert(cards->file, order == 'b', converted, err);
	(void)fclose(cards->file);
	cards->file = converted;
	if (r == HF_OK && fseeko(converted, 0, SEEK_SET) != 0)
		r = failed("converted", err);
	return r;
}

/* ---- lines ---- */

const char *
cards_fault(const struct card_range *range)
{
	static const char *const texts[] = {NULL, "END:VCARD without a BEGIN:VCARD", "its END:VCARD is missing",
	    "text that belongs to no card"};

	return texts[range->fault];
}

static int
add_range(struct cards *cards, uint64_t at, uint64_t size, uint64_t line, enum card_fault fault, struct hf_error *err)
{
	size_t capacity = cards->capacity == 0 ? 16 : cards->capacity + cards->capacity / 2;
	struct card_range *list;

	if (cards->count == cards->capacity) {
		list = realloc(cards->list, capacity * sizeof(*list));
		if (list == NULL)
			return no_memory(err);
		cards->list = list;
		cards->capacity = capacity;
	}
	/* What is in the file fits; lines are fewer than bytes. */
	cards->list[cards->count++] = (struct card_range){(uint32_t)at, (uint32_t)size, (uint32_t)line, fault};
	return HF_OK;
}

static int
take_begin(struct scan *scan, uint64_t at, uint64_t line, struct hf_error *err)
{
	size_t capacity = scan->stack_capacity == 0 ? 16 : scan->stack_capacity + scan->stack_capacity / 2;
	struct begin *stack;

	if (scan->depth == scan->stack_capacity) {
		stack = realloc(scan->stack, capacity * sizeof(*stack));
		if (stack == NULL)
			return no_memory(err);
		scan->stack = stack;
		scan->stack_capacity = capacity;
	}
	scan->stack[scan->depth++] = (struct begin){at, line};
	return HF_OK;
}

/* end: behind the line. */
static int
take_end(struct scan *scan, uint64_t at, uint64_t end, uint64_t line, struct hf_error *err)
{
	struct cards *cards = scan->cards;
	struct begin begin;

	if (scan->depth == 0)
		return add_range(cards, at, 0, line, CARD_NO_BEGIN, err);
	begin = scan->stack[--scan->depth];
	/* What was whole inside of it is a part of it. */
	while (cards->count > 0 && cards->list[cards->count - 1].at > begin.at)
		cards->count--;
	return add_range(cards, begin.at, end - begin.at, begin.line, CARD_WHOLE, err);
}

static int
take_line(struct scan *scan, const char *head, size_t size, uint64_t at, uint64_t end, uint64_t line,
    struct hf_error *err)
{
	while (size > 0 && (head[size - 1] == ' ' || head[size - 1] == '\t'))
		size--;
	if (size == 11 && strncasecmp(head, "BEGIN:VCARD", 11) == 0) {
		scan->in_junk = false;
		return take_begin(scan, at, line, err);
	}
	if (size == 9 && strncasecmp(head, "END:VCARD", 9) == 0) {
		scan->in_junk = false;
		return take_end(scan, at, end, line, err);
	}
	if (scan->depth > 0 || size == 0 || scan->in_junk)
		return HF_OK;
	scan->in_junk = true;
	return add_range(scan->cards, at, 0, line, CARD_JUNK, err);
}

static int
scan_lines(struct scan *scan, uint64_t at, struct hf_error *err)
{
	FILE *file = scan->cards->file;
	uint64_t line = 1, begin = at;
	char head[LINE_HEAD];
	size_t size = 0;
	unsigned n;
	int c, last, r = HF_OK;

	while (r == HF_OK && (c = last = getc_unlocked(file)) != EOF) {
		if (++at > CARDS_FILE_MAX)
			return hf_error_set(err, HF_ERANGE, 0, "longer than 4 GiB");
		if (c != '\n' && c != '\r') {
			/* Longer than any that matters. */
			if (size < sizeof(head))
				head[size++] = (char)c;
			continue;
		}
		/* Some programs have made CR CR LF of CR LF. */
		for (n = 1; c == '\r' && (c = getc_unlocked(file)) == '\r'; n++)
			at++;
		at += c == '\n' && last == '\r';
		if (c != '\n' && c != EOF)
			(void)ungetc(c, file);
		r = take_line(scan, head, size, begin, at, line, err);
		line += c == '\n' ? 1 : n;
		begin = at;
		size = 0;
	}
	if (r == HF_OK && ferror(file))
		return failed("read", err);
	return r == HF_OK && size > 0 ? take_line(scan, head, size, begin, at, line, err) : r;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct card_range *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

int
cards_open(int fd, struct cards *ret, struct hf_error *err)
{
	struct cards cards = {fdopen(fd, "r"), NULL, 0, 0};
	struct scan scan = {.cards = &cards};
	uint64_t at = 0;
	size_t i;
	int r;

	if (cards.file == NULL) {
		(void)close(fd);
		return failed("read", err);
	}
	r = take_encoding(&cards, &at, err);
	if (r == HF_OK)
		r = scan_lines(&scan, at, err);
	for (i = 0; r == HF_OK && i < scan.depth; i++)
		r = add_range(&cards, scan.stack[i].at, 0, scan.stack[i].line, CARD_NO_END, err);
	free(scan.stack);
	/* Only those are out of order; sorting takes as much memory again. */
	if (scan.depth > 0 && cards.count > 1)
		qsort(cards.list, cards.count, sizeof(*cards.list), compare_ranges);
	if (r == HF_OK)
		*ret = cards;
	else
		cards_close(&cards);
	return r;
}

void
cards_close(struct cards *cards)
{
	if (cards->file != NULL)
		(void)fclose(cards->file);
	free(cards->list);
	*cards = (struct cards){NULL, NULL, 0, 0};
}

int
cards_read(struct cards *cards, const struct card_range *range, struct bytes *out, struct hf_error *err)
{
	bytes_clear(out);
	if (range->size > CARDS_CARD_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "a card longer than %u MiB", CARDS_CARD_MAX >> 20);
	if (!bytes_reserve(out, (size_t)range->size + 1))
		return bytes_status(out, "a card", err);
	if (fseeko(cards->file, (off_t)range->at, SEEK_SET) != 0)
		return failed("read", err);
	out->size = fread(out->data, 1, (size_t)range->size, cards->file);
	if (out->size != range->size)
		return hf_error_set(err, HF_EIO, 0, "it became shorter while it was read");
	return HF_OK;
}
