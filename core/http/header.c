/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "http/header.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"

/* What the client says itself, or what would let one request pass for two. */
static const char *const own[] = {"connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
    "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", NULL};

void
headers_clear(struct headers *headers)
{
	if (headers->text.max == 0)
		headers->text.max = HEADER_MAX_SIZE;
	buffer_clear(&headers->text);
	headers->count = 0;
	headers->size = 0;
	headers->status = 0;
}

void
headers_release(struct headers *headers)
{
	buffer_release(&headers->text);
}

bool
header_is_token(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if ((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z') ||
		    (text[i] >= '0' && text[i] <= '9'))
			continue;
		if (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)
			return false;
	}
	return size > 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Takes white space off both ends. */
static const char *
trim(const char *text, size_t *size)
{
	while (*size > 0 && is_blank(text[0])) {
		text++;
		(*size)--;
	}
	while (*size > 0 && is_blank(text[*size - 1]))
		(*size)--;
	return text;
}

static void
append_lower(struct buffer *out, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		buffer_append_byte(out, (uint8_t)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]));
}

static void
append_text(struct buffer *out, const char *text, size_t size)
{
	bool good = json_is_utf8(text, size);
	size_t i;

	if (good) {
		buffer_append(out, text, size);
		return;
	}
	for (i = 0; i < size; i++)
		buffer_append_byte(out, (unsigned char)text[i] < 0x80 ? (uint8_t)text[i] : '?');
}

