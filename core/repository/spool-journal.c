/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/spool-journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"

#define SUM_SIZE     ((size_t)8)
#define HEAD_SIZE    ((size_t)5)
#define PAYLOAD_MAX  ((size_t)64)
#define BLOB_SIZE    ((size_t)45)
#define STORED_SIZE  ((size_t)41)
#define FLUSH_AT     ((size_t)64 << 10)
#define JOURNAL_MAX  ((size_t)256 << 20)
#define START_SIZE   (sizeof(start_text) - 1 + HASH_SIZE)

static const char start_text[] = "holdfast-spool-1";

struct spool_journal {
	int fd;
	char *path;
	char *temporary; /* NULL once committed */
	struct buffer pending;
	uint8_t sum[SUM_SIZE]; /* of the last record */
	bool dirty;
};

static int
journal_error(const struct spool_journal *journal, struct hf_error *err)
{
	int saved = errno;

	return hf_error_set(err, saved == ENOSPC || saved == EDQUOT ? HF_ENOSPC : HF_EIO, saved, "%s: %s",
	    journal->path, strerror(saved));
}

static void
put_number(uint8_t *out, uint64_t value, unsigned bytes)
{
	unsigned i;

	for (i = 0; i < bytes; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_number(const uint8_t *in, unsigned bytes)
{
	uint64_t value = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)in[i] << (8 * i);
	return value;
}

/* The checksum that follows a record. */
static int
record_sum(const uint8_t before[SUM_SIZE], const uint8_t *record, size_t size, uint8_t out[SUM_SIZE],
    struct hf_error *err)
{
	uint8_t all[SUM_SIZE + HEAD_SIZE + PAYLOAD_MAX], sum[HASH_SIZE];
	int r;

	memcpy(all, before, SUM_SIZE);
	memcpy(all + SUM_SIZE, record, size);
	r = hash_bytes(all, SUM_SIZE + size, sum, err);
	if (r == HF_OK)
		memcpy(out, sum, SUM_SIZE);
	return r;
}

static int
flush(struct spool_journal *journal, struct hf_error *err)
{
	int r = path_write_all(journal->fd, journal->pending.data, journal->pending.size, journal->path, err);

	buffer_clear(&journal->pending);
	return r;
}

static int
add(struct spool_journal *journal, enum journal_type type, const uint8_t *payload, size_t size, struct hf_error *err)
{
	uint8_t record[HEAD_SIZE + PAYLOAD_MAX];
	int r;

	record[0] = (uint8_t)type;
	put_number(record + 1, size, 4);
	if (size > 0)
		memcpy(record + HEAD_SIZE, payload, size);
	r = record_sum(journal->sum, record, HEAD_SIZE + size, journal->sum, err);
	if (r != HF_OK)
		return r;
	journal->dirty = true;
	buffer_append(&journal->pending, record, HEAD_SIZE + size);
	buffer_append(&journal->pending, journal->sum, SUM_SIZE);
	r = buffer_status(&journal->pending, journal->path, err);
	if (r == HF_OK && journal->pending.size >= FLUSH_AT)
		r = flush(journal, err);
	return r;
}

int
spool_journal_create(const char *path, const struct repository_id *repository, struct spool_journal **ret,
    struct hf_error *err)
{
	struct spool_journal *journal = calloc(1, sizeof(*journal));
	size_t size = strlen(path) + sizeof(".new");
	uint8_t start[PAYLOAD_MAX];
	int r;

	if (journal == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	journal->fd = -1;
	journal->pending.max = 2 * FLUSH_AT;
	journal->path = strdup(path);
	journal->temporary = malloc(size);
	if (journal->path == NULL || journal->temporary == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto fail;
	}
	(void)snprintf(journal->temporary, size, "%s.new", path);
	journal->fd = open(journal->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (journal->fd < 0) {
		r = journal_error(journal, err);
		goto fail;
	}
	memcpy(start, start_text, sizeof(start_text) - 1);
	memcpy(start + sizeof(start_text) - 1, repository->bytes, HASH_SIZE);
	r = add(journal, JOURNAL_START, start, START_SIZE, err);
	if (r != HF_OK)
		goto fail;
	*ret = journal;
	return HF_OK;
fail:
	spool_journal_close(journal);
	return r;
}

static int
sync_parent(const char *path, struct hf_error *err)
{
	const char *slash = strrchr(path, '/');
	char *parent;
	int r;

	parent = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (parent == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	r = path_sync_directory(parent, err);
	free(parent);
	return r;
}

int
spool_journal_commit(struct spool_journal *journal, struct hf_error *err)
{
	int r = spool_journal_sync(journal, err);

	if (r != HF_OK)
		return r;
	if (rename(journal->temporary, journal->path) != 0)
		return journal_error(journal, err);
	free(journal->temporary);
	journal->temporary = NULL;
	return sync_parent(journal->path, err);
}

void
spool_journal_close(struct spool_journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		(void)close(journal->fd);
	if (journal->temporary != NULL && journal->fd >= 0)
		(void)unlink(journal->temporary);
	free(journal->temporary);
	free(journal->path);
	buffer_release(&journal->pending);
	free(journal);
}

int
spool_journal_add_blob(struct spool_journal *journal, const struct index_blob *blob, struct hf_error *err)
{
	uint8_t payload[BLOB_SIZE];

	payload[0] = blob->entry.type == BLOB_TREE;
	memcpy(payload + 1, blob->id.bytes, HASH_SIZE);
	put_number(payload + 33, blob->entry.offset, 4);
	put_number(payload + 37, blob->entry.length, 4);
	put_number(payload + 41, blob->entry.plain_length, 4);
	return add(journal, JOURNAL_BLOB, payload, BLOB_SIZE, err);
}

int
spool_journal_add_stored(struct spool_journal *journal, enum blob_type type, const struct repository_id *pack,
    uint64_t size,
    struct hf_error *err)
{
	uint8_t payload[STORED_SIZE];

	payload[0] = type == BLOB_TREE;
	memcpy(payload + 1, pack->bytes, HASH_SIZE);
	put_number(payload + 33, size, 8);
	return add(journal, JOURNAL_STORED, payload, STORED_SIZE, err);
}

int
spool_journal_sync(struct spool_journal *journal, struct hf_error *err)
{
	int r = flush(journal, err);

	if (r != HF_OK)
		return r;
	if (fdatasync(journal->fd) != 0)
		return journal_error(journal, err);
	journal->dirty = false;
	return HF_OK;
}

int
spool_journal_checkpoint(struct spool_journal *journal, struct hf_error *err)
{
	int r = add(journal, JOURNAL_CHECKPOINT, NULL, 0, err);

	return r == HF_OK ? spool_journal_sync(journal, err) : r;
}

bool
spool_journal_is_dirty(const struct spool_journal *journal)
{
	return journal->dirty;
}

/* ---- reading ---- */

void
spool_journal_state_release(struct spool_journal_state *state)
{
	buffer_release(&state->packs);
	buffer_release(&state->stored_blobs);
	buffer_release(&state->spooled[BLOB_DATA]);
	buffer_release(&state->spooled[BLOB_TREE]);
}

static int
replay_blob(struct spool_journal_state *state, const uint8_t *payload, struct hf_error *err)
{
	struct buffer *spooled = &state->spooled[payload[0] != 0];
	struct index_blob blob;

	memset(&blob, 0, sizeof(blob));
	blob.entry.type = payload[0] != 0 ? BLOB_TREE : BLOB_DATA;
	memcpy(blob.id.bytes, payload + 1, HASH_SIZE);
	blob.entry.offset = (uint32_t)get_number(payload + 33, 4);
	blob.entry.length = (uint32_t)get_number(payload + 37, 4);
	blob.entry.plain_length = (uint32_t)get_number(payload + 41, 4);
	buffer_append(spooled, &blob, sizeof(blob));
	return buffer_status(spooled, "journal", err);
}

static int
replay_stored(struct spool_journal_state *state, const uint8_t *payload, struct hf_error *err)
{
	struct buffer *spooled = &state->spooled[payload[0] != 0];
	struct spool_journal_pack pack;

	memset(&pack, 0, sizeof(pack));
	pack.type = payload[0] != 0 ? BLOB_TREE : BLOB_DATA;
	memcpy(pack.id.bytes, payload + 1, HASH_SIZE);
	pack.size = get_number(payload + 33, 8);
	pack.first = state->stored_blobs.size / sizeof(struct index_blob);
	pack.count = spooled->size / sizeof(struct index_blob);
	buffer_append(&state->stored_blobs, spooled->data, spooled->size);
	buffer_append(&state->packs, &pack, sizeof(pack));
	buffer_clear(spooled);
	if (buffer_status(&state->stored_blobs, "journal", err) != HF_OK)
		return state->stored_blobs.failed;
	return buffer_status(&state->packs, "journal", err);
}

/* One record at p: its size, 0 when none is whole there; sum goes on to it. */
static size_t
next_record(const uint8_t *p, size_t left, uint8_t sum[SUM_SIZE])
{
	uint8_t wanted[SUM_SIZE];
	uint64_t size;

	if (left < HEAD_SIZE + SUM_SIZE)
		return 0;
	size = get_number(p + 1, 4);
	if (size > PAYLOAD_MAX || left < HEAD_SIZE + size + SUM_SIZE)
		return 0;
	if (record_sum(sum, p, HEAD_SIZE + (size_t)size, wanted, NULL) != HF_OK ||
	    memcmp(wanted, p + HEAD_SIZE + size, SUM_SIZE) != 0)
		return 0;
	memcpy(sum, wanted, SUM_SIZE);
	return HEAD_SIZE + (size_t)size + SUM_SIZE;
}

static int
check_start(const struct buffer *text, size_t size, const struct repository_id *repository, const char *path,
    struct hf_error *err)
{
	const uint8_t *payload = text->data + HEAD_SIZE;

	if (size == 0 || text->data[0] != JOURNAL_START || get_number(text->data + 1, 4) != START_SIZE ||
	    memcmp(payload, start_text, sizeof(start_text) - 1) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: damaged: it has no beginning", path);
	if (memcmp(payload + sizeof(start_text) - 1, repository->bytes, HASH_SIZE) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: of another repository", path);
	return HF_OK;
}

static int
replay(struct spool_journal_state *state, const struct buffer *text, size_t at, uint8_t sum[SUM_SIZE],
    struct hf_error *err)
{
	size_t sure[2] = {0, 0}, n; /* bytes of spooled that the last checkpoint covers */
	const uint8_t *payload;
	int r = HF_OK;

	for (; r == HF_OK && (n = next_record(text->data + at, text->size - at, sum)) != 0; at += n) {
		payload = text->data + at + HEAD_SIZE;
		if (text->data[at] == JOURNAL_BLOB && n == HEAD_SIZE + BLOB_SIZE + SUM_SIZE)
			r = replay_blob(state, payload, err);
		else if (text->data[at] == JOURNAL_STORED && n == HEAD_SIZE + STORED_SIZE + SUM_SIZE) {
			r = replay_stored(state, payload, err);
			sure[payload[0] != 0] = 0;
		} else if (text->data[at] == JOURNAL_CHECKPOINT) {
			sure[BLOB_DATA] = state->spooled[BLOB_DATA].size;
			sure[BLOB_TREE] = state->spooled[BLOB_TREE].size;
		} else
			break;
	}
	state->spooled[BLOB_DATA].size = sure[BLOB_DATA];
	state->spooled[BLOB_TREE].size = sure[BLOB_TREE];
	return r;
}

int
spool_journal_read(const char *path, const struct repository_id *repository, struct spool_journal_state *state,
    struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(JOURNAL_MAX);
	uint8_t sum[SUM_SIZE] = {0};
	size_t n;
	int r;

	r = path_read(path, JOURNAL_MAX, &text, err);
	if (r == HF_OK) {
		n = next_record(text.data, text.size, sum);
		r = check_start(&text, n, repository, path, err);
		if (r == HF_OK)
			r = replay(state, &text, n, sum, err);
	}
	buffer_release(&text);
	return r;
}
