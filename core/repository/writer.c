/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/repository-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "base/time.h"
#include "repository/spool-journal.h"
#include "repository/pack.h"
#include "repository/recent.h"
#include "repository/spool.h"

/* A pack is sent once it has this many bytes or blobs. */
#define PACK_BODY  ((uint64_t)16 << 20)
#define PACK_BLOBS ((size_t)4096)

/*
 * An index file is written after so many blobs or so long, so that an interrupted first backup finds
 * its work again.  restic takes 50,000 blobs; fewer cost less memory here.
 */
#define INDEX_BLOBS    ((size_t)16384)
#define INDEX_AGE      (INT64_C(600) * 1000000000)
#define INDEX_TEXT_MAX ((size_t)8 << 20)
#define INDEX_BEGIN    "{\"packs\":["

/* Offsets in a pack are 32 bits, and what does not compress grows. */
#define BLOB_MAX ((size_t)1 << 30)

#define RECENT_MAX (2 * PACK_BLOBS + 2)

struct repository_writer {
	struct repository *repository;
	char *directory;
	int lock_fd;
	struct spool_journal *journal;
	struct spool spools[2]; /* by blob type */
	struct recent *recent;
	struct compressor *compressor;
	struct chunker *chunker;
	struct buffer packed, sealed, opened; /* of the blob being stored */
	struct buffer index;                  /* JSON of packs stored and not indexed yet */
	size_t index_blobs;
	int64_t index_since;
	struct repository_writer_stats stats;
	struct buffer *notes; /* of what is saved; NULL: not wanted */
	int broken; /* what the spool failed with: only opening it again helps */
	bool finished;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "writing to the repository: out of memory");
}

static char *
path_in(const struct repository_writer *writer, const char *name)
{
	return path_join(writer->directory, name);
}

/* ---- the index ---- */

static void
index_text_add(struct buffer *text, const struct repository_id *pack, const struct index_blob *blobs, size_t count)
{
	char hex[HASH_HEX_SIZE];
	size_t i;

	hex_encode(pack->bytes, HASH_SIZE, hex);
	buffer_appendf(text, "%s{\"id\":\"%s\",\"blobs\":[", text->size == 0 ? INDEX_BEGIN : ",", hex);
	for (i = 0; i < count; i++) {
		hex_encode(blobs[i].id.bytes, HASH_SIZE, hex);
		buffer_appendf(text, "%s{\"id\":\"%s\",\"type\":\"%s\",\"offset\":%u,\"length\":%u", i == 0 ? "" :
		    ",", hex,
		    blobs[i].entry.type == BLOB_TREE ? "tree" : "data", (unsigned)blobs[i].entry.offset,
		    (unsigned)blobs[i].entry.length);
		if (blobs[i].entry.plain_length != 0)
			buffer_appendf(text, ",\"uncompressed_length\":%u", (unsigned)blobs[i].entry.plain_length);
		buffer_append_byte(text, '}');
	}
	buffer_append_string(text, "]}");
}

/* A stored pack becomes known to this run and goes to the next index file. */
static int
add_stored_pack(struct repository_writer *writer, const struct repository_id *pack, const struct index_blob *blobs,
    size_t count, struct hf_error *err)
{
	int r = index_add_pack(writer->repository->index, pack, blobs, count, err);

	if (r != HF_OK)
		return r;
	if (writer->index.size == 0)
		writer->index_since = time_boot();
	index_text_add(&writer->index, pack, blobs, count);
	writer->index_blobs += count;
	return buffer_status(&writer->index, "index", err);
}

