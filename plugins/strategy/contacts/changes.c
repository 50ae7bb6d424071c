/* SPDX-License-Identifier: BSD-2-Clause */
#include "changes.h"

#include <stdlib.h>

#include "index.h"

#define IDS_MAX (8u << 20)
#define NO_TEXT UINT32_MAX /* as a revision's size: none */

int
changes_open(struct changes *changes, struct hf_error *err)
{
	changes->ids = (struct bytes)BYTES_INIT(IDS_MAX);
	changes->last = changes->id = (struct bytes)BYTES_INIT(INDEX_ID_MAX);
	return spool_open(&changes->spool, err);
}

void
changes_release(struct changes *changes)
{
	spool_close(&changes->spool);
	bytes_release(&changes->ids);
	bytes_release(&changes->last);
	bytes_release(&changes->id);
	free(changes->list);
	changes->list = NULL;
}

int
changes_clear(struct changes *changes, struct hf_error *err)
{
	changes->count = changes->next = 0;
	changes->listed = false;
	bytes_clear(&changes->last);
	bytes_clear(&changes->ids);
	return spool_clear(&changes->spool, err);
}

/* ---- the list ---- */

static int
list_add(struct changes *changes, uint64_t count, uint64_t at, const char *id, size_t size, struct hf_error *err)
{
	size_t capacity = changes->capacity == 0 ? 64 : changes->capacity + changes->capacity / 2;
	struct change *list;

	if (count == changes->capacity) {
		list = realloc(changes->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of cards: out of memory");
		changes->list = list;
		changes->capacity = capacity;
	}
	changes->list[count] = (struct change){at, {changes->ids.size}};
	bytes_char(&changes->ids, (char)(size >> 8));
	bytes_char(&changes->ids, (char)(size & 0xff));
	bytes_put(&changes->ids, id, size);
	return bytes_status(&changes->ids, "the ids of the cards", err);
}

static int
get_bytes(struct spool *spool, struct bytes *out, size_t size, struct hf_error *err)
{
	int r;

	bytes_clear(out);
	if (!bytes_reserve(out, size))
		return bytes_status(out, "a card", err);
	r = spool_get(spool, out->data, size, err);
	out->size = r == HF_OK ? size : 0;
	return r;
}

/* Reads the head and the id that stand at this place of the spool. */
static int
read_head(struct changes *changes, struct hf_error *err)
{
	int r = spool_get(&changes->spool, &changes->head, sizeof(changes->head), err);

	return r == HF_OK ? get_bytes(&changes->spool, &changes->id, changes->head.id_size, err) : r;
}

static uint64_t
revision_size(const struct changes *changes)
{
	return changes->head.revision_size == NO_TEXT ? 0 : changes->head.revision_size;
}

/* Lists what the spool has, and leaves it at its end. */
static int
make_list(struct changes *changes, struct hf_error *err)
{
	uint64_t i, at = 0;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < changes->count; i++) {
		r = spool_seek(&changes->spool, at, err);
		if (r == HF_OK)
			r = read_head(changes, err);
		if (r == HF_OK)
			r = list_add(changes, i, at, changes->id.data, changes->id.size, err);
		at += sizeof(changes->head) + changes->head.id_size + revision_size(changes) + changes->head.card_size;
	}
	changes->listed = r == HF_OK;
	return r == HF_OK ? spool_seek(&changes->spool, changes->spool.size, err) : r;
}

/* ---- adding ---- */

static int
compare_ids(const char *x, size_t x_size, const char *y, size_t y_size)
{
	size_t least = x_size < y_size ? x_size : y_size;
	int order = least == 0 ? 0 : memcmp(x, y, least);

	return order != 0 ? order : (x_size > y_size) - (x_size < y_size);
}

/* Sees to it that the order of what is added can be told. */
static int
keep_order(struct changes *changes, const struct hf_text *id, struct hf_error *err)
{
	int r = HF_OK;

	if (!changes->listed && changes->count > 0 &&
	    compare_ids(id->data, (size_t)id->size, changes->last.data, changes->last.size) <= 0)
		r = make_list(changes, err);
	if (r == HF_OK && changes->listed)
		return list_add(changes, changes->count, changes->spool.size, id->data, (size_t)id->size, err);
	if (r != HF_OK)
		return r;
	bytes_clear(&changes->last);
	bytes_put(&changes->last, id->data, (size_t)id->size);
	return bytes_status(&changes->last, "a card's id", err);
}

