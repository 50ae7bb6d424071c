/* SPDX-License-Identifier: BSD-2-Clause */
#include "vcard.h"

#include <stdlib.h>
#include <strings.h>

/* Of one unfolded property, without the media's. */
#define LINE_MAX_SIZE (4u << 20)
#define FOLD          75 /* bytes of a line that is written anew */
/* Cards that are the text of an AGENT are in memory, one within the other. */
#define AGENT_MAX     (1u << 20)
#define AGENT_DEPTH   3

bool
vcard_is(const struct vcard_text *text, const char *word)
{
	return text->size == strlen(word) && strncasecmp(text->data, word, text->size) == 0;
}

/* ---- lines ---- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The end of the line at from, behind its line end. */
static const char *
line_after(const struct vcard_reader *reader, const char *from)
{
	const char *end = memchr(from, reader->line_end, (size_t)(reader->end - from));

	return end == NULL ? reader->end : end + 1;
}

/* The line between from and its end without the line end. */
static struct vcard_text
line_content(const char *from, const char *after)
{
	while (after > from && (after[-1] == '\n' || after[-1] == '\r'))
		after--;
	return (struct vcard_text){from, (size_t)(after - from)};
}

static struct vcard_text
trimmed(struct vcard_text text)
{
	while (text.size > 0 && is_blank(text.data[text.size - 1]))
		text.size--;
	return text;
}

static bool
line_is(const char *from, const char *after, const char *word)
{
	struct vcard_text line = trimmed(line_content(from, after));

	return vcard_is(&line, word);
}

/* Whether a line that does not begin with white space goes on with base64 nevertheless. */
static bool
is_base64_line(struct vcard_text line, bool within)
{
	size_t i;

	for (i = 0; i < line.size; i++) {
		if (line.data[i] == '\0' || strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=",
		    line.data[i]) == NULL)
			return false;
	}
	return line.size > 0 && line.size % 4 == 0 && (within || line.size >= 16 || line.data[line.size - 1] == '=');
}

/* ---- the head of a line ---- */

/* Where the value begins: the first colon outside of quotes; NULL: there is none. */
static const char *
find_colon(const struct vcard_text *line)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < line->size; i++) {
		if (line->data[i] == '"')
			quoted = !quoted;
		else if (line->data[i] == ':' && !quoted)
			return line->data + i;
	}
	/* A quote that nobody closed. */
	return memchr(line->data, ':', line->size);
}

int
vcard_next_param(const struct vcard_text *params, size_t *pos, struct vcard_text *name, struct vcard_text *value)
{
	const char *at, *equals = NULL, *from;
	bool quoted = false;

	if (*pos >= params->size)
		return 0;
	from = params->data + *pos + (params->data[*pos] == ';');
	for (at = from; at < params->data + params->size && (*at != ';' || quoted); at++) {
		if (*at == '"')
			quoted = !quoted;
		else if (*at == '=' && equals == NULL && !quoted)
			equals = at;
	}
	*pos = (size_t)(at - params->data);
	if (equals == NULL) {
		*name = (struct vcard_text){from, 0};
		*value = (struct vcard_text){from, (size_t)(at - from)};
	} else {
		*name = (struct vcard_text){from, (size_t)(equals - from)};
		*value = (struct vcard_text){equals + 1, (size_t)(at - equals - 1)};
	}
	return 1;
}

struct vcard_text
vcard_param(const struct vcard_property *property, const char *wanted)
{
	struct vcard_text name, value;
	size_t pos = 0;

	while (vcard_next_param(&property->params, &pos, &name, &value) > 0) {
		if (!vcard_is(&name, wanted))
			continue;
		if (value.size >= 2 && value.data[0] == '"' && value.data[value.size - 1] == '"')
			value = (struct vcard_text){value.data + 1, value.size - 2};
		return value;
	}
	return (struct vcard_text){NULL, 0};
}

/* vCard 2.1 leaves "ENCODING=" out at will. */
static void
find_encoding(struct vcard_property *property)
{
	struct vcard_text name, value;
	size_t pos = 0;

	while (vcard_next_param(&property->params, &pos, &name, &value) > 0) {
		if (name.size != 0 && !vcard_is(&name, "ENCODING"))
			continue;
		if (vcard_is(&value, "QUOTED-PRINTABLE"))
			property->quoted_printable = true;
		else if (vcard_is(&value, "BASE64") || (name.size != 0 && vcard_is(&value, "B")))
			property->base64 = true;
	}
}