static int
start_journal(struct repository_writer *writer, struct hf_error *err)
{
	const struct index_blob *blobs;
	struct spool_journal *journal = NULL;
	char *path = path_in(writer, "journal");
	size_t type, i;
	int r;

	if (path == NULL)
		return no_memory(err);
	r = spool_journal_create(path, &writer->repository->id, &journal, err);
	for (type = 0; r == HF_OK && type < 2; type++) {
		r = spool_flush(&writer->spools[type], true, err);
		blobs = (const struct index_blob *)(const void *)writer->spools[type].blobs.data;
		for (i = 0; r == HF_OK && i < spool_count(&writer->spools[type]); i++)
			r = spool_journal_add_blob(journal, &blobs[i], err);
	}
	if (r == HF_OK)
		r = spool_journal_checkpoint(journal, err);
	if (r == HF_OK)
		r = spool_journal_commit(journal, err);
	free(path);
	if (r != HF_OK) {
		spool_journal_close(journal);
		return r;
	}
	spool_journal_close(writer->journal);
	writer->journal = journal;
	return HF_OK;
}

/* Writes the index file of what is stored. */
static int
save_index(struct repository_writer *writer, struct hf_error *err)
{
	size_t before = writer->index.size;
	struct repository_id id;
	int r;

	if (before == 0)
		return HF_OK;
	r = repository_lock_held(writer->repository, err);
	if (r != HF_OK)
		return r;
	buffer_append_string(&writer->index, "]}");
	r = buffer_status(&writer->index, "index", err);
	if (r == HF_OK)
		r = object_save_json(writer->repository, HF_OBJECT_INDEX, writer->index.data, writer->index.size,
		    &id, err);
	if (r != HF_OK) {
		writer->index.size = before;
		return r;
	}
	writer->stats.bytes_stored += writer->index.size;
	buffer_clear(&writer->index);
	writer->index_blobs = 0;
	return HF_OK;
}

/* The same; then a new journal begins, which needs none of it any more. */
static int
write_index(struct repository_writer *writer, struct hf_error *err)
{
	int r;

	if (writer->index.size == 0)
		return HF_OK;
	r = save_index(writer, err);
	if (r == HF_OK) {
		r = start_journal(writer, err);
		if (r != HF_OK)
			writer->broken = r;
	}
	return r;
}

static int
write_due_index(struct repository_writer *writer, struct hf_error *err)
{
	if (writer->index.size == 0 ||
	    (writer->index_blobs < INDEX_BLOBS && time_boot() - writer->index_since < INDEX_AGE))
		return HF_OK;
	return write_index(writer, err);
}

/* ---- packs ---- */

/* Sends a spool file as a pack.  After a failure of the storage it can be tried again. */
static int
store_spool(struct repository_writer *writer, struct spool *spool, struct hf_error *err)
{
	const struct index_blob *blobs;
	size_t i;
	int r = HF_OK;

	if (!spool->closed)
		r = spool_close(spool, writer->repository->seal, err);
	if (r != HF_OK)
		return writer->broken = r;
	r = repository_lock_held(writer->repository, err);
	if (r == HF_OK)
		r = spool_store(spool, &writer->repository->storage, err);
	if (r != HF_OK)
		return r;
	/* The journal knows before the file is emptied: its blobs are in the one or in the other. */
	r = spool_journal_add_stored(writer->journal, spool->type, &spool->id, spool->size, err);
	if (r == HF_OK)
		r = spool_journal_sync(writer->journal, err);
	blobs = (const struct index_blob *)(const void *)spool->blobs.data;
	if (r == HF_OK)
		r = add_stored_pack(writer, &spool->id, blobs, spool_count(spool), err);
	if (r != HF_OK)
		return writer->broken = r;
	for (i = 0; i < spool_count(spool); i++)
		recent_remove(writer->recent, spool->type, &blobs[i].id);
	writer->stats.bytes_stored += spool->size;
	r = spool_reset(spool, err);
	if (r != HF_OK)
		return writer->broken = r;
	return write_due_index(writer, err);
}

static bool
spool_is_full(const struct spool *spool)
{
	return spool->closed || spool->body >= PACK_BODY || spool_count(spool) >= PACK_BLOBS;
}

/* ---- blobs ---- */

