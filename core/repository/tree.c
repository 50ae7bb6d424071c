/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/json.h"
#include "base/time.h"

/*
 * Trees (REPOSITORY_FORMAT.md section 9).  Written in restic's canonical form, because equal
 * directories are stored once only where their bytes are equal; read from any writer.
 */

/* Go's FileMode bits. */
#define GO_MODE_DIR     (UINT32_C(1) << 31)
#define GO_MODE_SYMLINK (UINT32_C(1) << 27)
#define GO_MODE_SETUID  (UINT32_C(1) << 23)
#define GO_MODE_SETGID  (UINT32_C(1) << 22)
#define GO_MODE_STICKY  (UINT32_C(1) << 20)

/* A tree_fn never sees a link target or name that no system takes; longer ones are damage. */
#define NAME_MAX_SIZE   ((size_t)64 << 10)
#define TARGET_MAX_SIZE ((size_t)64 << 10)

/* ---- UTF-8 and Go's quoting ---- */

/* The rune at text and its length; length 0 when the bytes there are not UTF-8. */
static uint32_t
rune_at(const uint8_t *text, size_t size, unsigned *ret_length)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t rune = text[0];
	unsigned length, i;

	*ret_length = 1;
	if (rune < 0x80)
		return rune;
	*ret_length = 0;
	if (rune >= 0xc2 && rune < 0xe0)
		length = 2;
	else if (rune >= 0xe0 && rune < 0xf0)
		length = 3;
	else if (rune >= 0xf0 && rune < 0xf5)
		length = 4;
	else
		return 0;
	if (length > size)
		return 0;
	rune &= 0x7fu >> length;
	for (i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (text[i] & 0x3f);
	}
	if (rune < least[length] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff))
		return 0;
	*ret_length = length;
	return rune;
}

/*
 * Go's strconv.IsPrint for what is surely not printable: spaces, controls, formats, private use,
 * noncharacters.  An unassigned rune left raw is legal and only stores a directory once more.
 */
static bool
rune_is_printable(uint32_t rune)
{
	static const struct {
		uint32_t first, last;
	} unprintable[] = {{0x7f, 0xa0}, {0xad, 0xad}, {0x600, 0x605}, {0x61c, 0x61c}, {0x6dd, 0x6dd},
	    {0x70f, 0x70f}, {0x890, 0x891}, {0x8e2, 0x8e2}, {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f},
	    {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000}, {0xd800, 0xf8ff}, {0xfdd0, 0xfdef},
	    {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0xfffe, 0xffff}, {0x110bd, 0x110bd}, {0x110cd, 0x110cd},
	    {0x13430, 0x1343f}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0x10ffff}};
	size_t i;

	if (rune < 0x20)
		return false;
	for (i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++) {
		if (rune < unprintable[i].first)
			return true;
		if (rune <= unprintable[i].last)
			return false;
	}
	return true;
}

/* The letter after the backslash for the control characters that have one, else 0. */
static char
escape_letter(uint32_t rune)
{
	return rune >= '\a' && rune <= '\r' ? "abtnvfr"[rune - '\a'] : '\0';
}

/* One printable rune as Go's JSON encoder writes it. */
static void
put_json_rune(struct buffer *out, const uint8_t *text, unsigned length)
{
	uint8_t c = text[0];

	if (length == 1 && (c == '<' || c == '>' || c == '&'))
		buffer_appendf(out, "\\u%04x", c);
	else if (length == 1 && (c == '"' || c == '\\')) {
		buffer_append_byte(out, '\\');
		buffer_append_byte(out, c);
	} else
		buffer_append(out, text, length);
}