/* What stands before the colon, and from it on in value. */
static void
parse_head(struct vcard_property *property, struct vcard_text line)
{
	const char *colon = find_colon(&line), *dot, *semicolon;

	memset(property, 0, sizeof(*property));
	if (colon == NULL) {
		property->broken = true;
		property->value = line;
		property->name = property->group = property->params = (struct vcard_text){line.data, 0};
		return;
	}
	property->value = (struct vcard_text){colon + 1, (size_t)(line.data + line.size - colon - 1)};
	semicolon = memchr(line.data, ';', (size_t)(colon - line.data));
	if (semicolon == NULL)
		semicolon = colon;
	property->params = (struct vcard_text){semicolon, (size_t)(colon - semicolon)};
	dot = memchr(line.data, '.', (size_t)(semicolon - line.data));
	property->group = (struct vcard_text){line.data, dot == NULL ? 0 : (size_t)(dot - line.data)};
	property->name = dot == NULL ? (struct vcard_text){line.data, (size_t)(semicolon - line.data)}
	                             : (struct vcard_text){dot + 1, (size_t)(semicolon - dot - 1)};
	property->name = trimmed(property->name);
	property->media = vcard_is(&property->name, "PHOTO") || vcard_is(&property->name, "LOGO") ||
	                  vcard_is(&property->name, "SOUND") || vcard_is(&property->name, "KEY");
	find_encoding(property);
}

/* ---- properties ---- */

/* A soft line break is an "=" at the end of a line; one that the card's end follows is none. */
static bool
breaks_softly(const struct vcard_reader *reader, const struct vcard_property *head, struct vcard_text line)
{
	return head->quoted_printable && line.size > 0 && line.data[line.size - 1] == '=' &&
	       reader->at < reader->end && !line_is(reader->at, line_after(reader, reader->at), "END:VCARD");
}

/* Appends a line without its first bytes; media are not kept. */
static void
append_part(struct vcard_reader *reader, const struct vcard_property *head, struct vcard_text line, size_t skip)
{
	if (!head->media && line.size > skip)
		bytes_put(&reader->line, line.data + skip, line.size - skip);
}

/* Steps over the lines that go on with a property by their form, the first of which is line. */
static void
continue_folds(struct vcard_reader *reader, const struct vcard_property *head, struct vcard_text line)
{
	bool loose = false;
	const char *after;

	while (reader->at < reader->end) {
		after = line_after(reader, reader->at);
		if (breaks_softly(reader, head, line)) {
			reader->line.size -= !head->media && reader->line.size > 0;
			line = line_content(reader->at, after);
			append_part(reader, head, line, 0);
		} else if (is_blank(*reader->at)) {
			/* In vCard 2.1 the white space belongs to the text. */
			line = line_content(reader->at, after);
			append_part(reader, head, line, reader->version != VCARD_21 || head->base64);
		} else {
			line = line_content(reader->at, after);
			if ((!head->base64 && !head->media) || !is_base64_line(line, loose))
				break;
			loose = true;
			append_part(reader, head, line, 0);
		}
		reader->at = after;
	}
	/* vCard 2.1 ends base64 with an empty line. */
	while (head->base64 && reader->at < reader->end &&
	       trimmed(line_content(reader->at, line_after(reader, reader->at))).size == 0)
		reader->at = line_after(reader, reader->at);
}

/* From a line BEGIN:VCARD to the END:VCARD that belongs to it; without one, to the end of all. */
static const char *
skip_nested(const struct vcard_reader *reader)
{
	const char *at = reader->at, *after;
	size_t depth = 0;

	while (at < reader->end) {
		after = line_after(reader, at);
		if (line_is(at, after, "BEGIN:VCARD"))
			depth++;
		else if (line_is(at, after, "END:VCARD") && --depth == 0)
			return after;
		at = after;
	}
	return at;
}

/* Takes a card inside of the card, whose BEGIN is at reader->at, into the property. */
static void
take_nested(struct vcard_reader *reader, struct vcard_property *property)
{
	const char *end = skip_nested(reader);

	property->nested = (struct vcard_text){reader->at, (size_t)(end - reader->at)};
	reader->at = end;
}

void
vcard_open(struct vcard_reader *reader, const char *data, size_t size, bool flat)
{
	struct vcard_text line;
	const char *at, *after;
	size_t depth = 0;

	*reader = (struct vcard_reader){data, data + size, VCARD_30, '\n', flat, false, BYTES_INIT(LINE_MAX_SIZE)};
	if (size > 0 && memchr(data, '\n', size) == NULL)
		reader->line_end = '\r';
	for (at = data; at < reader->end; at = after) {
		after = line_after(reader, at);
		line = trimmed(line_content(at, after));
		if (vcard_is(&line, "BEGIN:VCARD"))
			depth++;
		else if (vcard_is(&line, "END:VCARD") && depth > 0)
			depth--;
		else if (depth <= 1 && line.size > 8 && strncasecmp(line.data, "VERSION:", 8) == 0) {
			line = (struct vcard_text){line.data + 8, line.size - 8};
			reader->version = vcard_is(&line, "2.1") ? VCARD_21 : vcard_is(&line, "4.0") ? VCARD_40
			    : VCARD_30;
			break;
		}
	}
}