/* Opens what was sealed and compares it with what it was made from, before anybody relies on it. */
static int
verify_sealed(struct repository_writer *writer, const void *data, size_t size, bool compressed,
    struct hf_error *err)
{
	int r;

	buffer_clear(&writer->opened);
	r = seal_open(writer->repository->seal, writer->sealed.data, writer->sealed.size, &writer->opened, err);
	if (r == HF_OK && compressed)
		return compressor_compare(writer->compressor, writer->opened.data, writer->opened.size, data, size,
		    err);
	if (r == HF_OK && (writer->opened.size != size || memcmp(writer->opened.data, data, size) != 0))
		r = hf_error_set(err, HF_ECORRUPT, 0,
		    "a sealed blob does not open to what was sealed: the machine's memory may be damaged");
	return r;
}

/* Compresses and seals into writer->sealed; sets lengths. */
static int
seal_blob(struct repository_writer *writer, const void *data, size_t size, struct index_blob *blob,
    struct hf_error *err)
{
	bool compressed = false;
	int r = HF_OK;

	buffer_clear(&writer->packed);
	buffer_clear(&writer->sealed);
	if (writer->repository->version >= 2) {
		r = compressor_pack(writer->compressor, data, size, &writer->packed, err);
		if (r != HF_OK)
			return r;
		/* Trees always: restic's prune rewrites packs with plain ones. */
		compressed = blob->entry.type == BLOB_TREE || writer->packed.size < size;
	}
	if (compressed)
		r = seal_append(writer->repository->seal, writer->packed.data, writer->packed.size,
		    &writer->sealed, err);
	else
		r = seal_append(writer->repository->seal, data, size, &writer->sealed, err);
	if (r == HF_OK)
		r = verify_sealed(writer, data, size, compressed, err);
	if (r != HF_OK)
		return r;
	blob->entry.length = (uint32_t)writer->sealed.size;
	blob->entry.plain_length = compressed ? (uint32_t)size : 0;
	return HF_OK;
}

/* Large blobs are rare; their buffers do not stay. */
static void
shrink(struct buffer *buffer)
{
	if (buffer->capacity > (size_t)4 << 20)
		buffer_release(buffer);
}

static int
store_blob(struct repository_writer *writer, enum blob_type type, const struct repository_id *id, const void *data,
    size_t size, struct hf_error *err)
{
	struct index_blob blob = {.id = *id, .entry = {.type = type}};
	struct spool *spool = &writer->spools[type];
	int r;

	/* One that could not be sent before. */
	if (spool_is_full(spool)) {
		r = store_spool(writer, spool, err);
		if (r != HF_OK)
			return r;
	}
	r = seal_blob(writer, data, size, &blob, err);
	if (r != HF_OK)
		return r;
	r = spool_append(spool, &blob, writer->sealed.data, err);
	if (r == HF_OK)
		r = spool_journal_add_blob(writer->journal, &blob, err);
	if (r == HF_OK)
		r = recent_add(writer->recent, type, id);
	if (r != HF_OK)
		return writer->broken = r;
	shrink(&writer->packed);
	shrink(&writer->sealed);
	shrink(&writer->opened);
	writer->stats.bytes_added += size;
	writer->stats.bytes_sealed += blob.entry.length;
	if (type == BLOB_TREE)
		writer->stats.tree_blobs++;
	else
		writer->stats.data_blobs++;
	return spool_is_full(spool) ? store_spool(writer, spool, err) : HF_OK;
}

static int
usable(const struct repository_writer *writer, struct hf_error *err)
{
	if (writer->finished)
		return hf_error_set(err, HF_EINVAL, 0, "%s: this writer is finished", writer->directory);
	if (writer->broken != HF_OK)
		return hf_error_set(err, writer->broken, 0, "%s: writing failed before; the last checkpoint counts",
		    writer->directory);
	return HF_OK;
}

int
repository_save_blob(struct repository_writer *writer, enum blob_type type, const void *data, size_t size,
    struct repository_id *ret_id, bool *ret_new, struct hf_error *err)
{
	struct index_entry entry;
	struct repository_id id;
	bool known;
	int r;