/* A file name: Go's strconv.Quote, and that as a JSON string. */
static void
put_name(struct buffer *out, const char *name, size_t size)
{
	const uint8_t *text = (const uint8_t *)name;
	unsigned length;
	uint32_t rune;
	size_t i;

	buffer_append_byte(out, '"');
	for (i = 0; i < size; i += length) {
		rune = rune_at(text + i, size - i, &length);
		if (length == 0) {
			length = 1;
			buffer_appendf(out, "\\\\x%02x", text[i]);
		} else if (rune == '"')
			buffer_append_string(out, "\\\\\\\"");
		else if (rune == '\\')
			buffer_append_string(out, "\\\\\\\\");
		else if (rune_is_printable(rune))
			put_json_rune(out, text + i, length);
		else if (escape_letter(rune) != '\0')
			buffer_appendf(out, "\\\\%c", escape_letter(rune));
		else if (rune < 0x80)
			buffer_appendf(out, "\\\\x%02x", (unsigned)rune);
		else if (rune < 0x10000)
			buffer_appendf(out, "\\\\u%04x", (unsigned)rune);
		else
			buffer_appendf(out, "\\\\U%08x", (unsigned)rune);
	}
	buffer_append_byte(out, '"');
}

/* Text as Go's JSON encoder writes it.  Returns whether all of it was UTF-8. */
static bool
put_json_text(struct buffer *out, const char *string, size_t size)
{
	const uint8_t *text = (const uint8_t *)string;
	bool valid = true;
	unsigned length;
	uint32_t rune;
	size_t i;

	buffer_append_byte(out, '"');
	for (i = 0; i < size; i += length) {
		rune = rune_at(text + i, size - i, &length);
		if (length == 0) {
			length = 1;
			valid = false;
			buffer_append_string(out, "\\ufffd");
		} else if (rune == '\n' || rune == '\r' || rune == '\t')
			buffer_appendf(out, "\\%c", escape_letter(rune));
		else if (rune < 0x20 || rune == 0x2028 || rune == 0x2029)
			buffer_appendf(out, "\\u%04x", (unsigned)rune);
		else
			put_json_rune(out, text + i, length);
	}
	buffer_append_byte(out, '"');
	return valid;
}

/* ---- writing ---- */

static int
name_check(const char *name, size_t size, int code, struct hf_error *err)
{
	if (size == 0)
		return hf_error_set(err, code, 0, "tree: an entry without a name");
	if (memchr(name, '/', size) != NULL || memchr(name, '\0', size) != NULL ||
	    (size == 1 && name[0] == '.') || (size == 2 && name[0] == '.' && name[1] == '.'))
		return hf_error_set(err, code, 0, "tree: \"%.*s\" is not a file name", (int)(size < 100 ? size : 100),
		    name);
	return HF_OK;
}

static uint32_t
go_mode(const struct node *node)
{
	uint32_t mode = node->mode & 0777;

	if (node->type == NODE_DIR)
		mode |= GO_MODE_DIR;
	if (node->type == NODE_SYMLINK)
		mode |= GO_MODE_SYMLINK;
	if (node->mode & 04000)
		mode |= GO_MODE_SETUID;
	if (node->mode & 02000)
		mode |= GO_MODE_SETGID;
	if (node->mode & 01000)
		mode |= GO_MODE_STICKY;
	return mode;
}

static void
put_time(struct buffer *out, const char *member, int64_t ns)
{
	char text[TIME_RFC3339_SIZE];
	size_t size = time_format(ns, text);

	buffer_append_string(out, member);
	buffer_append(out, text, size);
	buffer_append_byte(out, '"');
}

static void
put_number(struct buffer *out, const char *member, uint64_t number)
{
	if (number != 0)
		buffer_appendf(out, "%s%llu", member, (unsigned long long)number);
}

static void
put_target(struct buffer *out, const struct node *node)
{
	size_t size = 4 * ((node->link_target_size + 2) / 3) + 1;

	buffer_append_string(out, ",\"linktarget\":");
	if (put_json_text(out, node->link_target, node->link_target_size))
		return;
	buffer_append_string(out, ",\"linktarget_raw\":\"");
	if (buffer_reserve(out, size) != HF_OK)
		return;
	out->size += (size_t)EVP_EncodeBlock(out->data + out->size, (const unsigned char *)node->link_target,
	    (int)node->link_target_size);
	buffer_append_byte(out, '"');
}