static bool
has_control(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		if (((unsigned char)text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return true;
	}
	return false;
}

static int
add(struct headers *headers, const char *line, size_t size, struct hf_error *err)
{
	const char *colon = memchr(line, ':', size), *value;
	size_t name_size = colon == NULL ? 0 : (size_t)(colon - line), value_size;
	struct hf_http_header *item = &headers->items[headers->count];

	if (colon == NULL || !header_is_token(line, name_size) || has_control(line, size))
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of the answer's header is none");
	if (headers->count == HEADER_MAX_COUNT)
		return hf_error_set(err, HF_ERANGE, 0, "the answer has more than %u headers", HEADER_MAX_COUNT);
	value_size = size - name_size - 1;
	value = trim(colon + 1, &value_size);
	memset(item, 0, sizeof(*item));
	headers->starts[headers->count] = headers->text.size;
	item->name.size = name_size;
	item->value.size = value_size;
	append_lower(&headers->text, line, name_size);
	append_text(&headers->text, value, value_size);
	headers->count++;
	return buffer_status(&headers->text, "the answer's header", err);
}

/* A value that goes on on the next line (RFC 9112, 5.2): its line's end counts as a space. */
static int
fold(struct headers *headers, const char *line, size_t size, struct hf_error *err)
{
	const char *text = trim(line, &size);

	if (headers->count == 0 || has_control(text, size))
		return hf_error_set(err, HF_ECORRUPT, 0, "a line of the answer's header is none");
	buffer_append_byte(&headers->text, ' ');
	append_text(&headers->text, text, size);
	headers->items[headers->count - 1].value.size += size + 1;
	return buffer_status(&headers->text, "the answer's header", err);
}

/* "HTTP/1.1 200 OK" */
static int
status_line(struct headers *headers, const char *line, size_t size, struct hf_error *err)
{
	const char *space = memchr(line, ' ', size);
	int64_t status;

	headers_clear(headers);
	if (space == NULL || line + size - space < 4 || !header_number(space + 1, 3, &status) || status < 100 ||
	    (line + size - space > 4 && space[4] != ' '))
		return hf_error_set(err, HF_ECORRUPT, 0, "the answer's first line has no status");
	headers->status = (unsigned)status;
	headers->size = size;
	return HF_OK;
}

int
headers_line(struct headers *headers, const char *line, size_t size, struct hf_error *err)
{
	size_t whole = size;

	while (size > 0 && (line[size - 1] == '\n' || line[size - 1] == '\r'))
		size--;
	if (size > 5 && memcmp(line, "HTTP/", 5) == 0)
		return status_line(headers, line, size, err);
	headers->size += whole;
	if (headers->size > HEADER_MAX_SIZE)
		return hf_error_set(
		    err, HF_ERANGE, 0, "the answer's header is longer than %u bytes", HEADER_MAX_SIZE);
	if (size == 0)
		return HF_OK;
	return is_blank(line[0]) ? fold(headers, line, size, err) : add(headers, line, size, err);
}

const struct hf_http_header *
headers_list(struct headers *headers)
{
	const char *text = (const char *)headers->text.data;
	size_t i;

	for (i = 0; i < headers->count; i++) {
		headers->items[i].name.data = text + headers->starts[i];
		headers->items[i].value.data = text + headers->starts[i] + headers->items[i].name.size;
	}
	return headers->items;
}

struct hf_text
headers_find(struct headers *headers, const char *name)
{
	const struct hf_http_header *items = headers_list(headers);
	const struct hf_text none = {NULL, 0, HF_TEXT_UTF8, 0};
	size_t i;

	for (i = 0; i < headers->count; i++) {
		if (items[i].name.size == strlen(name) && memcmp(items[i].name.data, name, items[i].name.size) == 0)
			return items[i].value;
	}
	return none;
}

int
header_check(const struct hf_http_header *header, struct hf_error *err)
{
	size_t i;

	if (header->name.data == NULL || !header_is_token(header->name.data, header->name.size))
		return hf_error_set(err, HF_EINVAL, 0, "the name of a header has characters that are not allowed");
	if (header->value.data == NULL || has_control(header->value.data, header->value.size))
		return hf_error_set(err, HF_EINVAL, 0,
		    "the value of the header %.*s has characters that are not allowed",
		    header->name.size > 40 ? 40 : (int)header->name.size, header->name.data);
	for (i = 0; own[i] != NULL; i++) {
		if (strlen(own[i]) == header->name.size &&
		    strncasecmp(own[i], header->name.data, header->name.size) == 0)
			return hf_error_set(err, HF_EINVAL, 0, "the header %s is the host's to send", own[i]);
	}
	return HF_OK;
}

bool
header_number(const char *text, size_t size, int64_t *ret)
{
	int64_t number = 0;
	size_t i;

	if (size == 0)
		return false;
	for (i = 0; i < size; i++) {
		if (text[i] < '0' || text[i] > '9' || number > (INT64_MAX - 9) / 10)
			return false;
		number = number * 10 + (text[i] - '0');
	}
	*ret = number;
	return true;
}

bool
header_range(const struct hf_text *value, struct header_range *ret)
{
	const char *text = value->data, *end, *dash, *slash;
	struct header_range range = {0, 0, -1};

	if (text == NULL || value->size < 6 || strncasecmp(text, "bytes ", 6) != 0)
		return false;
	end = text + value->size;
	text += 6;
	dash = memchr(text, '-', (size_t)(end - text));
	slash = memchr(text, '/', (size_t)(end - text));
	if (dash == NULL || slash == NULL || slash < dash)
		return false;
	if (!header_number(text, (size_t)(dash - text), &range.first) ||
	    !header_number(dash + 1, (size_t)(slash - dash - 1), &range.last) || range.last < range.first)
		return false;
	if ((end - slash != 2 || slash[1] != '*') &&
	    (!header_number(slash + 1, (size_t)(end - slash - 1), &range.total) || range.total <= range.last))
		return false;
	*ret = range;
	return true;
}

struct hf_text
header_mime(const struct hf_text *value)
{
	struct hf_text mime = *value;
	const char *semicolon;
	size_t size;

	if (mime.data == NULL)
		return mime;
	semicolon = memchr(mime.data, ';', mime.size);
	size = semicolon == NULL ? mime.size : (size_t)(semicolon - mime.data);
	mime.data = trim(mime.data, &size);
	mime.size = size;
	return mime;
}

bool
header_is_strong_etag(const struct hf_text *value)
{
	return value->data != NULL && value->size >= 2 && value->data[0] == '"' &&
	    value->data[value->size - 1] == '"' && memchr(value->data, '?', value->size) == NULL;
}