	r = usable(writer, err);
	if (r != HF_OK)
		return r;
	if (size == 0 || size > BLOB_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "a blob of %zu bytes cannot be stored", size);
	r = hash_bytes(data, size, id.bytes, err);
	if (r != HF_OK)
		return r;
	known = recent_has(writer->recent, type, &id) ||
	        index_find(writer->repository->index, type, &id, 0, &entry, NULL) == HF_OK;
	if (!known) {
		r = store_blob(writer, type, &id, data, size, err);
		if (r != HF_OK)
			return r;
	}
	*ret_id = id;
	if (ret_new != NULL)
		*ret_new = !known;
	if (writer->notes == NULL)
		return HF_OK;
	buffer_append_byte(writer->notes, (uint8_t)type);
	buffer_append(writer->notes, id.bytes, HASH_SIZE);
	return buffer_status(writer->notes, "the list of saved blobs", err);
}

void
repository_writer_note(struct repository_writer *writer, struct buffer *blobs)
{
	writer->notes = blobs;
}

bool
repository_writer_has_blob(struct repository_writer *writer, enum blob_type type, const struct repository_id *id)
{
	return recent_has(writer->recent, type, id) || repository_has_blob(writer->repository, type, id);
}

int
repository_save_content(struct repository_writer *writer, const void *data, size_t size, struct buffer *out_ids,
    struct hf_error *err)
{
	const uint8_t *p = data;
	struct repository_id id;
	size_t n, before = out_ids->size;
	int r = HF_OK;

	if (writer->chunker == NULL)
		r = chunker_new(writer->repository->polynomial, &writer->chunker, err);
	for (; r == HF_OK && size > 0; p += n, size -= n) {
		n = chunker_cut(writer->chunker, p, size, true);
		r = repository_save_blob(writer, BLOB_DATA, p, n, &id, NULL, err);
		if (r == HF_OK)
			buffer_append(out_ids, id.bytes, HASH_SIZE);
	}
	if (r == HF_OK)
		r = buffer_status(out_ids, "content ids", err);
	if (r != HF_OK && out_ids->size > before)
		out_ids->size = before;
	return r;
}

/* What a stream has read and not saved yet; it grows up to the longest chunk. */
struct window {
	uint8_t *data;
	size_t size, capacity;
	size_t searched; /* bytes without a cut in them */
	bool ended;
};

#define WINDOW_FIRST ((size_t)1 << 20)

/* Reads until the window is full or the reader's end is reached. */
static int
window_fill(struct window *window, const struct hf_reader *data, struct hf_error *err)
{
	size_t capacity = window->capacity == 0 ? WINDOW_FIRST : 2 * window->capacity;
	uint8_t *larger;
	int64_t n;

	if (window->size == window->capacity) {
		larger = realloc(window->data, capacity);
		if (larger == NULL)
			return no_memory(err);
		window->data = larger;
		window->capacity = capacity;
	}
	while (!window->ended && window->size < window->capacity) {
		n = data->read(data->ctx, window->data + window->size, window->capacity - window->size, err);
		if (n < 0)
			return (int)n;
		if ((uint64_t)n > window->capacity - window->size)
			return hf_error_set(err, HF_EINVAL, 0, "a reader gave more than it was asked for");
		window->ended = n == 0;
		window->size += (size_t)n;
	}
	return HF_OK;
}

/* Saves the chunks that are known to be whole. */
static int
window_save(struct window *window, struct repository_writer *writer, struct buffer *out_ids, struct hf_error *err)
{
	const uint8_t *p = window->data;
	size_t left = window->size, n;
	struct repository_id id;
	int r = HF_OK;

	while (r == HF_OK && left > 0) {
		n = chunker_cut_from(writer->chunker, p, left, window->searched, window->ended);
		window->searched = n == 0 ? left : 0;
		if (n == 0)
			break;
		r = repository_save_blob(writer, BLOB_DATA, p, n, &id, NULL, err);
		if (r == HF_OK)
			buffer_append(out_ids, id.bytes, HASH_SIZE);
		p += n;
		left -= n;
	}
	memmove(window->data, p, left);
	window->size = left;
	return r == HF_OK ? buffer_status(out_ids, "content ids", err) : r;
}

