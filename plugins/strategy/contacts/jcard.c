/* SPDX-License-Identifier: BSD-2-Clause */
#include "jcard.h"

#include <stdio.h>
#include <strings.h>

#include "charset.h"
#include "common/vcard.h"

#define TEXT_MAX   (8u << 20)
#define PARAMS_MAX 64u /* of one property; more are in contacts.vcf alone */

/* How a value consists of parts. */
#define WHOLE      0u
#define LIST       1u /* several values, commas between them */
#define COMPONENTS 2u /* semicolons between the parts of one value */
#define NESTED     3u /* the same, and commas between the values of a part */

struct kind {
	const char *name, *type;
	unsigned parts;
};

/* RFC 6350's properties with their default types, and what older versions have besides. */
static const struct kind kinds[] = {{"adr", "text", NESTED}, {"agent", "text", WHOLE},
    {"anniversary", "date-and-or-time", WHOLE},
    {"bday", "date-and-or-time", WHOLE}, {"caladruri", "uri", WHOLE}, {"caluri", "uri", WHOLE},
    {"categories", "text", LIST}, {"class", "text", WHOLE}, {"clientpidmap", "text", COMPONENTS},
    {"email", "text", WHOLE}, {"fburl", "uri", WHOLE}, {"fn", "text", WHOLE}, {"gender", "text", COMPONENTS},
    {"geo", "uri", WHOLE}, {"impp", "uri", WHOLE}, {"kind", "text", WHOLE}, {"label", "text", WHOLE},
    {"lang", "language-tag", WHOLE}, {"mailer", "text", WHOLE}, {"member", "uri", WHOLE}, {"n", "text", NESTED},
    {"name", "text", WHOLE}, {"nickname", "text", LIST}, {"note", "text", WHOLE}, {"org", "text", COMPONENTS},
    {"prodid", "text", WHOLE}, {"profile", "text", WHOLE}, {"related", "uri", WHOLE}, {"rev", "timestamp", WHOLE},
    {"role", "text", WHOLE}, {"sort-string", "text", WHOLE}, {"source", "uri", WHOLE}, {"tel", "text", WHOLE},
    {"title", "text", WHOLE}, {"tz", "text", WHOLE}, {"uid", "uri", WHOLE}, {"url", "uri", WHOLE},
    {"xml", "text", WHOLE}};

static const struct kind unknown_kind = {"", "unknown", WHOLE};

/* One property on its way. */
struct line {
	const struct vcard_property *property;
	int version;
	struct kind kind;
	char type[32];
	struct vcard_text charset;
	struct bytes decoded; /* transfer encoding taken off */
	struct bytes text;    /* in UTF-8 */
	struct bytes part;
	struct bytes *out;
};

/* ---- JSON ---- */

static void
put_json(const char *text, size_t size, struct bytes *out)
{
	size_t i, from = 0;
	unsigned char c;

	bytes_char(out, '"');
	for (i = 0; i < size; i++) {
		c = (unsigned char)text[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		bytes_put(out, text + from, i - from);
		from = i + 1;
		if (c == '\n')
			bytes_string(out, "\\n");
		else if (c < 0x20)
			bytes_format(out, "\\u%04x", c);
		else
			bytes_format(out, "\\%c", c);
	}
	bytes_put(out, text + from, size - from);
	bytes_char(out, '"');
}

static void
put_lower(struct vcard_text text, struct bytes *out)
{
	size_t i;

	for (i = 0; i < text.size; i++)
		bytes_char(out, text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] - 'A' + 'a')
		                                                         : text.data[i]);
}

/* Text of the card as it stands, of whatever encoding. */
static void
put_text(struct line *line, struct vcard_text text, bool lower)
{
	bytes_clear(&line->part);
	bytes_clear(&line->decoded);
	charset_decode(line->charset.data, line->charset.size, text.data, text.size, &line->decoded);
	if (lower)
		put_lower((struct vcard_text){line->decoded.data, line->decoded.size}, &line->part);
	else
		bytes_put(&line->part, line->decoded.data, line->decoded.size);
	put_json(line->part.data, line->part.size, line->out);
}