int
changes_add(struct changes *changes, const struct hf_text *id, const struct hf_text *revision,
    const struct bytes *card, int64_t updated_ns, struct hf_error *err)
{
	struct change_head head;
	int r = keep_order(changes, id, err);

	memset(&head, 0, sizeof(head));
	head.revision_size = revision == NULL || revision->data == NULL ? NO_TEXT : (uint32_t)revision->size;
	head.card_size = card == NULL ? 0 : (uint32_t)card->size;
	head.updated_ns = updated_ns;
	head.id_size = (uint32_t)id->size;
	head.deleted = card == NULL;
	if (r == HF_OK)
		r = spool_put(&changes->spool, &head, sizeof(head), err);
	if (r == HF_OK)
		r = spool_put(&changes->spool, id->data, head.id_size, err);
	if (r == HF_OK && head.revision_size != NO_TEXT)
		r = spool_put(&changes->spool, revision->data, head.revision_size, err);
	if (r == HF_OK && card != NULL)
		r = spool_put(&changes->spool, card->data, card->size, err);
	changes->count += r == HF_OK;
	return r;
}

/* ---- taking ---- */

static int
compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	const unsigned char *x_id = (const unsigned char *)x->id.id, *y_id = (const unsigned char *)y->id.id;
	int order = compare_ids(x->id.id + 2, (size_t)x_id[0] << 8 | x_id[1], y->id.id + 2,
	    (size_t)y_id[0] << 8 | y_id[1]);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static bool
has_same_id(const struct change *x, const struct change *y)
{
	const unsigned char *x_id = (const unsigned char *)x->id.id, *y_id = (const unsigned char *)y->id.id;

	return x_id[0] == y_id[0] && x_id[1] == y_id[1] &&
	       memcmp(x_id + 2, y_id + 2, (size_t)x_id[0] << 8 | x_id[1]) == 0;
}

static void
sort_list(struct changes *changes)
{
	uint64_t i, kept = 0;

	for (i = 0; i < changes->count; i++)
		changes->list[i].id.id = changes->ids.data + changes->list[i].id.at;
	qsort(changes->list, (size_t)changes->count, sizeof(*changes->list), compare_changes);
	for (i = 0; i < changes->count; i++) {
		if (i + 1 == changes->count || !has_same_id(&changes->list[i], &changes->list[i + 1]))
			changes->list[kept++] = changes->list[i];
	}
	changes->count = kept;
}

/* Looks at the next one. */
static int
look(struct changes *changes, struct hf_error *err)
{
	int r = HF_OK;

	if (changes->next >= changes->count)
		return HF_OK;
	if (changes->listed)
		r = spool_seek(&changes->spool, changes->list[changes->next].at, err);
	return r == HF_OK ? read_head(changes, err) : r;
}

int
changes_seal(struct changes *changes, struct hf_error *err)
{
	int r = spool_seek(&changes->spool, 0, err);

	changes->next = 0;
	if (changes->listed)
		sort_list(changes);
	return r == HF_OK ? look(changes, err) : r;
}

bool
changes_peek(const struct changes *changes, struct hf_text *ret_id)
{
	if (changes->next >= changes->count)
		return false;
	*ret_id = (struct hf_text){changes->id.data, changes->id.size, HF_TEXT_UTF8, 0};
	return true;
}

int
changes_take(struct changes *changes, struct change_card *card, struct hf_error *err)
{
	struct bytes id = card->id;
	int r;

	if (changes->next >= changes->count)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no more cards");
	card->id = changes->id;
	changes->id = id;
	card->deleted = changes->head.deleted != 0;
	card->has_revision = changes->head.revision_size != NO_TEXT;
	card->updated_ns = changes->head.updated_ns;
	r = get_bytes(&changes->spool, &card->revision, (size_t)revision_size(changes), err);
	if (r == HF_OK)
		r = get_bytes(&changes->spool, &card->card, changes->head.card_size, err);
	changes->next++;
	return r == HF_OK ? look(changes, err) : r;
}