int
repository_save_stream(struct repository_writer *writer, const struct hf_reader *data, struct buffer *out_ids,
    uint64_t *ret_size, struct hf_error *err)
{
	struct window window = {NULL, 0, 0, 0, false};
	size_t before = out_ids->size, left;
	uint64_t size = 0;
	int r = HF_OK;

	if (writer->chunker == NULL)
		r = chunker_new(writer->repository->polynomial, &writer->chunker, err);
	while (r == HF_OK && !window.ended) {
		left = window.size;
		r = window_fill(&window, data, err);
		size += window.size - left;
		if (r == HF_OK && window.size > 0)
			r = window_save(&window, writer, out_ids, err);
	}
	free(window.data);
	if (r != HF_OK) {
		if (out_ids->size > before)
			out_ids->size = before;
		return r;
	}
	*ret_size = size;
	return HF_OK;
}

int
repository_writer_load_blob(struct repository_writer *writer, enum blob_type type, const struct repository_id *id,
    struct buffer *out, struct hf_error *err)
{
	if (!recent_has(writer->recent, type, id))
		return hf_error_set(err, HF_ENOTFOUND, 0, "a blob is not spooled");
	return spool_load(&writer->spools[type], id, writer->repository->seal, writer->compressor, out, err);
}

/* ---- durability ---- */

int
repository_writer_checkpoint(struct repository_writer *writer, struct hf_error *err)
{
	int r = usable(writer, err);

	if (r != HF_OK || (!spool_journal_is_dirty(writer->journal) && writer->index.size == 0))
		return r;
	/* The blobs first, then what says that they are there. */
	if (spool_journal_is_dirty(writer->journal)) {
		r = spool_flush(&writer->spools[BLOB_DATA], true, err);
		if (r == HF_OK)
			r = spool_flush(&writer->spools[BLOB_TREE], true, err);
		if (r == HF_OK)
			r = spool_journal_checkpoint(writer->journal, err);
		if (r != HF_OK)
			return writer->broken = r;
	}
	return write_due_index(writer, err);
}

static int
remove_spool_files(struct repository_writer *writer, struct hf_error *err)
{
	/* The journal first: spool files without one are rubbish, one without them would be damage. */
	static const char *const names[] = {"journal", "journal.new", "data.pack", "tree.pack"};
	char *path;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < sizeof(names) / sizeof(names[0]); i++) {
		path = path_in(writer, names[i]);
		if (path == NULL)
			return no_memory(err);
		if (unlink(path) != 0 && errno != ENOENT)
			r = hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
		free(path);
		if (i == 0 && r == HF_OK)
			r = path_sync_directory(writer->directory, err);
	}
	return r;
}

int
repository_writer_finish(struct repository_writer *writer, struct hf_error *err)
{
	size_t type;
	int r = usable(writer, err);

	for (type = 0; r == HF_OK && type < 2; type++) {
		if (spool_count(&writer->spools[type]) > 0)
			r = store_spool(writer, &writer->spools[type], err);
	}
	/* No new journal: one that tells of packs which are indexed only makes the next writer do it again. */
	if (r == HF_OK)
		r = save_index(writer, err);
	if (r == HF_OK)
		r = remove_spool_files(writer, err);
	if (r == HF_OK)
		writer->finished = true;
	return r;
}

void
repository_writer_stats(const struct repository_writer *writer, struct repository_writer_stats *ret)
{
	*ret = writer->stats;
}

/* ---- opening ---- */