static void
put_content(struct buffer *out, const struct node *node)
{
	char hex[HASH_HEX_SIZE];
	size_t i;

	if (node->type != NODE_FILE) {
		buffer_append_string(out, ",\"content\":null");
		return;
	}
	buffer_append_string(out, ",\"content\":[");
	for (i = 0; i < node->content_count; i++) {
		hex_encode(node->content + i * HASH_SIZE, HASH_SIZE, hex);
		buffer_append_string(out, i == 0 ? "\"" : ",\"");
		buffer_append(out, hex, HASH_HEX_SIZE - 1);
		buffer_append_byte(out, '"');
	}
	buffer_append_byte(out, ']');
}

void
tree_begin(struct buffer *tree)
{
	buffer_append_string(tree, "{\"nodes\":[");
}

int
tree_add(struct buffer *tree, const struct node *node, struct hf_error *err)
{
	static const char *const types[] = {[NODE_FILE] = "file", [NODE_DIR] = "dir", [NODE_SYMLINK] = "symlink"};
	char hex[HASH_HEX_SIZE];
	uint32_t mode = go_mode(node);
	int r;

	r = name_check(node->name, node->name_size, HF_EINVAL, err);
	if (r != HF_OK)
		return r;
	if (node->type != NODE_FILE && node->type != NODE_DIR && node->type != NODE_SYMLINK)
		return hf_error_set(err, HF_ENOTSUP, 0, "tree: special files are not written");
	if (node->type == NODE_SYMLINK && node->link_target_size > TARGET_MAX_SIZE)
		return hf_error_set(err, HF_EINVAL, 0, "tree: a link's target is longer than any system allows");
	/* Between nodes a comma: the byte before is the list's bracket or a node's brace. */
	if (tree->size > 0 && tree->data[tree->size - 1] == '}')
		buffer_append_byte(tree, ',');
	buffer_append_string(tree, "{\"name\":");
	put_name(tree, node->name, node->name_size);
	buffer_appendf(tree, ",\"type\":\"%s\"", types[node->type]);
	put_number(tree, ",\"mode\":", mode);
	put_time(tree, ",\"mtime\":\"", node->mtime_ns);
	put_time(tree, ",\"atime\":\"", node->atime_ns);
	put_time(tree, ",\"ctime\":\"", node->ctime_ns);
	buffer_appendf(tree, ",\"uid\":%u,\"gid\":%u", (unsigned)node->uid, (unsigned)node->gid);
	put_number(tree, ",\"inode\":", node->inode);
	put_number(tree, ",\"device_id\":", node->device_id);
	if (node->type == NODE_FILE)
		put_number(tree, ",\"size\":", node->size);
	if (node->type != NODE_DIR)
		put_number(tree, ",\"links\":", node->links);
	if (node->type == NODE_SYMLINK)
		put_target(tree, node);
	put_content(tree, node);
	if (node->type == NODE_DIR) {
		hex_encode(node->subtree.bytes, HASH_SIZE, hex);
		buffer_appendf(tree, ",\"subtree\":\"%s\"", hex);
	}
	buffer_append_byte(tree, '}');
	return buffer_status(tree, "tree", err);
}

void
tree_end(struct buffer *tree)
{
	buffer_append_string(tree, "]}\n");
}

/* ---- reading ---- */

enum member {
	M_NAME,
	M_TYPE,
	M_MODE,
	M_MTIME,
	M_ATIME,
	M_CTIME,
	M_UID,
	M_GID,
	M_INODE,
	M_DEVICE_ID,
	M_SIZE,
	M_LINKS,
	M_LINKTARGET,
	M_LINKTARGET_RAW,
	M_CONTENT,
	M_SUBTREE,
	M_COUNT
};