/* ---- parameters ---- */

struct param {
	struct vcard_text name, value;
	bool done;
};

/* What a bare parameter of vCard 2.1 is a value of (versit vCard 2.1, section 2.1). */
static const char *
bare_name(struct vcard_text value)
{
	static const char *const encodings[] = {"7BIT", "8BIT", "QUOTED-PRINTABLE", "BASE64", NULL};
	static const char *const places[] = {"INLINE", "URL", "CONTENT-ID", "CID", NULL};
	size_t i;

	for (i = 0; encodings[i] != NULL; i++) {
		if (vcard_is(&value, encodings[i]))
			return "ENCODING";
	}
	for (i = 0; places[i] != NULL; i++) {
		if (vcard_is(&value, places[i]))
			return "VALUE";
	}
	return "TYPE";
}

static size_t
collect_params(const struct vcard_property *property, struct param *params)
{
	struct vcard_text name, value;
	size_t pos = 0, count = 0;
	const char *bare;

	while (count < PARAMS_MAX && vcard_next_param(&property->params, &pos, &name, &value) > 0) {
		if (name.size == 0 && value.size == 0)
			continue;
		if (name.size == 0) {
			bare = bare_name(value);
			name = (struct vcard_text){bare, strlen(bare)};
		}
		params[count++] = (struct param){name, value, false};
	}
	return count;
}

/* RFC 6868: ^n, ^' and ^^ in the values of parameters. */
static struct vcard_text
decode_carets(struct line *line, struct vcard_text value)
{
	size_t i;

	if (line->version != VCARD_40 || memchr(value.data, '^', value.size) == NULL)
		return value;
	bytes_clear(&line->text);
	for (i = 0; i < value.size; i++) {
		if (value.data[i] == '^' && i + 1 < value.size && strchr("n'^", value.data[i + 1]) != NULL) {
			i++;
			bytes_char(&line->text, value.data[i] == 'n' ? '\n' : value.data[i] == '\'' ? '"' : '^');
		} else {
			bytes_char(&line->text, value.data[i]);
		}
	}
	return (struct vcard_text){line->text.data, line->text.size};
}

/* The next of a parameter's values, commas between them; within quotes they separate only lists. */
static bool
next_value(struct vcard_text *rest, bool list, struct vcard_text *ret)
{
	bool quoted = false;
	size_t i;

	if (rest->data == NULL)
		return false;
	for (i = 0; i < rest->size; i++) {
		if (rest->data[i] == '"')
			quoted = !quoted;
		else if (rest->data[i] == ',' && (!quoted || list))
			break;
	}
	*ret = (struct vcard_text){rest->data, i};
	*rest = i < rest->size ? (struct vcard_text){rest->data + i + 1, rest->size - i - 1}
	                       : (struct vcard_text){NULL, 0};
	while (ret->size > 0 && (*ret->data == '"' || *ret->data == ' '))
		*ret = (struct vcard_text){ret->data + 1, ret->size - 1};
	while (ret->size > 0 && (ret->data[ret->size - 1] == '"' || ret->data[ret->size - 1] == ' '))
		ret->size--;
	return true;
}

static bool
same_name(const struct param *a, const struct param *b)
{
	return a->name.size == b->name.size && strncasecmp(a->name.data, b->name.data, a->name.size) == 0;
}