static int
lock_directory(struct repository_writer *writer, struct hf_error *err)
{
	char *path = path_in(writer, "lock");
	int r = HF_OK;

	if (path == NULL)
		return no_memory(err);
	writer->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (writer->lock_fd < 0)
		r = hf_error_set(err, HF_EIO, errno, "%s: %s", path, strerror(errno));
	else if (flock(writer->lock_fd, LOCK_EX | LOCK_NB) != 0)
		r = hf_error_set(err, errno == EWOULDBLOCK ? HF_EBUSY : HF_EIO, errno, "%s: %s", path,
		    errno == EWOULDBLOCK ? "used by another process" : strerror(errno));
	free(path);
	return r;
}

static int
open_spools(struct repository_writer *writer, struct hf_error *err)
{
	static const char *const names[] = {[BLOB_DATA] = "data.pack", [BLOB_TREE] = "tree.pack"};
	char *path;
	size_t type;
	int r = HF_OK;

	for (type = 0; r == HF_OK && type < 2; type++) {
		path = path_in(writer, names[type]);
		if (path == NULL)
			return no_memory(err);
		r = spool_open(&writer->spools[type], type == BLOB_TREE ? BLOB_TREE : BLOB_DATA, path, err);
		free(path);
	}
	return r;
}

/* A pack that the journal says is stored: there, whole, and known from now on. */
static int
resume_pack(struct repository_writer *writer, const struct spool_journal_pack *pack, const struct index_blob *blobs,
    struct hf_error *err)
{
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_DATA, 0, name};
	struct index_entry entry;
	uint64_t size;
	unsigned which;
	int r;

	for (which = 0; pack->count > 0 && index_find(writer->repository->index, pack->type, &blobs[0].id, which,
	    &entry,
	                                       NULL) == HF_OK;
	     which++) {
		if (memcmp(entry.pack.bytes, pack->id.bytes, HASH_SIZE) == 0)
			return HF_OK; /* its index file was written before the crash */
	}
	hex_encode(pack->id.bytes, HASH_SIZE, name);
	r = writer->repository->storage.ops->stat(writer->repository->storage.handle, &key, &size, err);
	if (r == HF_ENOTFOUND || (r == HF_OK && size != pack->size))
		return hf_error_set(err, HF_ECORRUPT, 0, "data/%s: stored before, and %s now; was it pruned?", name,
		    r == HF_OK ? "of another size" : "gone");
	if (r != HF_OK)
		return r;
	return add_stored_pack(writer, &pack->id, blobs, pack->count, err);
}

static int
resume_spool(struct repository_writer *writer, struct spool *spool, const struct buffer *blobs,
    struct hf_error *err)
{
	const struct index_blob *blob = (const struct index_blob *)(const void *)blobs->data;
	size_t i, count = blobs->size / sizeof(*blob);
	int r;

	r = spool_resume(spool, blob, count, writer->repository->seal, writer->compressor, err);
	for (i = 0; r == HF_OK && i < count; i++)
		r = recent_add(writer->recent, spool->type, &blob[i].id);
	return r == HF_ERANGE ?
	           hf_error_set(err, HF_ECORRUPT, 0, "%s: more blobs than a pack may have", writer->directory) :
	           r;
}

static int
resume(struct repository_writer *writer, struct spool_journal_state *state, struct hf_error *err)
{
	const struct spool_journal_pack *packs = (const struct spool_journal_pack *)(const void *)state->packs.data;
	struct index_blob *blobs = (struct index_blob *)(void *)state->stored_blobs.data;
	size_t i, b;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < state->packs.size / sizeof(*packs); i++) {
		for (b = 0; b < packs[i].count; b++)
			blobs[packs[i].first + b].entry.pack = packs[i].id;
		r = resume_pack(writer, &packs[i], blobs + packs[i].first, err);
		if (r == HF_OK && writer->index_blobs >= INDEX_BLOBS)
			r = save_index(writer, err);
	}
	if (r == HF_OK)
		r = resume_spool(writer, &writer->spools[BLOB_DATA], &state->spooled[BLOB_DATA], err);
	if (r == HF_OK)
		r = resume_spool(writer, &writer->spools[BLOB_TREE], &state->spooled[BLOB_TREE], err);
	return r;
}