static const char *const members[M_COUNT] = {"name", "type", "mode", "mtime", "atime", "ctime", "uid", "gid",
    "inode", "device_id", "size", "links", "linktarget", "linktarget_raw", "content", "subtree"};

/* What one walk reuses from node to node. */
struct walk {
	struct buffer text; /* a JSON string decoded */
	struct buffer name, previous, target, content;
	bool any;
};

static int
node_damaged(const struct hf_json_value *values, enum member member, struct hf_error *err)
{
	int size = (int)(values[M_NAME].size < 100 ? values[M_NAME].size : 100);

	return hf_error_set(err, HF_ECORRUPT, 0, "damaged tree: member \"%s\" of entry \"%.*s\" cannot be read",
	    members[member], size, values[M_NAME].type == HF_JSON_STRING ? values[M_NAME].data : "");
}

static bool
is_absent(const struct hf_json_value *value)
{
	return value->type == HF_JSON_NONE || value->type == HF_JSON_NULL;
}

/* A whole number; absent is 0. */
static int
read_number(const struct hf_json_value *values, enum member member, uint64_t max, uint64_t *ret,
    struct hf_error *err)
{
	const struct hf_json_value *value = &values[member];
	uint64_t n = 0, digit, i;

	*ret = 0;
	if (is_absent(value))
		return HF_OK;
	if (value->type != HF_JSON_NUMBER)
		return node_damaged(values, member, err);
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return node_damaged(values, member, err);
		digit = (uint64_t)(value->data[i] - '0');
		if (n > (max - digit) / 10)
			return node_damaged(values, member, err);
		n = n * 10 + digit;
	}
	*ret = n;
	return HF_OK;
}

/* A time; absent is 1970.  What int64_t does not hold becomes the nearest it does. */
static int
read_time(const struct hf_json_value *values, enum member member, int64_t *ret, struct hf_error *err)
{
	const struct hf_json_value *value = &values[member];
	int r;

	*ret = 0;
	if (is_absent(value))
		return HF_OK;
	if (value->type != HF_JSON_STRING)
		return node_damaged(values, member, err);
	r = time_parse(value->data, value->size, ret);
	if (r == HF_ERANGE)
		*ret = memcmp(value->data, "1970", 4) < 0 ? INT64_MIN : INT64_MAX;
	else if (r != HF_OK)
		return node_damaged(values, member, err);
	return HF_OK;
}

static int
read_id(const struct hf_json_value *value, uint8_t *out)
{
	return value->type == HF_JSON_STRING && hex_decode(value->data, value->size, out, HASH_SIZE) == HF_OK ?
	           HF_OK :
	           HF_ECORRUPT;
}

/* Decodes a JSON string member into text. */
static int
read_text(const struct hf_json_value *values, enum member member, size_t max, struct buffer *text,
    struct hf_error *err)
{
	const struct hf_json_value *value = &values[member];

	buffer_clear(text);
	if (value->type != HF_JSON_STRING || value->size > 6 * max)
		return node_damaged(values, member, err);
	if (buffer_reserve(text, value->size + 1) != HF_OK)
		return buffer_status(text, "tree", err);
	text->size = json_decode(value->data, value->size, (char *)text->data);
	return HF_OK;
}

/* The value of digits in base 8 or 16, or UINT32_MAX when there are not so many. */
static uint32_t
digits_value(const uint8_t *text, size_t size, size_t digits, uint32_t base)
{
	uint32_t n = 0, d;
	size_t i;

	if (digits > size)
		return UINT32_MAX;
	for (i = 0; i < digits; i++) {
		if (text[i] >= '0' && text[i] <= '9')
			d = (uint32_t)(text[i] - '0');
		else if ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'f')
			d = (uint32_t)((text[i] | 0x20) - 'a') + 10;
		else
			return UINT32_MAX;
		if (d >= base || n > 0x0fffffff)
			return UINT32_MAX;
		n = n * base + d;
	}
	return n;
}