/* All values of the parameters that have the first one's name; "pref" is no type, but a parameter of its own. */
static void
put_param(struct line *line, struct param *params, size_t count, const char **separator, bool *pref)
{
	bool type = vcard_is(&params->name, "TYPE"), list = type || vcard_is(&params->name, "SORT-AS") ||
	            vcard_is(&params->name, "PID");
	struct vcard_text rest, value;
	size_t i, n = 0, at;

	bytes_string(line->out, *separator);
	at = line->out->size;
	put_text(line, params->name, true);
	bytes_char(line->out, ':');
	bytes_char(line->out, '[');
	for (i = 0; i < count; i++) {
		if (params[i].done || !same_name(&params[i], params))
			continue;
		params[i].done = i > 0;
		rest = params[i].value;
		while (next_value(&rest, list, &value)) {
			if (type && vcard_is(&value, "PREF")) {
				*pref = true;
				continue;
			}
			bytes_string(line->out, n++ > 0 ? "," : "");
			put_text(line, decode_carets(line, value), type);
		}
	}
	if (line->out->failed != HF_OK)
		return;
	if (n == 0) {
		line->out->size = at - strlen(*separator);
		return;
	}
	*separator = ",";
	if (n > 1) {
		bytes_char(line->out, ']');
		return;
	}
	/* One value stands alone. */
	while (line->out->data[at] != '[')
		at++;
	memmove(line->out->data + at, line->out->data + at + 1, line->out->size - at - 1);
	line->out->size--;
}

static void
put_params(struct line *line)
{
	struct param params[PARAMS_MAX];
	size_t i, count = collect_params(line->property, params);
	const char *separator = "";
	bool pref = false;

	bytes_char(line->out, '{');
	if (line->property->group.size > 0) {
		bytes_string(line->out, "\"group\":");
		put_text(line, line->property->group, false);
		separator = ",";
	}
	for (i = 0; i < count; i++) {
		if (!params[i].done && params[i].name.size > 0 && !vcard_is(&params[i].name, "ENCODING") &&
		    !vcard_is(&params[i].name, "CHARSET") && !vcard_is(&params[i].name, "VALUE") &&
		    !vcard_is(&params[i].name, "GROUP"))
			put_param(line, params + i, count - i, &separator, &pref);
	}
	if (pref && vcard_param(line->property, "PREF").data == NULL)
		bytes_format(line->out, "%s\"pref\":\"1\"", separator);
	bytes_char(line->out, '}');
}

/* ---- values ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2045, 6.7; what is no escape stays. */
static void
decode_quoted_printable(struct vcard_text text, struct bytes *out)
{
	size_t i;

	for (i = 0; i < text.size; i++) {
		if (text.data[i] == '=' && i + 2 < text.size && hex_digit(text.data[i + 1]) >= 0 &&
		    hex_digit(text.data[i + 2]) >= 0) {
			bytes_char(out, (char)(hex_digit(text.data[i + 1]) * 16 + hex_digit(text.data[i + 2])));
			i += 2;
		} else {
			bytes_char(out, text.data[i]);
		}
	}
}

/* The value as UTF-8 in line->text. */
static void
decode_value(struct line *line)
{
	const struct vcard_property *property = line->property;
	struct vcard_text value = property->value;
	size_t i;

	bytes_clear(&line->decoded);
	bytes_clear(&line->text);
	if (property->quoted_printable)
		decode_quoted_printable(value, &line->decoded);
	else
		bytes_put(&line->decoded, value.data, value.size);
	if (property->base64) {
		bytes_string(&line->text, "data:application/octet-stream;base64,");
		for (i = 0; i < line->decoded.size; i++) {
			if (line->decoded.data[i] > ' ')
				bytes_char(&line->text, line->decoded.data[i]);
		}
		bytes_clear(&line->decoded);
		bytes_put(&line->decoded, line->text.data, line->text.size);
		bytes_clear(&line->text);
	}
	charset_decode(line->charset.data, line->charset.size, line->decoded.data, line->decoded.size, &line->text);
}

/* vCard 2.1 escapes only the separator of its components. */
static bool
is_escape(const struct line *line, char c)
{
	return c != '\0' && strchr(line->version == VCARD_21 ? ";\\" : "nN,;:\\", c) != NULL;
}

