/* SPDX-License-Identifier: BSD-2-Clause */
#include "body.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../common/digest.h"
#include "../../common/value.h"

#define AUTHOR_MAX 200
#define NAME_MAX_SIZE 255
#define ID_SIZE 32

/* How often a message was met. */
struct recent {
	uint64_t hash; /* 0: free */
	uint32_t count;
};

int
body_init(struct body *body, const struct hf_host_write *write, struct hf_error *err)
{
	memset(body, 0, sizeof(*body));
	body->write = write;
	body->place = "";
	/* Half of a table stays free. */
	body->recent = calloc((size_t)4 * BODY_RECENT, sizeof(*body->recent));
	return body->recent != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

void
body_release(struct body *body)
{
	free(body->recent);
	free(body->buffer);
	body->recent = NULL;
	body->buffer = NULL;
	body->capacity = 0;
}

void
body_begin(struct body *body, const char *place)
{
	memset(body->recent, 0, (size_t)4 * BODY_RECENT * sizeof(*body->recent));
	body->newest = body->filled = 0;
	body->place = place;
}

static struct recent *
find_recent(struct body *body, size_t table, uint64_t hash)
{
	struct recent *recent = body->recent + table * 2 * BODY_RECENT;
	size_t slot = (size_t)(hash % (2 * BODY_RECENT));

	while (recent[slot].hash != 0 && recent[slot].hash != hash)
		slot = (slot + 1) % (2 * BODY_RECENT);
	return &recent[slot];
}

/* How many messages that were the same came before, of those that are remembered. */
static uint32_t
count_same(struct body *body, uint64_t hash)
{
	struct recent *now, *before;

	hash |= 1;
	now = find_recent(body, body->newest, hash);
	if (now->hash == 0) {
		before = find_recent(body, 1 - body->newest, hash);
		now->hash = hash;
		now->count = before->count;
		body->filled++;
	}
	if (body->filled < BODY_RECENT)
		return now->count++;
	now->count++;
	body->newest = 1 - body->newest;
	body->filled = 0;
	memset(body->recent + body->newest * 2 * BODY_RECENT, 0, 2 * BODY_RECENT * sizeof(*body->recent));
	return now->count - 1;
}

/* ---- parts of a message ---- */

/* Passes marks, and spaces as well where that is wanted. */
static size_t
pass_marks(const char *text, size_t size, size_t i, bool spaces)
{
	size_t n;
	uint32_t c;

	while (i < size) {
		c = stamp_character(text + i, size - i, &n);
		if (!stamp_is_mark(c) && !(spaces && (c == ' ' || c == 0xa0 || c == 0x202f)))
			break;
		i += n;
	}
	return i;
}

/* The end of text without the marks and spaces that it ends with. */
static size_t
trim_end(const char *text, size_t start, size_t end)
{
	static const char *const ends[] = {" ", "\n", "\r", "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x8e", "\xe2\x80\x8f",
	    "\xe2\x80\xac"};
	size_t i, n;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]);) {
		n = strlen(ends[i]);
		if (end - start >= n && memcmp(text + end - n, ends[i], n) == 0) {
			end -= n;
			i = 0;
		} else {
			i++;
		}
	}
	return end;
}

void
body_author(const char *text, size_t size, size_t stamp_size, const char **ret_author, size_t *ret_size,
    size_t *ret_body)
{
	size_t start = pass_marks(text, size, stamp_size, true), i, end;

	*ret_author = NULL;
	*ret_size = 0;
	*ret_body = stamp_size;
	/* "~" stands before names of people who are in no address book. */
	if (start < size && text[start] == '~')
		start = pass_marks(text, size, start + 1, true);
	for (i = start; i < size && i - start < AUTHOR_MAX && text[i] != '\n'; i++) {
		/* Only what the system says has quotes before a colon. */
		if (text[i] == '"' || (i + 3 <= size && memcmp(text + i, "\xe2\x80\x9c", 3) == 0))
			return;
		if (text[i] == ':' &&
		    (i + 1 == size || text[i + 1] == ' ' || text[i + 1] == '\n' || text[i + 1] == '\r'))
			break;
	}
	if (i == size || text[i] != ':')
		return;
	end = trim_end(text, start, i);
	if (end == start)
		return;
	*ret_author = text + start;
	*ret_size = end - start;
	*ret_body = i + 1 < size && text[i + 1] == ' ' ? i + 2 : i + 1;
}