static void
put_rune(struct buffer *out, uint32_t rune)
{
	if (rune < 0x80)
		buffer_append_byte(out, (uint8_t)rune);
	else if (rune < 0x800) {
		buffer_append_byte(out, (uint8_t)(0xc0 | rune >> 6));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune & 0x3f)));
	} else if (rune < 0x10000) {
		buffer_append_byte(out, (uint8_t)(0xe0 | rune >> 12));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune >> 6 & 0x3f)));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune & 0x3f)));
	} else {
		buffer_append_byte(out, (uint8_t)(0xf0 | rune >> 18));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune >> 12 & 0x3f)));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune >> 6 & 0x3f)));
		buffer_append_byte(out, (uint8_t)(0x80 | (rune & 0x3f)));
	}
}

/* Undoes one escape after its backslash; returns how many bytes it took, 0 when it is none. */
static size_t
unquote_escape(const uint8_t *text, size_t size, struct buffer *out)
{
	static const char letters[] = "abtnvfr";
	const char *letter;
	uint32_t value;
	size_t digits;

	if (size == 0)
		return 0;
	letter = text[0] != '\0' ? strchr(letters, text[0]) : NULL;
	if (letter != NULL) {
		buffer_append_byte(out, (uint8_t)('\a' + (letter - letters)));
		return 1;
	}
	switch (text[0]) {
	case '\\':
	case '"':
		buffer_append_byte(out, text[0]);
		return 1;
	case 'x':
		value = digits_value(text + 1, size - 1, 2, 16);
		if (value > 0xff)
			return 0;
		buffer_append_byte(out, (uint8_t)value);
		return 3;
	case 'u':
	case 'U':
		digits = text[0] == 'u' ? 4 : 8;
		value = digits_value(text + 1, size - 1, digits, 16);
		if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
			return 0;
		put_rune(out, value);
		return 1 + digits;
	default:
		value = digits_value(text, size, 3, 8);
		if (value > 0xff)
			return 0;
		buffer_append_byte(out, (uint8_t)value);
		return 3;
	}
}

/* Go's strconv.Unquote, without the quotes. */
static int
unquote(const struct buffer *text, struct buffer *out)
{
	size_t i, n;

	buffer_clear(out);
	for (i = 0; i < text->size; i += n) {
		n = 1;
		if (text->data[i] == '"' || text->data[i] == '\n')
			return HF_ECORRUPT;
		if (text->data[i] != '\\') {
			buffer_append_byte(out, text->data[i]);
			continue;
		}
		n = unquote_escape(text->data + i + 1, text->size - i - 1, out);
		if (n == 0)
			return HF_ECORRUPT;
		n++;
	}
	return HF_OK;
}

static int
read_name(struct walk *walk, const struct hf_json_value *values, struct node *node, struct hf_error *err)
{
	struct buffer swap = walk->previous;
	size_t shorter;
	int r, order;

	/* The name before stays in previous. */
	walk->previous = walk->name;
	walk->name = swap;
	r = read_text(values, M_NAME, NAME_MAX_SIZE, &walk->text, err);
	if (r != HF_OK)
		return r;
	if (unquote(&walk->text, &walk->name) != HF_OK)
		return node_damaged(values, M_NAME, err);
	if (buffer_string(&walk->name) == NULL)
		return buffer_status(&walk->name, "tree", err);
	node->name = (const char *)walk->name.data;
	node->name_size = walk->name.size;
	r = name_check(node->name, node->name_size, HF_ECORRUPT, err);
	if (r != HF_OK || !walk->any)
		return r;
	shorter = walk->previous.size < walk->name.size ? walk->previous.size : walk->name.size;
	order = memcmp(walk->previous.data, walk->name.data, shorter);
	if (order > 0 || (order == 0 && walk->previous.size >= walk->name.size))
		return hf_error_set(err, HF_ECORRUPT, 0, "damaged tree: \"%.100s\" is out of order", node->name);
	return HF_OK;
}