/* Up to a separator that is not escaped; NULL: to the end. */
static struct vcard_text
cut(struct vcard_text *rest, char separator)
{
	struct vcard_text part = {rest->data, 0};

	while (part.size < rest->size && part.data[part.size] != separator)
		part.size += part.data[part.size] == '\\' && part.size + 1 < rest->size ? 2 : 1;
	*rest = part.size < rest->size
	            ? (struct vcard_text){rest->data + part.size + 1, rest->size - part.size - 1}
	            : (struct vcard_text){NULL, 0};
	return part;
}

static void
put_unescaped(struct line *line, struct vcard_text text)
{
	size_t i;

	bytes_clear(&line->part);
	for (i = 0; i < text.size; i++) {
		if (text.data[i] != '\\' || i + 1 == text.size || !is_escape(line, text.data[i + 1])) {
			bytes_char(&line->part, text.data[i]);
			continue;
		}
		i++;
		bytes_char(&line->part, text.data[i] == 'n' || text.data[i] == 'N' ? '\n' : text.data[i]);
	}
	put_json(line->part.data, line->part.size, line->out);
}

/* The values of a list, or the values in one component. */
static void
put_list(struct line *line, struct vcard_text text)
{
	const char *separator = "";

	while (text.data != NULL) {
		bytes_string(line->out, separator);
		put_unescaped(line, cut(&text, ','));
		separator = ",";
	}
}

static bool
has_several(struct vcard_text text, char separator)
{
	(void)cut(&text, separator);
	return text.data != NULL;
}

static void
put_components(struct line *line, struct vcard_text text)
{
	const char *separator = "";
	struct vcard_text part;

	if (!has_several(text, ';') && line->kind.parts == COMPONENTS) {
		put_unescaped(line, text);
		return;
	}
	bytes_char(line->out, '[');
	while (text.data != NULL) {
		bytes_string(line->out, separator);
		part = cut(&text, ';');
		if (line->kind.parts == NESTED && line->version != VCARD_21 && has_several(part, ',')) {
			bytes_char(line->out, '[');
			put_list(line, part);
			bytes_char(line->out, ']');
		} else {
			put_unescaped(line, part);
		}
		separator = ",";
	}
	bytes_char(line->out, ']');
}

/* ---- dates (RFC 6350, 4.3 to RFC 7095, 3.5) ---- */

static size_t
digits_at(struct vcard_text text, size_t at)
{
	size_t n = 0;

	while (at + n < text.size && text.data[at + n] >= '0' && text.data[at + n] <= '9')
		n++;
	return n;
}

/* "20081203", "--1203", "2008-12", "---03"; returns how many bytes of text that was. */
static size_t
put_date(struct vcard_text text, struct bytes *out)
{
	size_t n = digits_at(text, 0), dashes = 0;

	if (n == 8) {
		bytes_format(out, "%.4s-%.2s-%.2s", text.data, text.data + 4, text.data + 6);
		return 8;
	}
	while (dashes < text.size && text.data[dashes] == '-' && dashes < 3)
		dashes++;
	if (dashes == 2 && digits_at(text, 2) == 4) {
		bytes_format(out, "--%.2s-%.2s", text.data + 2, text.data + 4);
		return 6;
	}
	while (n < text.size && text.data[n] != 'T' && text.data[n] != 't')
		n++;
	bytes_put(out, text.data, n);
	return n;
}

/* "193000", "1930", "19", with "Z", "+0100" or "-05:00" behind it. */
static void
put_time(struct vcard_text text, struct bytes *out)
{
	size_t n = digits_at(text, 0), at;

	if (n == 6)
		bytes_format(out, "%.2s:%.2s:%.2s", text.data, text.data + 2, text.data + 4);
	else if (n == 4)
		bytes_format(out, "%.2s:%.2s", text.data, text.data + 2);
	else
		n = 0;
	for (at = n; at < text.size && text.data[at] != '+' && (text.data[at] != '-' || at < 2); at++)
		bytes_char(out, text.data[at]);
	if (at < text.size && digits_at(text, at + 1) == 4 && at + 5 == text.size)
		bytes_format(out, "%.3s:%.2s", text.data + at, text.data + at + 3);
	else
		bytes_put(out, text.data + at, text.size - at);
}