/* ---- attachments ---- */

static bool
is_name_end(const char *name, size_t size)
{
	size_t i = size, count = 0;

	while (i > 0 && ((name[i - 1] >= 'a' && name[i - 1] <= 'z') || (name[i - 1] >= 'A' && name[i - 1] <= 'Z') ||
	    (name[i - 1] >= '0' && name[i - 1] <= '9')))
		i--, count++;
	return count >= 1 && count <= 5 && i > 1 && name[i - 1] == '.' && size <= NAME_MAX_SIZE &&
	    memchr(name, '/', size) == NULL && memchr(name, '\0', size) == NULL;
}

static const char *
kind_of_name(const char *name, size_t size)
{
	static const struct {
		const char *end;
		const char *kind;
	} kinds[] = {{".jpg", "image"}, {".jpeg", "image"}, {".png", "image"}, {".gif", "image"}, {".heic", "image"},
	    {".webp", "sticker"}, {".mp4", "video"}, {".mov", "video"}, {".3gp", "video"}, {".opus", "audio"},
	    {".ogg", "audio"}, {".m4a", "audio"}, {".mp3", "audio"}, {".aac", "audio"}, {".amr", "audio"},
	    {".vcf", "contact"}};
	size_t i, n;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		n = strlen(kinds[i].end);
		if (size > n && strncasecmp(name + size - n, kinds[i].end, n) == 0)
			return kinds[i].kind;
	}
	return "file";
}

/* "<attached: 00000012-PHOTO.jpg>", with the word in any language. */
static bool
attached_in_brackets(const char *line, size_t size, const char **ret_name, size_t *ret_size)
{
	size_t i;

	if (size < 8 || line[0] != '<' || line[size - 1] != '>')
		return false;
	for (i = 1; i + 2 < size && line[i] != ':'; i++)
		/* A colon of East Asia. */
		if (size - i > 5 && memcmp(line + i, "\xef\xbc\x9a", 3) == 0) {
			i += 2;
			break;
		}
	if (i + 2 >= size)
		return false;
	i = pass_marks(line, size, i + 1, true);
	*ret_name = line + i;
	*ret_size = size - 1 > i ? size - 1 - i : 0;
	return is_name_end(*ret_name, *ret_size);
}

/* "-WA0012." is in the names that WhatsApp gives on Android. */
static bool
has_number(const char *name, size_t size)
{
	size_t i;

	for (i = 0; i + 8 <= size; i++)
		if (memcmp(name + i, "-WA", 3) == 0 && name[i + 3] >= '0' && name[i + 3] <= '9')
			return true;
	return false;
}

/* "IMG-20220316-WA0001.jpg (file attached)", with the words in any language where the name is one of WhatsApp's. */
static bool
attached_in_words(const char *line, size_t size, bool marked, const char **ret_name, size_t *ret_size)
{
	static const char *const phrases[] = {"file attached", "Datei angeh\xc3\xa4ngt", "archivo adjunto",
	    "fichier joint", "file allegato", "arquivo anexado", "ficheiro anexado", "bestand bijgevoegd",
	    "\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb \xd0\xb4\xd0\xbe\xd0\xb1\xd0\xb0\xd0\xb2\xd0\xbb\xd0\xb5\xd0\xbd",
	    "\xe6\x96\x87\xe4\xbb\xb6\xe9\x99\x84\xe4\xbb\xb6", "dosya ekli"};
	size_t i, k, n;

	if (size < 6 || line[size - 1] != ')')
		return false;
	for (i = size - 1; i > 1 && line[i] != '('; i--)
		;
	if (i < 2 || line[i] != '(' || line[i - 1] != ' ' || !is_name_end(line, i - 1))
		return false;
	*ret_name = line;
	*ret_size = i - 1;
	if (marked || has_number(line, i - 1))
		return true;
	n = size - 2 - i;
	for (k = 0; k < sizeof(phrases) / sizeof(phrases[0]); k++)
		if (n == strlen(phrases[k]) && memcmp(line + i + 1, phrases[k], n) == 0)
			return true;
	return false;
}

