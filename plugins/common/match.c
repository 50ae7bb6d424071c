/* SPDX-License-Identifier: BSD-2-Clause */
#include "match.h"

#include <stdlib.h>
#include <strings.h>

#include "vcard.h"

#define TEXTS_MAX (64u << 20)
#define UID_MAX   4096u

void
match_init(struct match *match, const struct hf_host_write *write)
{
	*match = (struct match){write, BYTES_INIT(TEXTS_MAX), NULL, 0, 0};
}

void
match_release(struct match *match)
{
	bytes_release(&match->texts);
	free(match->list);
	match->list = NULL;
	match->count = match->capacity = 0;
}

/* ---- what identifies a card ---- */

struct sum {
	const struct hf_host_write *write;
	uint64_t *lanes;
};

/* Adds a line's hash, so that the order of lines does not matter. */
static int
add_line(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	struct sum *sum = ctx;
	uint64_t lanes[4];
	uint8_t hash[32];
	int r = sum->write->sha256(line, size, hash, err);

	if (r != HF_OK)
		return r;
	memcpy(lanes, hash, sizeof(lanes));
	sum->lanes[0] += lanes[0];
	sum->lanes[1] += lanes[1];
	return HF_OK;
}

static int
identify(const struct hf_host_write *write, const char *card, size_t size, struct match_entry *ret,
    struct hf_error *err)
{
	struct bytes uid = BYTES_INIT(UID_MAX);
	struct sum sum = {write, ret->content};
	uint8_t hash[32];
	int r;

	memset(ret, 0, sizeof(*ret));
	r = vcard_lines(card, size, add_line, &sum, err);
	if (r == HF_OK)
		r = vcard_uid(card, size, &uid, err);
	if (r == HF_OK && uid.size > 0)
		r = write->sha256(uid.data, uid.size, hash, err);
	if (r == HF_OK && uid.size > 0)
		memcpy(ret->uid, hash, sizeof(ret->uid));
	bytes_release(&uid);
	return r;
}

static bool
has_uid(const struct match_entry *entry)
{
	return entry->uid[0] != 0 || entry->uid[1] != 0;
}

static bool
same_content(const struct match_entry *a, const struct match_entry *b)
{
	return a->content[0] == b->content[0] && a->content[1] == b->content[1];
}

/* Some hundreds of thousands of cards at most, each asked for once: a scan of two numbers each is fast enough. */
static struct match_entry *
find(const struct match *match, const struct match_entry *wanted)
{
	struct match_entry *found = NULL;
	size_t i;

	for (i = 0; i < match->count; i++) {
		if (has_uid(wanted) ? match->list[i].uid[0] != wanted->uid[0] || match->list[i].uid[1] != wanted->uid[1]
		                    : has_uid(&match->list[i]) || !same_content(&match->list[i], wanted))
			continue;
		if (same_content(&match->list[i], wanted))
			return &match->list[i];
		if (found == NULL || (found->put && !match->list[i].put))
			found = &match->list[i];
	}
	return found;
}

/* ---- the list ---- */

static int
put_texts(struct match *match, struct match_entry *entry, const char *where, const char *version,
    struct hf_error *err)
{
	entry->where_at = (uint32_t)match->texts.size;
	bytes_put(&match->texts, where, strlen(where) + 1);
	entry->version_at = (uint32_t)match->texts.size;
	bytes_put(&match->texts, version, strlen(version) + 1);
	return bytes_status(&match->texts, "the list of cards", err);
}

static int
append(struct match *match, struct match_entry *entry, const char *where, const char *version, struct hf_error *err)
{
	size_t capacity = match->capacity == 0 ? 64 : match->capacity + match->capacity / 2;
	struct match_entry *list;
	int r = put_texts(match, entry, where, version, err);

	if (r != HF_OK)
		return r;
	if (match->count == match->capacity) {
		list = realloc(match->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of cards: out of memory");
		match->list = list;
		match->capacity = capacity;
	}
	match->list[match->count++] = *entry;
	return HF_OK;
}

int
match_add(struct match *match, const char *card, size_t size, const char *where, const char *version,
    struct hf_error *err)
{
	struct match_entry entry;
	int r = identify(match->write, card, size, &entry, err);

	return r == HF_OK ? append(match, &entry, where, version, err) : r;
}

int
match_find(const struct match *match, const char *card, size_t size, struct match_found *ret, struct hf_error *err)
{
	struct match_entry wanted;
	const struct match_entry *entry;
	int r = identify(match->write, card, size, &wanted, err);

	if (r != HF_OK)
		return r;
	entry = find(match, &wanted);
	if (entry == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "there is no such card");
	*ret = (struct match_found){match->texts.data + entry->where_at, match->texts.data + entry->version_at,
	    same_content(entry, &wanted), entry->put};
	return HF_OK;
}

int
match_set(struct match *match, const char *card, size_t size, const char *where, const char *version,
    struct hf_error *err)
{
	struct match_entry now, *entry;
	int r = identify(match->write, card, size, &now, err);

	if (r != HF_OK)
		return r;
	now.put = true;
	entry = find(match, &now);
	if (entry == NULL)
		return append(match, &now, where, version, err);
	r = put_texts(match, &now, where, version, err);
	if (r == HF_OK)
		*entry = now;
	return r;
}

/* ---- media ---- */

/* Where the line of the last END:VCARD begins; size: there is none. */
static size_t
find_end(const char *card, size_t size)
{
	size_t at = size;

	while (at >= 9) {
		at--;
		if ((at == 0 || card[at - 1] == '\n' || card[at - 1] == '\r') && size - at >= 9 &&
		    strncasecmp(card + at, "END:VCARD", 9) == 0)
			return at;
	}
	return size;
}

int
match_merge(const char *card, size_t size, const char *before, size_t before_size, struct bytes *out,
    struct hf_error *err)
{
	size_t end = find_end(card, size);
	int r;

	bytes_put(out, card, end);
	r = vcard_media(before, before_size, out, err);
	bytes_put(out, card + end, size - end);
	return r == HF_OK ? bytes_status(out, "a card", err) : r;
}