/* What cannot be taken up again is put aside; the next open begins empty. */
static int
put_aside(struct repository_writer *writer, struct hf_error *err)
{
	char reason[sizeof(err->msg)] = "damaged", *from = path_in(writer, "journal"), *to;

	if (err != NULL)
		(void)snprintf(reason, sizeof(reason), "%.300s", err->msg);
	to = path_in(writer, "journal.damaged");
	if (from == NULL || to == NULL || rename(from, to) != 0)
		(void)hf_error_set(err, HF_ECORRUPT, errno, "%s", reason);
	else
		(void)hf_error_set(err, HF_ECORRUPT, 0,
		    "%s; the spool is put aside, what it held has to be read again", reason);
	free(from);
	free(to);
	return HF_ECORRUPT;
}

static int
take_up(struct repository_writer *writer, struct hf_error *err)
{
	struct spool_journal_state state = SPOOL_JOURNAL_STATE_INIT;
	char *path = path_in(writer, "journal");
	int r;

	if (path == NULL)
		return no_memory(err);
	r = spool_journal_read(path, &writer->repository->id, &state, err);
	free(path);
	if (r == HF_OK || r == HF_ENOTFOUND)
		r = resume(writer, &state, err);
	spool_journal_state_release(&state);
	if (r == HF_ECORRUPT)
		r = put_aside(writer, err);
	if (r != HF_OK)
		return r;
	/* Packs stored before the crash are indexed at once; then a new journal is all that is needed. */
	r = save_index(writer, err);
	return r == HF_OK ? start_journal(writer, err) : r;
}

int
repository_writer_open(struct repository *repository, const char *spool_directory, struct repository_writer **ret,
    struct hf_error *err)
{
	struct repository_writer *writer;
	int r;

	if (repository->index == NULL)
		return hf_error_set(err, HF_EINVAL, 0, "the repository's index is not loaded");
	if (!repository_is_locked(repository))
		return hf_error_set(err, HF_EINVAL, 0, "the repository is not locked");
	writer = calloc(1, sizeof(*writer));
	if (writer == NULL)
		return no_memory(err);
	writer->repository = repository;
	writer->lock_fd = writer->spools[0].fd = writer->spools[1].fd = -1;
	writer->packed.max = writer->sealed.max = writer->opened.max = SIZE_MAX;
	writer->index.max = INDEX_TEXT_MAX;
	writer->directory = strdup(spool_directory);
	if (writer->directory == NULL) {
		r = no_memory(err);
		goto fail;
	}
	if ((r = path_make_directories(spool_directory, err)) != HF_OK || (r = lock_directory(writer, err)) != HF_OK ||
	    (r = compressor_new(&writer->compressor, err)) != HF_OK ||
	    (r = recent_new(RECENT_MAX, &writer->recent, err)) != HF_OK || (r = open_spools(writer, err)) != HF_OK ||
	    (r = take_up(writer, err)) != HF_OK)
		goto fail;
	*ret = writer;
	return HF_OK;
fail:
	repository_writer_close(writer);
	return r;
}

void
repository_writer_close(struct repository_writer *writer)
{
	if (writer == NULL)
		return;
	spool_journal_close(writer->journal);
	spool_release(&writer->spools[BLOB_DATA]);
	spool_release(&writer->spools[BLOB_TREE]);
	recent_free(writer->recent);
	compressor_free(writer->compressor);
	chunker_free(writer->chunker);
	buffer_release(&writer->packed);
	buffer_release(&writer->sealed);
	buffer_release(&writer->opened);
	buffer_release(&writer->index);
	if (writer->lock_fd >= 0)
		(void)close(writer->lock_fd);
	free(writer->directory);
	free(writer);
}