/* What stands in the place of a file that was left out of the export. */
static const struct omission {
	const char *text;
	const char *kind;
} omissions[] = {
	{"<Media omitted>", "file"}, {"<Medien ausgeschlossen>", "file"}, {"<Medien weggelassen>", "file"},
	{"<Multimedia omitido>", "file"}, {"<Archivo omitido>", "file"}, {"<M\xc3\xa9" "dias omis>", "file"},
	{"<Fichier omis>", "file"}, {"<Media omessi>", "file"}, {"<M\xc3\xad" "dia oculta>", "file"},
	{"<Arquivo de m\xc3\xad" "dia oculto>", "file"}, {"<Ficheiro n\xc3\xa3o revelado>", "file"},
	{"<Media weggelaten>", "file"}, {"<Medya dahil edilmedi>", "file"}, {"<Medier utelatt>", "file"},
	{"<Media har utel\xc3\xa4mnats>", "file"}, {"<Medier udeladt>", "file"},
	{"<pomini\xc4\x99to multimedia>", "file"},
	{"<Pomini\xc4\x99to multimedia>", "file"},
	{"<\xd0\x91\xd0\xb5\xd0\xb7 \xd0\xbc\xd0\xb5\xd0\xb4\xd0\xb8\xd0\xb0\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb\xd0\xbe"
	 "\xd0\xb2>", "file"},
	{"<\xd8\xaa\xd9\x85 \xd8\xa7\xd8\xb3\xd8\xaa\xd8\xa8\xd8\xb9\xd8\xa7\xd8\xaf \xd8\xa7\xd9\x84\xd9\x88\xd8\xb3"
	 "\xd8\xa7\xd8\xa6\xd8\xb7>", "file"},
	{"<\xe7\x9c\x81\xe7\x95\xa5\xe5\xa4\x9a\xe5\xaa\x92\xe9\xab\x94\xe6\xaa\x94\xe6\xa1\x88>", "file"},
	{"<\xe5\xbf\xbd\xe7\x95\xa5\xe5\xa4\x9a\xe5\xaa\x92\xe4\xbd\x93\xe6\x96\x87\xe4\xbb\xb6>", "file"},
	{"<\xe3\x83\xa1\xe3\x83\x87\xe3\x82\xa3\xe3\x82\xa2\xe3\x81\xaf\xe5\x90\xab\xe3\x81\xbe\xe3\x82\x8c\xe3\x81\xa6"
	 "\xe3\x81\x84\xe3\x81\xbe\xe3\x81\x9b\xe3\x82\x93>", "file"},
	{"<\xeb\xaf\xb8\xeb\x94\x94\xec\x96\xb4 \xec\xa0\x9c\xec\x99\xb8>", "file"},
	{"image omitted", "image"}, {"video omitted", "video"}, {"audio omitted", "audio"}, {"GIF omitted", "image"},
	{"sticker omitted", "sticker"}, {"document omitted", "file"}, {"Contact card omitted", "contact"},
	{"video note omitted", "video"}, {"Bild weggelassen", "image"}, {"Video weggelassen", "video"},
	{"Audio weggelassen", "audio"}, {"Sticker weggelassen", "sticker"}, {"GIF weggelassen", "image"},
	{"Dokument weggelassen", "file"}, {"imagen omitida", "image"}, {"Video omitido", "video"},
	{"video omitido", "video"}, {"audio omitido", "audio"}, {"sticker omitido", "sticker"},
	{"GIF omitido", "image"}, {"documento omitido", "file"}, {"image absente", "image"},
	{"vid\xc3\xa9o absente", "video"}, {"audio omis", "audio"}, {"sticker omis", "sticker"},
	{"document omis", "file"}, {"immagine omessa", "image"}, {"video omesso", "video"}, {"audio omesso", "audio"},
	{"sticker non incluso", "sticker"}, {"documento omesso", "file"}, {"imagem ocultada", "image"},
	{"imagem omitida", "image"}, {"v\xc3\xad" "deo omitido", "video"}, {"\xc3\xa1udio ocultado", "audio"},
	{"figurinha omitida", "sticker"}, {"afbeelding weggelaten", "image"}, {"video weggelaten", "video"},
	{"audio weggelaten", "audio"}, {"sticker weggelaten", "sticker"}, {"document weggelaten", "file"},
};

static const struct omission *
find_omission(const char *line, size_t size)
{
	size_t i, n;

	for (i = 0; i < sizeof(omissions) / sizeof(omissions[0]); i++) {
		n = strlen(omissions[i].text);
		if (n == size && memcmp(omissions[i].text, line, n) == 0)
			return &omissions[i];
		/* "report.pdf * 3 pages document omitted" */
		if (size > n + 1 && omissions[i].text[0] != '<' && line[size - n - 1] == ' ' &&
		    memcmp(omissions[i].text, line + size - n, n) == 0 && memchr(line, '.', size - n) != NULL &&
		    strcmp(omissions[i].kind, "file") == 0)
			return &omissions[i];
	}
	return NULL;
}