/* Whether it can be a date or time at all. */
static bool
is_datelike(struct vcard_text text)
{
	size_t i;

	for (i = 0; i < text.size; i++) {
		if (text.data[i] == '\0' || strchr("0123456789-:TtZz+.,", text.data[i]) == NULL)
			return false;
	}
	return text.size >= 2 && text.size < 40;
}

static void
put_moment(struct line *line, struct vcard_text text)
{
	size_t at = 0;

	bytes_clear(&line->part);
	if (strcmp(line->type, "time") != 0)
		at = put_date(text, &line->part);
	if (at < text.size && (text.data[at] == 'T' || text.data[at] == 't')) {
		bytes_char(&line->part, 'T');
		at++;
	}
	if (at < text.size)
		put_time((struct vcard_text){text.data + at, text.size - at}, &line->part);
	put_json(line->part.data, line->part.size, line->out);
}

/* ---- types ---- */

static bool
is_moment(const char *type)
{
	return strcmp(type, "date") == 0 || strcmp(type, "time") == 0 || strcmp(type, "date-time") == 0 ||
	       strcmp(type, "date-and-or-time") == 0 || strcmp(type, "timestamp") == 0;
}

/* RFC 3986's scheme and a colon. */
static bool
has_scheme(struct vcard_text text)
{
	size_t i;

	for (i = 0; i < text.size && text.data[i] != ':'; i++) {
		if (!((text.data[i] | 0x20) >= 'a' && (text.data[i] | 0x20) <= 'z') &&
		    (i == 0 || (digits_at(text, i) == 0 && strchr("+-.", text.data[i]) == NULL)))
			return false;
	}
	return i > 0 && i < text.size;
}

static void
find_kind(struct line *line)
{
	const struct vcard_property *property = line->property;
	struct vcard_text value = vcard_param(property, "VALUE");
	struct bytes lower = BYTES_INIT(sizeof(line->type) - 1);
	size_t i;

	line->kind = unknown_kind;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (vcard_is(&property->name, kinds[i].name))
			line->kind = kinds[i];
	}
	(void)snprintf(line->type, sizeof(line->type), "%s", line->kind.type);
	if (value.size > 0 && !vcard_is(&value, "INLINE")) {
		put_lower(value, &lower);
		if (lower.failed == HF_OK)
			(void)snprintf(line->type, sizeof(line->type), "%.*s", (int)lower.size, lower.data);
	}
	bytes_release(&lower);
	if (strcmp(line->type, "url") == 0 || strcmp(line->type, "content-id") == 0 || strcmp(line->type, "cid") == 0 ||
	    property->base64)
		(void)snprintf(line->type, sizeof(line->type), "uri");
	if (strcmp(line->type, "phone-number") == 0)
		(void)snprintf(line->type, sizeof(line->type), "text");
}

/* Where the value is not what its property says it is, it is text. */
static void
settle_type(struct line *line, struct vcard_text text)
{
	bool fits = true;

	if (is_moment(line->type))
		fits = is_datelike(text);
	else if (strcmp(line->type, "uri") == 0 && !line->property->base64)
		fits = has_scheme(text) || vcard_param(line->property, "VALUE").size > 0;
	else
		return;
	if (!fits)
		(void)snprintf(line->type, sizeof(line->type), "text");
}

