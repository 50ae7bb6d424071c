/* SPDX-License-Identifier: BSD-2-Clause */
#include "changes.h"

#include <stdlib.h>

#define IDS_MAX  (256u << 20)
#define NO_TEXT  UINT32_MAX

/* What stands before a change's bytes in the spool. */
struct header {
	uint32_t revision_size; /* NO_TEXT: none */
	uint32_t card_size;
	int64_t updated_ns;
};

int
changes_open(struct changes *changes, struct hf_error *err)
{
	changes->ids = (struct bytes)BYTES_INIT(IDS_MAX);
	return spool_open(&changes->spool, err);
}

void
changes_release(struct changes *changes)
{
	spool_close(&changes->spool);
	bytes_release(&changes->ids);
	free(changes->list);
	changes->list = NULL;
}

int
changes_clear(struct changes *changes, struct hf_error *err)
{
	changes->count = changes->next = 0;
	bytes_clear(&changes->ids);
	return spool_clear(&changes->spool, err);
}

static int
add_change(struct changes *changes, const struct hf_text *id, bool deleted, struct hf_error *err)
{
	size_t capacity = changes->capacity == 0 ? 64 : changes->capacity + changes->capacity / 2;
	struct change *list;

	if (changes->count == changes->capacity) {
		list = realloc(changes->list, capacity * sizeof(*list));
		if (list == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "the list of cards: out of memory");
		changes->list = list;
		changes->capacity = capacity;
	}
	changes->list[changes->count++] = (struct change){changes->spool.size, NULL,
	    (uint32_t)changes->ids.size, (uint16_t)id->size, deleted};
	bytes_put(&changes->ids, id->data, (size_t)id->size);
	return bytes_status(&changes->ids, "the ids of the cards", err);
}

int
changes_add(struct changes *changes, const struct hf_text *id, const struct hf_text *revision,
    const struct bytes *card, int64_t updated_ns, struct hf_error *err)
{
	struct header header;
	int r = add_change(changes, id, card == NULL, err);

	memset(&header, 0, sizeof(header));
	header.revision_size = revision == NULL || revision->data == NULL ? NO_TEXT : (uint32_t)revision->size;
	header.card_size = card == NULL ? 0 : (uint32_t)card->size;
	header.updated_ns = updated_ns;
	if (r == HF_OK)
		r = spool_put(&changes->spool, &header, sizeof(header), err);
	if (r == HF_OK && header.revision_size != NO_TEXT)
		r = spool_put(&changes->spool, revision->data, header.revision_size, err);
	if (r == HF_OK && card != NULL)
		r = spool_put(&changes->spool, card->data, card->size, err);
	return r;
}

static int
compare_ids(const struct change *x, const struct change *y)
{
	size_t least = x->id_size < y->id_size ? x->id_size : y->id_size;
	int order = memcmp(x->id, y->id, least);

	return order != 0 ? order : (x->id_size > y->id_size) - (x->id_size < y->id_size);
}

static int
compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	int order = compare_ids(x, y);

	return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

void
changes_seal(struct changes *changes)
{
	size_t i, kept = 0;

	changes->next = 0;
	if (changes->count == 0)
		return;
	for (i = 0; i < changes->count; i++)
		changes->list[i].id = changes->ids.data + changes->list[i].id_at;
	/* Sources that keep to an order save the memory that sorting takes. */
	for (i = 1; i < changes->count && compare_changes(&changes->list[i - 1], &changes->list[i]) < 0; i++)
		;
	if (i < changes->count)
		qsort(changes->list, changes->count, sizeof(*changes->list), compare_changes);
	for (i = 0; i < changes->count; i++) {
		if (i + 1 == changes->count || compare_ids(&changes->list[i], &changes->list[i + 1]) != 0)
			changes->list[kept++] = changes->list[i];
	}
	changes->count = kept;
}

bool
changes_peek(const struct changes *changes, struct hf_text *ret_id)
{
	const struct change *change = &changes->list[changes->next];

	if (changes->next >= changes->count)
		return false;
	*ret_id = (struct hf_text){change->id, change->id_size, HF_TEXT_UTF8, 0};
	return true;
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

int
changes_take(struct changes *changes, struct change_card *card, struct hf_error *err)
{
	const struct change *change = &changes->list[changes->next];
	struct header header;
	int r;

	if (!changes_peek(changes, &card->id))
		return hf_error_set(err, HF_ENOTFOUND, 0, "no more cards");
	card->deleted = change->deleted;
	r = spool_seek(&changes->spool, change->at, err);
	if (r == HF_OK)
		r = spool_get(&changes->spool, &header, sizeof(header), err);
	if (r != HF_OK)
		return r;
	card->has_revision = header.revision_size != NO_TEXT;
	card->updated_ns = header.updated_ns;
	r = get_bytes(&changes->spool, &card->revision, card->has_revision ? header.revision_size : 0, err);
	if (r == HF_OK)
		r = get_bytes(&changes->spool, &card->card, header.card_size, err);
	if (r == HF_OK)
		changes->next++;
	return r;
}