static void
clear_attachment(struct hf_attachment *a)
{
	memset(a, 0, sizeof(*a));
	a->size = a->width = a->height = a->duration_ms = -1;
	a->expires_ns = HF_NO_TIME;
}

/* ---- records ---- */

/* Texts that are put one behind another into the buffer, which has room for them. */
struct writer {
	char *data;
	size_t size;
};

static struct hf_text
text_since(const struct writer *w, size_t start)
{
	return (struct hf_text){w->data + start, w->size - start, HF_TEXT_UTF8, 0};
}

static void
put(struct writer *w, const char *text, size_t size)
{
	if (size > 0)
		memcpy(w->data + w->size, text, size);
	w->size += size;
}

/* Text without marks, and with "\n" alone at the ends of lines. */
static void
put_plain(struct writer *w, const char *text, size_t size)
{
	size_t i, n;
	uint32_t c;

	for (i = 0; i < size; i += n) {
		c = stamp_character(text + i, size - i, &n);
		if (!stamp_is_mark(c) && !(c == '\r' && i + 1 < size && text[i + 1] == '\n'))
			put(w, text + i, n);
	}
}

/* Text as it is, but for what is not UTF-8, and "\r" at the ends of lines. */
static bool
put_valid(struct writer *w, const char *text, size_t size, bool unix_lines)
{
	size_t i, n;
	bool valid = true;

	for (i = 0; i < size; i += n) {
		n = 1;
		if ((unsigned char)text[i] >= 0x80) {
			(void)stamp_character(text + i, size - i, &n);
			if (!value_is_utf8(text + i, n)) {
				put(w, "\xef\xbf\xbd", 3);
				valid = false;
				continue;
			}
		} else if (unix_lines && text[i] == '\r' && i + 1 < size && text[i + 1] == '\n') {
			continue;
		}
		put(w, text + i, n);
	}
	return valid;
}

/* Where a message's body lies, and what of it is not text. */
struct layout {
	const char *author;
	size_t author_size;
	const char *rest;
	size_t rest_size;
	bool media;
};

/* Takes an attachment from the first line; the others are what was written to it. */
static void
take_attachment(struct body *body, struct writer *w, struct layout *l, struct hf_message *m)
{
	struct hf_attachment *a = &body->attachment;
	const char *newline = l->rest_size > 0 ? memchr(l->rest, '\n', l->rest_size) : NULL, *name;
	size_t line = newline != NULL ? (size_t)(newline - l->rest) : l->rest_size;
	size_t start = pass_marks(l->rest, line, 0, false), end = trim_end(l->rest, start, line), size, at;
	const struct omission *omission = find_omission(l->rest + start, end - start);

	clear_attachment(a);
	if (attached_in_brackets(l->rest + start, end - start, &name, &size) ||
	    attached_in_words(l->rest + start, end - start, start > 0, &name, &size)) {
		at = w->size;
		put(w, body->place, strlen(body->place));
		(void)put_valid(w, name, size, false);
		a->path = text_since(w, at);
		at += strlen(body->place);
		a->name = text_since(w, at);
		a->kind = value_of_string(kind_of_name(name, size));
	} else if (omission != NULL) {
		at = w->size;
		(void)put_valid(w, l->rest + start, end - start, false);
		a->missing = text_since(w, at);
		a->kind = value_of_string(omission->kind);
	} else {
		return;
	}
	l->media = true;
	l->rest += newline != NULL ? line + 1 : line;
	l->rest_size -= newline != NULL ? line + 1 : line;
	m->attachments = a;
	m->attachment_count = 1;
	m->kind = a->kind;
}

/*
 * A message has no id, so it is made of what it says: who, when by the clock on the wall to the minute, what, and how
 * many that are the same came before.  It does not change when seconds, half days or media come into a later export.
 */
static int
make_id(struct body *body, struct writer *w, const struct layout *l, const struct stamp *stamp, struct hf_text *ret_id,
    struct hf_error *err)
{
	uint8_t hash[DIGEST_SIZE];
	char text[80], hex[2 * DIGEST_SIZE + 1];
	size_t start = w->size;
	uint64_t first;
	int date[3], n, r;