/* "37.386013;-122.082932" of vCard 3.0 is a geo: URI in 4.0. */
static bool
put_position(struct line *line, struct vcard_text text)
{
	struct vcard_text latitude = cut(&text, ';');

	if (text.data == NULL || memchr(text.data, ';', text.size) != NULL || latitude.size == 0 || text.size == 0)
		return false;
	bytes_clear(&line->part);
	bytes_string(&line->part, "geo:");
	bytes_put(&line->part, latitude.data, latitude.size);
	bytes_char(&line->part, ',');
	bytes_put(&line->part, text.data, text.size);
	bytes_string(line->out, "\"uri\",");
	put_json(line->part.data, line->part.size, line->out);
	return true;
}

static void
put_value(struct line *line)
{
	struct vcard_text text;

	decode_value(line);
	text = (struct vcard_text){line->text.size == 0 ? "" : line->text.data, line->text.size};
	if (vcard_is(&line->property->name, "GEO") && put_position(line, text))
		return;
	settle_type(line, text);
	put_json(line->type, strlen(line->type), line->out);
	bytes_char(line->out, ',');
	if (is_moment(line->type))
		put_moment(line, text);
	else if (line->kind.parts == LIST && line->version != VCARD_21)
		put_list(line, text);
	else if (line->kind.parts == NESTED || line->kind.parts == COMPONENTS)
		put_components(line, text);
	else if (strcmp(line->type, "boolean") == 0 && (vcard_is(&text, "TRUE") || vcard_is(&text, "FALSE")))
		put_lower(text, line->out);
	else if (strcmp(line->type, "text") == 0)
		put_unescaped(line, text);
	else
		put_json(text.data, text.size, line->out);
}

static void
put_special(struct line *line, const char *name, struct vcard_text text)
{
	bytes_format(line->out, ",[\"%s\",{},\"text\",", name);
	put_text(line, text, false);
	bytes_char(line->out, ']');
}

static void
put_property(struct line *line)
{
	const struct vcard_property *property = line->property;

	if (property->media || vcard_is(&property->name, "BEGIN") || vcard_is(&property->name, "END") ||
	    vcard_is(&property->name, "VERSION")) {
		if (property->nested.data == NULL)
			return;
	}
	line->charset = (struct vcard_text){NULL, 0};
	if (property->nested.data != NULL) {
		put_special(line, "agent", property->nested);
		return;
	}
	if (property->broken || property->name.size == 0) {
		if (property->raw.size > 0 && *property->raw.data != '\r' && *property->raw.data != '\n')
			put_special(line, "x-holdfast-line", property->broken ? property->value : property->raw);
		return;
	}
	line->charset = vcard_param(property, "CHARSET");
	find_kind(line);
	bytes_string(line->out, ",[");
	put_text(line, property->name, true);
	bytes_char(line->out, ',');
	put_params(line);
	bytes_char(line->out, ',');
	put_value(line);
	bytes_char(line->out, ']');
}

int
jcard_put(const char *card, size_t size, struct bytes *out, struct hf_error *err)
{
	struct line line = {.decoded = BYTES_INIT(TEXT_MAX), .text = BYTES_INIT(TEXT_MAX),
	    .part = BYTES_INIT(TEXT_MAX)};
	struct vcard_property property;
	struct vcard_reader reader;
	int r;

	line.out = out;
	line.property = &property;
	bytes_string(out, "[\"vcard\",[[\"version\",{},\"text\",\"4.0\"]");
	vcard_open(&reader, card, size, false);
	line.version = reader.version;
	while ((r = vcard_next(&reader, &property, err)) > 0)
		put_property(&line);
	vcard_close(&reader);
	bytes_string(out, "]]");
	if (r == HF_OK)
		r = bytes_status(&line.decoded, "a property", err);
	if (r == HF_OK)
		r = bytes_status(&line.text, "a property", err);
	if (r == HF_OK)
		r = bytes_status(&line.part, "a property", err);
	if (r == HF_OK)
		r = bytes_status(out, "a card", err);
	bytes_release(&line.decoded);
	bytes_release(&line.text);
	bytes_release(&line.part);
	return r;
}