static int
read_type(const struct hf_json_value *values, struct node *node, struct hf_error *err)
{
	static const struct {
		const char *name;
		enum node_type type;
	} types[] = {{"file", NODE_FILE}, {"dir", NODE_DIR}, {"symlink", NODE_SYMLINK}};
	const struct hf_json_value *value = &values[M_TYPE];
	size_t i;

	if (value->type != HF_JSON_STRING || value->size == 0)
		return node_damaged(values, M_TYPE, err);
	node->type = NODE_OTHER;
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (value->size == strlen(types[i].name) && memcmp(value->data, types[i].name, value->size) == 0)
			node->type = types[i].type;
	}
	return HF_OK;
}

static int
read_target(struct walk *walk, const struct hf_json_value *values, struct node *node, struct hf_error *err)
{
	const struct hf_json_value *raw = &values[M_LINKTARGET_RAW];
	size_t padding = 0;
	int r, n;

	if (is_absent(raw) || raw->size == 0) {
		r = read_text(values, M_LINKTARGET, TARGET_MAX_SIZE, &walk->target, err);
		if (r != HF_OK)
			return r;
	} else {
		r = read_text(values, M_LINKTARGET_RAW, TARGET_MAX_SIZE, &walk->text, err);
		if (r != HF_OK)
			return r;
		buffer_clear(&walk->target);
		if (walk->text.size == 0 || buffer_reserve(&walk->target, walk->text.size) != HF_OK)
			return node_damaged(values, M_LINKTARGET_RAW, err);
		n = EVP_DecodeBlock(walk->target.data, walk->text.data, (int)walk->text.size);
		while (padding < 2 && padding < walk->text.size &&
		    walk->text.data[walk->text.size - 1 - padding] == '=')
			padding++;
		if (n < (int)padding)
			return node_damaged(values, M_LINKTARGET_RAW, err);
		walk->target.size = (size_t)n - padding;
	}
	node->link_target = buffer_string(&walk->target);
	if (node->link_target == NULL)
		return buffer_status(&walk->target, "tree", err);
	node->link_target_size = walk->target.size;
	if (node->link_target_size == 0 || memchr(node->link_target, '\0', node->link_target_size) != NULL)
		return node_damaged(values, M_LINKTARGET, err);
	return HF_OK;
}

static int
read_content(struct walk *walk, const struct hf_json_value *values, struct node *node, struct hf_error *err)
{
	struct hf_json_value element, name;
	uint64_t pos = 0;
	int r;

	if (is_absent(&values[M_CONTENT]))
		return HF_OK;
	if (values[M_CONTENT].type != HF_JSON_ARRAY)
		return node_damaged(values, M_CONTENT, err);
	buffer_clear(&walk->content);
	while ((r = json_next(&values[M_CONTENT], &pos, &name, &element, err)) > 0) {
		if (buffer_reserve(&walk->content, HASH_SIZE) != HF_OK)
			return buffer_status(&walk->content, "tree", err);
		if (read_id(&element, walk->content.data + walk->content.size) != HF_OK)
			return node_damaged(values, M_CONTENT, err);
		walk->content.size += HASH_SIZE;
	}
	if (r < 0)
		return r;
	if (buffer_reserve(&walk->content, 1) != HF_OK)
		return buffer_status(&walk->content, "tree", err);
	node->content = walk->content.data;
	node->content_count = walk->content.size / HASH_SIZE;
	return HF_OK;
}