int
vcard_next(struct vcard_reader *reader, struct vcard_property *property, struct hf_error *err)
{
	const char *from = reader->at, *after;
	struct vcard_text line;

	if (from >= reader->end)
		return 0;
	after = line_after(reader, from);
	line = line_content(from, after);
	reader->at = after;
	bytes_clear(&reader->line);
	parse_head(property, line);
	if (!property->broken && property->media)
		bytes_put(&reader->line, line.data, line.size - property->value.size);
	else
		bytes_put(&reader->line, line.data, line.size);
	/* A fold may be in the middle of the head, which is then whole only afterwards. */
	continue_folds(reader, property, line);
	if (reader->line.failed == HF_ENOMEM)
		return hf_error_set(err, HF_ENOMEM, 0, "a card: out of memory");
	if (reader->line.failed == HF_OK) {
		parse_head(property, (struct vcard_text){reader->line.size == 0 ? "" : reader->line.data,
		    reader->line.size});
	} else {
		/* Too long to be unfolded: it stays in the card as it is. */
		property->broken = true;
		property->value = (struct vcard_text){reader->line.data, 0};
	}
	line = trimmed(line);
	if (!reader->flat && reader->started && vcard_is(&line, "BEGIN:VCARD")) {
		reader->at = from;
		take_nested(reader, property);
	} else if (!reader->flat && vcard_is(&property->name, "AGENT") && trimmed(property->value).size == 0 &&
	           reader->at < reader->end && line_is(reader->at, line_after(reader, reader->at), "BEGIN:VCARD")) {
		take_nested(reader, property);
	}
	reader->started = true;
	property->raw = (struct vcard_text){from, (size_t)(reader->at - from)};
	return 1;
}

void
vcard_close(struct vcard_reader *reader)
{
	bytes_release(&reader->line);
}

/* ---- whole cards ---- */

int
vcard_check(const char *data, size_t size, struct hf_error *err)
{
	struct vcard_reader reader;
	const char *at, *after;
	size_t depth = 0;
	bool ended = false;

	vcard_open(&reader, data, size, true);
	for (at = data; at < reader.end; at = after) {
		after = line_after(&reader, at);
		if (line_is(at, after, "BEGIN:VCARD") && !ended) {
			depth++;
		} else if (depth > 0 && line_is(at, after, "END:VCARD")) {
			ended = --depth == 0;
		} else if (depth == 0 && trimmed(line_content(at, after)).size != 0) {
			return hf_error_set(err, HF_ECORRUPT, 0, ended ? "something stands behind the card's END:VCARD"
			                                               : "it does not begin with BEGIN:VCARD");
		}
	}
	if (!ended)
		return hf_error_set(err, HF_ECORRUPT, 0, at == data ? "it is empty" : "its END:VCARD is missing");
	return HF_OK;
}

/* ---- a card as the text of an AGENT (RFC 2426, 3.7.2) ---- */

static void
put_unescaped(struct vcard_text text, struct bytes *out)
{
	bool escaped;
	size_t i;

	for (i = 0; i < text.size; i++) {
		escaped = text.data[i] == '\\' && i + 1 < text.size;
		i += escaped;
		bytes_char(out, escaped && (text.data[i] == 'n' || text.data[i] == 'N') ? '\n' : text.data[i]);
	}
}

/* head, then text as a value on folded lines that end like those of the card. */
static void
put_escaped(struct vcard_text head, const struct bytes *text, const char *line_end, struct bytes *out)
{
	size_t i, column = head.size, width;
	char c;

	bytes_put(out, head.data, head.size);
	for (i = 0; i < text->size; i++) {
		c = text->data[i];
		width = c == '\n' || c == '\\' || c == ';' || c == ',' ? 2 : 1;
		/* Not within a character of UTF-8. */
		if (column + width > FOLD && ((unsigned char)c & 0xc0) != 0x80) {
			bytes_string(out, line_end);
			bytes_char(out, ' ');
			column = 1;
		}
		if (width == 2)
			bytes_char(out, '\\');
		bytes_char(out, c == '\n' ? 'n' : c);
		column += width;
	}
	bytes_string(out, line_end);
}

static int strip(const char *data, size_t size, unsigned depth, struct bytes *out, struct hf_error *err);

static int
strip_agent(const struct vcard_reader *reader, const struct vcard_property *property, unsigned depth,
    struct bytes *out, struct hf_error *err)
{
	struct bytes card = BYTES_INIT(AGENT_MAX), stripped = BYTES_INIT(AGENT_MAX);
	struct vcard_text head = {property->group.size > 0 ? property->group.data : property->name.data, 0};
	const char *line_end = reader->line_end == '\r' ? "\r"
	                       : property->raw.size > 1 && property->raw.data[property->raw.size - 2] == '\r' ? "\r\n"
	                                                                                                      : "\n";
	int r;

