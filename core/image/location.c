/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "image/location.h"

#include <stdbool.h>
#include <string.h>

/* ---- EXIF ---- */

#define EXIF_NAME   "Exif\0"
#define TAG_SUB     0x014au
#define TAG_EXIF    0x8769u
#define TAG_GPS     0x8825u
#define TAG_INTEROP 0xa005u

#define HEADER_SIZE 8u
#define ENTRY_SIZE  12u
#define CHAIN_MAX   8u
#define RANGES_MAX  1024u

struct range {
	size_t at, size;
};

struct tiff {
	uint8_t *data;
	size_t size;
	bool little;
	/* What directories other than GPS consist of, so that nothing of theirs is cleared. */
	struct range used[RANGES_MAX];
	size_t used_count;
	/* What is to be cleared. */
	struct range gps[RANGES_MAX];
	size_t gps_count;
};

struct entry {
	uint32_t tag, type, count, value;
	size_t at; /* of its four bytes of value or offset */
};

static uint32_t
read16(const struct tiff *tiff, size_t at)
{
	const uint8_t *p = tiff->data + at;

	return tiff->little ? (uint32_t)p[1] << 8 | p[0] : (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
read32(const struct tiff *tiff, size_t at)
{
	uint32_t first = read16(tiff, at), second = read16(tiff, at + 2);

	return tiff->little ? second << 16 | first : first << 16 | second;
}

static void
write16(const struct tiff *tiff, size_t at, uint32_t value)
{
	tiff->data[at + (tiff->little ? 0 : 1)] = (uint8_t)value;
	tiff->data[at + (tiff->little ? 1 : 0)] = (uint8_t)(value >> 8);
}

/* How many entries a directory has; -1: it is not all there. */
static int
directory_count(const struct tiff *tiff, size_t directory)
{
	uint32_t count;

	if (directory < HEADER_SIZE || directory > tiff->size || tiff->size - directory < 2)
		return -1;
	count = read16(tiff, directory);
	return (tiff->size - directory - 2) / ENTRY_SIZE >= count ? (int)count : -1;
}

static struct entry
read_entry(const struct tiff *tiff, size_t directory, size_t i)
{
	size_t at = directory + 2 + i * ENTRY_SIZE;

	return (struct entry){read16(tiff, at), read16(tiff, at + 2), read32(tiff, at + 4), read32(tiff, at + 8),
	    at + 8};
}

/* Bytes of an entry's values; 0: of no type that TIFF or EXIF has. */
static uint64_t
value_size(const struct entry *entry)
{
	static const uint8_t sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4};

	return entry->type < sizeof(sizes) ? (uint64_t)sizes[entry->type] * entry->count : 0;
}

static bool
add_range(struct range *ranges, size_t *count, size_t at, size_t size)
{
	if (*count == RANGES_MAX)
		return false;
	ranges[*count].at = at;
	ranges[*count].size = size;
	(*count)++;
	return true;
}

/* With the offset of the next directory, where there is room for one. */
static size_t
table_size(const struct tiff *tiff, size_t directory, int count)
{
	size_t size = 2 + (size_t)count * ENTRY_SIZE;

	return tiff->size - directory >= size + 4 ? size + 4 : size;
}

/* Notes what a directory consists of; values that lie outside, as some programs write them, are none of ours. */
static bool
note_used(struct tiff *tiff, size_t directory)
{
	int count = directory_count(tiff, directory), i;
	struct entry entry;
	uint64_t size;

	if (count < 0 ||
	    !add_range(tiff->used, &tiff->used_count, directory, table_size(tiff, directory, count)))
		return false;
	for (i = 0; i < count; i++) {
		entry = read_entry(tiff, directory, (size_t)i);
		size = value_size(&entry);
		if (size > 4 && entry.value < tiff->size && size <= tiff->size - entry.value &&
		    !add_range(tiff->used, &tiff->used_count, entry.value, (size_t)size))
			return false;
	}
	return true;
}

static bool
note_gps(struct tiff *tiff, size_t directory)
{
	int count = directory_count(tiff, directory), i;
	struct entry entry;
	uint64_t size;

	/* Nothing follows it, so what stands behind it may be somebody else's. */
	if (count < 0 || !add_range(tiff->gps, &tiff->gps_count, directory, 2 + (size_t)count * ENTRY_SIZE))
		return false;
	for (i = 0; i < count; i++) {
		entry = read_entry(tiff, directory, (size_t)i);
		size = value_size(&entry);
		if (size <= 4 && (size > 0 || entry.count == 0))
			continue;
		if (size == 0 || entry.value > tiff->size || size > tiff->size - entry.value ||
		    !add_range(tiff->gps, &tiff->gps_count, entry.value, (size_t)size))
			return false;
	}
	return true;
}

static bool
ranges_apart(const struct tiff *tiff)
{
	const struct range *a, *b;
	size_t i, k;

	for (i = 0; i < tiff->gps_count; i++) {
		a = &tiff->gps[i];
		if (a->at < HEADER_SIZE)
			return false;
		for (k = 0; k < tiff->used_count; k++) {
			b = &tiff->used[k];
			if (a->at < b->at + b->size && b->at < a->at + a->size)
				return false;
		}
	}
	return true;
}

/*
 * Whether nothing else lies in the tables that get shorter, each of which is among what is used.  Where another lies
 * in one, also only in the four bytes that point to the next directory, moving entries would change it.
 */
static bool
tables_apart(const struct tiff *tiff, const size_t *directories, size_t count)
{
	const struct range *b;
	size_t i, k, at, size, met;

	for (i = 0; i < count; i++) {
		at = directories[i];
		size = table_size(tiff, at, directory_count(tiff, at));
		for (k = met = 0; k < tiff->used_count; k++) {
			b = &tiff->used[k];
			if (at < b->at + b->size && b->at < at + size)
				met++;
		}
		if (met != 1)
			return false;
	}
	return true;
}

/* Notes a directory below the main ones.  False where it has a place of its own, which belongs into a main one. */
static bool
note_below(struct tiff *tiff, size_t directory, bool deeper)
{
	int count = directory_count(tiff, directory), i;
	struct entry entry;

	if (count < 0)
		return true;
	if (!note_used(tiff, directory))
		return false;
	for (i = 0; i < count; i++) {
		entry = read_entry(tiff, directory, (size_t)i);
		if (entry.tag == TAG_GPS)
			return false;
		if (deeper && (entry.tag == TAG_EXIF || entry.tag == TAG_INTEROP) &&
		    !note_below(tiff, entry.value, false))
			return false;
	}
	return true;
}

/* The same of several, whose offsets are an entry's values. */
static bool
note_all_below(struct tiff *tiff, const struct entry *entry)
{
	size_t at = entry->count == 1 ? entry->at : entry->value, i;

	if (value_size(entry) != (uint64_t)entry->count * 4 || at > tiff->size || entry->count > (tiff->size - at) / 4)
		return true;
	for (i = 0; i < entry->count; i++) {
		if (!note_below(tiff, read32(tiff, at + 4 * i), true))
			return false;
	}
	return true;
}

/* Notes the directories that a directory's entries point to. */
static bool
note_children(struct tiff *tiff, size_t directory, size_t *ret_gps)
{
	int count = directory_count(tiff, directory), i;
	struct entry entry;

	for (i = 0; i < count; i++) {
		entry = read_entry(tiff, directory, (size_t)i);
		if (entry.tag == TAG_GPS) {
			(*ret_gps)++;
			if (!note_gps(tiff, entry.value))
				return false;
		} else if (entry.tag == TAG_EXIF || entry.tag == TAG_INTEROP) {
			if (!note_below(tiff, entry.value, true))
				return false;
		} else if (entry.tag == TAG_SUB && !note_all_below(tiff, &entry)) {
			return false;
		}
	}
	return true;
}

static void
drop_pointers(const struct tiff *tiff, size_t directory)
{
	size_t count = read16(tiff, directory), end = directory + table_size(tiff, directory, (int)count), at, i = 0;

	while (i < count) {
		if (read_entry(tiff, directory, i).tag != TAG_GPS) {
			i++;
			continue;
		}
		at = directory + 2 + i * ENTRY_SIZE;
		memmove(tiff->data + at, tiff->data + at + ENTRY_SIZE, end - at - ENTRY_SIZE);
		memset(tiff->data + end - ENTRY_SIZE, 0, ENTRY_SIZE);
		end -= ENTRY_SIZE;
		count--;
		write16(tiff, directory, (uint32_t)count);
	}
}

/*
 * The main directories, one after another, as far as they are in order, as the end of the last is not always right.
 * 0: more than are looked at.
 */
static size_t
list_directories(const struct tiff *tiff, size_t *out)
{
	size_t directory = read32(tiff, 4), n = 0, i, end;
	int count;

	while (directory != 0) {
		count = directory_count(tiff, directory);
		if (count < 0)
			break;
		if (n == CHAIN_MAX)
			return 0;
		for (i = 0; i < n; i++) {
			if (out[i] == directory)
				return n;
		}
		out[n++] = directory;
		end = directory + 2 + (size_t)count * ENTRY_SIZE;
		directory = tiff->size - end >= 4 ? read32(tiff, end) : 0;
	}
	return n;
}

static unsigned
strip_exif(uint8_t *data, size_t size)
{
	struct tiff tiff;
	size_t directories[CHAIN_MAX], count, i, pointers = 0;
	uint32_t mark;

	tiff.data = data;
	tiff.size = size;
	tiff.used_count = tiff.gps_count = 0;
	tiff.little = size > 0 && data[0] == 'I';
	if (size < HEADER_SIZE || data[0] != data[1] || (data[0] != 'I' && data[0] != 'M'))
		return LOCATION_LEFT;
	mark = read16(&tiff, 2);
	count = mark == 42 ? list_directories(&tiff, directories) : 0;
	if (count == 0)
		return LOCATION_LEFT;
	for (i = 0; i < count; i++) {
		if (!note_used(&tiff, directories[i]) || !note_children(&tiff, directories[i], &pointers))
			return LOCATION_LEFT;
	}
	if (pointers == 0)
		return 0;
	if (!ranges_apart(&tiff) || !tables_apart(&tiff, directories, count))
		return LOCATION_LEFT;
	for (i = 0; i < tiff.gps_count; i++)
		memset(data + tiff.gps[i].at, 0, tiff.gps[i].size);
	for (i = 0; i < count; i++)
		drop_pointers(&tiff, directories[i]);
	return LOCATION_REMOVED;
}

/* ---- XMP ---- */

#define XMP_NAME      "http://ns.adobe.com/xap/1.0/"
#define EXTENDED_NAME "http://ns.adobe.com/xmp/extension/"

static bool
is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	    c == '.';
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static char *
find(char *from, const char *end, const char *what, size_t size)
{
	for (; (size_t)(end - from) >= size; from++) {
		from = memchr(from, what[0], (size_t)(end - from) - size + 1);
		if (from == NULL)
			return NULL;
		if (memcmp(from, what, size) == 0)
			return from;
	}
	return NULL;
}

/* Behind the attribute whose name ends at at; NULL: it is none. */
static char *
attribute_end(char *at, const char *end)
{
	char *close;

	while (at < end && is_space(*at))
		at++;
	if (at == end || *at != '=')
		return NULL;
	at++;
	while (at < end && is_space(*at))
		at++;
	if (at == end || (*at != '"' && *at != '\''))
		return NULL;
	close = memchr(at + 1, *at, (size_t)(end - at - 1));
	if (close == NULL || memchr(at, '<', (size_t)(close - at)) != NULL)
		return NULL;
	return close + 1;
}

/* Behind a tag, from somewhere in it; NULL: it does not end. */
static char *
tag_end(char *at, const char *end)
{
	char quote = '\0';

	for (; at < end; at++) {
		if (quote != '\0')
			quote = *at == quote ? '\0' : quote;
		else if (*at == '"' || *at == '\'')
			quote = *at;
		else if (*at == '>')
			return at + 1;
	}
	return NULL;
}

/* Behind the element whose start tag's name is [name, behind); NULL: it does not end. */
static char *
element_end(char *name, char *behind, const char *end)
{
	size_t size = (size_t)(behind - name);
	char *at = tag_end(behind, end);

	if (at == NULL || at[-2] == '/')
		return at;
	while ((at = find(at, end, "</", 2)) != NULL) {
		at += 2;
		if ((size_t)(end - at) > size && memcmp(at, name, size) == 0 && !is_name_char(at[size]))
			return tag_end(at, end);
	}
	return NULL;
}

/* The property around colon, which stands before "GPS": blank, or LOCATION_LEFT; 0: it is only text. */
static unsigned
strip_property(const char *text, char *colon, const char *end)
{
	char *name = colon, *behind = colon + 1, *from, *to;

	while (name > text && is_name_char(name[-1]))
		name--;
	while (behind < end && is_name_char(*behind))
		behind++;
	if (name == colon || name == text)
		return 0;
	from = name;
	if (name[-1] == '<') {
		from = name - 1;
		to = element_end(name, behind, end);
		if (to == NULL)
			return LOCATION_LEFT;
	} else if (is_space(name[-1])) {
		to = attribute_end(behind, end);
		if (to == NULL)
			return 0;
	} else {
		return 0;
	}
	memset(from, ' ', (size_t)(to - from));
	return LOCATION_REMOVED;
}

static unsigned
strip_xmp(char *text, size_t size)
{
	static const char wide[] = {'G', '\0', 'P', '\0', 'S'};
	const char *end = text + size;
	char *at = text;
	unsigned found = 0;

	/* UTF-16 and UTF-32 are allowed, and hardly ever used. */
	if (find(text, end, wide, sizeof(wide)) != NULL)
		found |= LOCATION_LEFT;
	while ((at = find(at, end, ":GPS", 4)) != NULL) {
		found |= strip_property(text, at, end);
		at++;
	}
	return found;
}

unsigned
location_strip(uint8_t *data, size_t size)
{
	/* With the NUL that ends each; the byte that fills EXIF's up is not NUL with every program. */
	if (size >= sizeof(EXIF_NAME) && memcmp(data, EXIF_NAME, sizeof(EXIF_NAME) - 1) == 0)
		return strip_exif(data + sizeof(EXIF_NAME), size - sizeof(EXIF_NAME));
	if (size >= sizeof(XMP_NAME) && memcmp(data, XMP_NAME, sizeof(XMP_NAME)) == 0)
		return strip_xmp((char *)data + sizeof(XMP_NAME), size - sizeof(XMP_NAME));
	/* Its digest stands elsewhere, so it cannot be changed. */
	if (size >= sizeof(EXTENDED_NAME) && memcmp(data, EXTENDED_NAME, sizeof(EXTENDED_NAME)) == 0 &&
	    find((char *)data, (char *)data + size, ":GPS", 4) != NULL)
		return LOCATION_LEFT;
	return 0;
}