static int
read_numbers(const struct hf_json_value *values, struct node *node, struct hf_error *err)
{
	uint64_t mode, uid, gid;
	int r;

	if ((r = read_number(values, M_MODE, UINT32_MAX, &mode, err)) != HF_OK ||
	    (r = read_number(values, M_UID, UINT32_MAX, &uid, err)) != HF_OK ||
	    (r = read_number(values, M_GID, UINT32_MAX, &gid, err)) != HF_OK ||
	    (r = read_number(values, M_INODE, UINT64_MAX, &node->inode, err)) != HF_OK ||
	    (r = read_number(values, M_DEVICE_ID, UINT64_MAX, &node->device_id, err)) != HF_OK ||
	    (r = read_number(values, M_SIZE, UINT64_MAX, &node->size, err)) != HF_OK ||
	    (r = read_number(values, M_LINKS, UINT64_MAX, &node->links, err)) != HF_OK ||
	    (r = read_time(values, M_MTIME, &node->mtime_ns, err)) != HF_OK ||
	    (r = read_time(values, M_ATIME, &node->atime_ns, err)) != HF_OK ||
	    (r = read_time(values, M_CTIME, &node->ctime_ns, err)) != HF_OK)
		return r;
	node->mode = (uint32_t)mode & 0777;
	if (mode & GO_MODE_SETUID)
		node->mode |= 04000;
	if (mode & GO_MODE_SETGID)
		node->mode |= 02000;
	if (mode & GO_MODE_STICKY)
		node->mode |= 01000;
	node->uid = (uint32_t)uid;
	node->gid = (uint32_t)gid;
	return HF_OK;
}

static int
read_node(struct walk *walk, const struct hf_json_value *text, struct node *node, struct hf_error *err)
{
	struct hf_json_value values[M_COUNT];
	int r;

	memset(node, 0, sizeof(*node));
	if (text->type != HF_JSON_OBJECT)
		return hf_error_set(err, HF_ECORRUPT, 0, "damaged tree: an entry is not an object");
	if ((r = json_slice_object(text->data, text->size, members, M_COUNT, values, err)) != HF_OK ||
	    (r = read_name(walk, values, node, err)) != HF_OK || (r = read_type(values, node, err)) != HF_OK ||
	    (r = read_numbers(values, node, err)) != HF_OK)
		return r;
	switch (node->type) {
	case NODE_FILE:
		return read_content(walk, values, node, err);
	case NODE_DIR:
		return read_id(&values[M_SUBTREE], node->subtree.bytes) == HF_OK ? HF_OK :
		                                                                   node_damaged(values, M_SUBTREE, err);
	case NODE_SYMLINK:
		return read_target(walk, values, node, err);
	case NODE_OTHER:
		break;
	}
	return HF_OK;
}

static int
walk_nodes(struct walk *walk, const struct hf_json_value *nodes, tree_fn fn, void *ctx, struct hf_error *err)
{
	struct hf_json_value name, element;
	struct node node;
	uint64_t pos = 0;
	int r;

	while ((r = json_next(nodes, &pos, &name, &element, err)) > 0) {
		r = read_node(walk, &element, &node, err);
		if (r == HF_OK)
			r = fn(ctx, &node, err);
		if (r != HF_OK)
			return r;
		walk->any = true;
	}
	return r;
}

int
tree_walk(const void *data, size_t size, tree_fn fn, void *ctx, struct hf_error *err)
{
	static const char *const names[] = {"nodes"};
	struct walk walk = {BUFFER_INIT(6 * NAME_MAX_SIZE + 1), BUFFER_INIT(6 * NAME_MAX_SIZE + 1),
	    BUFFER_INIT(6 * NAME_MAX_SIZE + 1), BUFFER_INIT(6 * TARGET_MAX_SIZE + 1), BUFFER_INIT(SIZE_MAX), false};
	struct hf_json_value nodes;
	int r;

	r = json_slice_object(data, size, names, 1, &nodes, err);
	if (r != HF_OK)
		return r;
	if (nodes.type == HF_JSON_NULL) /* written by old versions for an empty directory */
		return HF_OK;
	if (nodes.type != HF_JSON_ARRAY)
		return hf_error_set(err, HF_ECORRUPT, 0, "damaged tree: no list of nodes");
	r = walk_nodes(&walk, &nodes, fn, ctx, err);
	buffer_release(&walk.text);
	buffer_release(&walk.name);
	buffer_release(&walk.previous);
	buffer_release(&walk.target);
	buffer_release(&walk.content);
	return r;
}
