/* SPDX-License-Identifier: BSD-2-Clause */
#include "card.h"

#include <string.h>

/* Octets of a line without its end (RFC 6350, 3.2). */
#define LINE_MAX_SIZE 75

/* A line under way, which is folded. */
struct line {
	struct text *out;
	size_t size;
};

static void
put_folded(struct line *line, const char *data, size_t size)
{
	if (line->size + size > LINE_MAX_SIZE) {
		text_string(line->out, "\r\n ");
		line->size = 1;
	}
	text_put(line->out, data, size);
	line->size += size;
}

/* Escaped (RFC 6350, 3.4); other control characters would break the card. */
static void
put_value(struct line *line, const char *data, size_t size)
{
	size_t i, n;

	for (i = 0; i < size; i += n) {
		n = utf8_character(data + i, size - i);
		if (n == 0)
			n = 1;
		else if (data[i] == '\n')
			put_folded(line, "\\n", 2);
		else if (strchr("\\,;", data[i]) != NULL && data[i] != '\0')
			put_folded(line, (char[]){'\\', data[i]}, 2);
		else if ((unsigned char)data[i] >= 0x20 && data[i] != 0x7f)
			put_folded(line, data + i, n);
	}
}

static struct line
begin(struct text *out, const char *name)
{
	struct line line = {out, strlen(name) + 1};

	text_string(out, name);
	text_byte(out, ':');
	return line;
}

static void
put(struct text *out, const char *name, const struct hf_text *value)
{
	struct line line;

	if (value->size == 0)
		return;
	line = begin(out, name);
	put_value(&line, value->data, (size_t)value->size);
	text_string(out, "\r\n");
}

static void
put_each(struct text *out, const char *name, const struct hf_text *values)
{
	const char *at = values->data, *end = at + values->size, *newline;
	struct hf_text value = *values;

	for (; values->size > 0 && at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL)
			newline = end;
		value.data = at;
		value.size = (uint64_t)(newline - at);
		put(out, name, &value);
	}
}

static void
put_names(const struct card *card, struct text *out)
{
	const struct hf_text *known[] = {&card->name, &card->phone, &card->email, &card->address, &card->id};
	struct hf_text both = {NULL, 0, HF_TEXT_UTF8, 0};
	struct line line;
	size_t i;

	/* FN must be there. */
	if (card->name.size == 0 && card->given.size + card->family.size > 0) {
		line = begin(out, "FN");
		put_value(&line, card->given.data, (size_t)card->given.size);
		if (card->given.size > 0 && card->family.size > 0)
			put_folded(&line, " ", 1);
		put_value(&line, card->family.data, (size_t)card->family.size);
		text_string(out, "\r\n");
	} else {
		for (i = 0; i < sizeof(known) / sizeof(known[0]) && both.size == 0; i++)
			both = *known[i];
		put(out, "FN", &both);
	}
	if (card->given.size + card->family.size == 0)
		return;
	line = begin(out, "N");
	put_value(&line, card->family.data, (size_t)card->family.size);
	put_folded(&line, ";", 1);
	put_value(&line, card->given.data, (size_t)card->given.size);
	put_folded(&line, ";;;", 3);
	text_string(out, "\r\n");
}

void
card_put(const struct card *card, struct text *out)
{
	text_string(out, "BEGIN:VCARD\r\nVERSION:4.0\r\n");
	put(out, "UID;VALUE=text", &card->id);
	put_names(card, out);
	put_each(out, "TEL;VALUE=text", &card->phone);
	put_each(out, "EMAIL", &card->email);
	put_each(out, "IMPP", &card->address);
	put(out, "ORG", &card->organization);
	put(out, "NOTE", &card->note);
	text_string(out, "END:VCARD\r\n");
}