	head.size = (size_t)(property->value.data - head.data);
	put_unescaped(property->value, &card);
	r = bytes_status(&card, "the card of an AGENT", err);
	if (r == HF_OK)
		r = strip(card.data, card.size, depth + 1, &stripped, err);
	if (r == HF_OK && stripped.size == card.size)
		bytes_put(out, property->raw.data, property->raw.size);
	else if (r == HF_OK)
		put_escaped(head, &stripped, line_end, out);
	bytes_release(&card);
	bytes_release(&stripped);
	return r;
}

/* AGENT:BEGIN:VCARD\nFN:.. */
static bool
is_inline_agent(const struct vcard_property *property)
{
	return vcard_is(&property->name, "AGENT") && property->value.size > 12 &&
	       property->value.size <= AGENT_MAX && !property->quoted_printable &&
	       strncasecmp(property->value.data, "BEGIN:VCARD\\n", 13) == 0;
}

static int
strip(const char *data, size_t size, unsigned depth, struct bytes *out, struct hf_error *err)
{
	struct vcard_reader reader;
	struct vcard_property property;
	int r, status = HF_OK;

	vcard_open(&reader, data, size, true);
	while (status == HF_OK && (r = vcard_next(&reader, &property, err)) != 0) {
		if (r < 0)
			status = r;
		else if (depth < AGENT_DEPTH && is_inline_agent(&property))
			status = strip_agent(&reader, &property, depth, out, err);
		else if (!property.media || property.broken)
			bytes_put(out, property.raw.data, property.raw.size);
	}
	vcard_close(&reader);
	return status == HF_OK ? bytes_status(out, "a card", err) : status;
}

int
vcard_strip(const char *data, size_t size, struct bytes *out, struct hf_error *err)
{
	return strip(data, size, 0, out, err);
}

int
vcard_media(const char *data, size_t size, struct bytes *out, struct hf_error *err)
{
	struct vcard_reader reader;
	struct vcard_property property;
	int r;

	vcard_open(&reader, data, size, false);
	while ((r = vcard_next(&reader, &property, err)) > 0) {
		if (property.media && !property.broken)
			bytes_put(out, property.raw.data, property.raw.size);
	}
	vcard_close(&reader);
	return r == HF_OK ? bytes_status(out, "a card", err) : r;
}

int
vcard_uid(const char *data, size_t size, struct bytes *out, struct hf_error *err)
{
	struct vcard_reader reader;
	struct vcard_property property;
	struct vcard_text value;
	int r;

	vcard_open(&reader, data, size, false);
	while ((r = vcard_next(&reader, &property, err)) > 0) {
		if (property.broken || property.nested.data != NULL || !vcard_is(&property.name, "UID"))
			continue;
		value = trimmed(property.value);
		while (value.size > 0 && is_blank(*value.data))
			value = (struct vcard_text){value.data + 1, value.size - 1};
		if (value.size == 0)
			continue;
		bytes_put(out, value.data, value.size);
		r = 0;
		break;
	}
	vcard_close(&reader);
	return r == 0 ? bytes_status(out, "a UID", err) : r;
}

/* ---- what a card says ---- */

static void
put_folded_case(struct bytes *out, struct vcard_text text)
{
	size_t i;

	for (i = 0; i < text.size; i++)
		bytes_char(out, text.data[i] >= 'a' && text.data[i] <= 'z' ? (char)(text.data[i] - 'a' + 'A')
		    : text.data[i]);
}

int
vcard_lines(const char *data, size_t size, vcard_line_fn fn, void *ctx, struct hf_error *err)
{
	struct bytes line = BYTES_INIT(LINE_MAX_SIZE);
	struct vcard_reader reader;
	struct vcard_property property;
	int r, status = HF_OK;

	vcard_open(&reader, data, size, true);
	while (status == HF_OK && (r = vcard_next(&reader, &property, err)) != 0) {
		if (r < 0) {
			status = r;
			break;
		}
		if (property.media || vcard_is(&property.name, "REV") || vcard_is(&property.name, "PRODID") ||
		    (property.broken && property.value.size == 0 && reader.line.failed == HF_OK))
			continue;
		bytes_clear(&line);
		put_folded_case(&line, property.group);
		bytes_char(&line, '.');
		put_folded_case(&line, property.name);
		put_folded_case(&line, property.params);
		bytes_char(&line, ':');
		if (reader.line.failed != HF_OK)
			bytes_put(&line, property.raw.data, property.raw.size);
		else
			bytes_put(&line, property.value.data, property.value.size);
		status = bytes_status(&line, "a card", err);
		if (status == HF_OK)
			status = fn(ctx, line.data, line.size, err);
	}
	vcard_close(&reader);
	bytes_release(&line);
	return status;
}