	memcpy(date, stamp->date, sizeof(date));
	date[stamp->order == ORDER_YMD ? 0 : 2] = stamp_year(stamp);
	put_plain(w, l->author, l->author_size);
	n = snprintf(text, sizeof(text), "\n%d/%d/%d %d:%d\n%s", date[0], date[1], date[2], stamp->hour, stamp->minute,
	    l->media ? "<media>\n" : "");
	put(w, text, (size_t)n);
	put_plain(w, l->rest, trim_end(l->rest, 0, l->rest_size));
	r = body->write->sha256(w->data + start, w->size - start, hash, err);
	if (r != HF_OK)
		return r;
	memcpy(&first, hash, sizeof(first));
	n = snprintf(text, sizeof(text), "\n%" PRIu32, count_same(body, first));
	put(w, text, (size_t)n);
	r = body->write->sha256(w->data + start, w->size - start, hash, err);
	if (r != HF_OK)
		return r;
	digest_hex(hash, hex);
	w->size = start;
	put(w, hex, ID_SIZE);
	*ret_id = text_since(w, start);
	return HF_OK;
}

static int
make_raw(struct body *body, struct writer *w, const char *text, size_t size, struct hf_message *m, struct hf_error *err)
{
	struct hf_text lines = {text, size, HF_TEXT_UTF8, 0};
	uint64_t length = body->write->text(&lines, w->data + w->size, body->capacity - w->size);

	if (length == 0)
		return hf_error_set(err, HF_ERANGE, 0, "the message is too long");
	m->raw = (struct hf_blob){w->data + w->size, length};
	m->flags |= HF_MESSAGE_RAW_COMPACT;
	return HF_OK;
}

static const char *
kind_of(const struct layout *l)
{
	size_t start = pass_marks(l->rest, l->rest_size, 0, false), i;
	static const char map[] = "https://maps.google.com/?q=";

	if (l->author == NULL)
		return "system";
	for (i = start; i + sizeof(map) - 1 <= l->rest_size && i - start < 40; i++)
		if (memcmp(l->rest + i, map, sizeof(map) - 1) == 0)
			return "location";
	return "text";
}

static int
reserve(struct body *body, size_t size, struct hf_error *err)
{
	char *grown;

	if (size <= body->capacity)
		return HF_OK;
	grown = realloc(body->buffer, size);
	if (grown == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	body->buffer = grown;
	body->capacity = size;
	return HF_OK;
}

int
body_message(struct body *body, const char *text, size_t size, size_t stamp_size, const struct stamp *stamp,
    int64_t sent_ns, struct hf_message *m, struct hf_error *err)
{
	struct writer w = {NULL, 0};
	struct layout l = {NULL, 0, NULL, 0, false};
	size_t at, start;
	bool valid;
	/* Author, text, name and id, each up to three times as long where it is no UTF-8, and raw six times. */
	int r = reserve(body, 16 * size + 2 * strlen(body->place) + 1024, err);

	if (r != HF_OK)
		return r;
	w.data = body->buffer;
	memset(m, 0, sizeof(*m));
	m->struct_size = sizeof(*m);
	m->sent_ns = sent_ns;
	m->edited_ns = m->deleted_ns = HF_NO_TIME;
	body_author(text, size, stamp_size, &l.author, &l.author_size, &at);
	l.rest = text + at;
	l.rest_size = size - at;
	m->kind = value_of_string(kind_of(&l));
	if (l.author != NULL) {
		start = w.size;
		put_plain(&w, l.author, l.author_size);
		m->sender = text_since(&w, start);
		if (!value_is_utf8(m->sender.data, (size_t)m->sender.size)) {
			w.size = start;
			(void)put_valid(&w, l.author, l.author_size, false);
			m->sender = text_since(&w, start);
		}
		take_attachment(body, &w, &l, m);
	}
	r = make_id(body, &w, &l, stamp, &m->id, err);
	if (r != HF_OK)
		return r;
	start = w.size;
	at = pass_marks(l.rest, l.rest_size, 0, false);
	valid = put_valid(&w, l.rest + at, l.rest_size - at, true) && value_is_utf8(text, size);
	m->text = text_since(&w, start);
	r = make_raw(body, &w, text, size, m, err);
	if (r == HF_OK && !valid)
		return hf_error_set(err, HF_EINVAL, 0,
		    "the message is not UTF-8: what is not, is U+FFFD in the backup");
	return r;
}
