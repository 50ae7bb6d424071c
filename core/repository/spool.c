/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"
#include "repository/pack.h"

#define WRITE_PIECE ((size_t)64 << 10)

static int
spool_error(const struct spool *spool, struct hf_error *err)
{
	int saved = errno;

	return hf_error_set(err, saved == ENOSPC || saved == EDQUOT ? HF_ENOSPC : HF_EIO, saved, "%s: %s",
	    spool->path, strerror(saved));
}

int
spool_open(struct spool *spool, enum blob_type type, const char *path, struct hf_error *err)
{
	int r;

	memset(spool, 0, sizeof(*spool));
	spool->type = type;
	spool->pending.max = 2 * WRITE_PIECE;
	spool->blobs.max = SIZE_MAX;
	spool->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	spool->path = strdup(path);
	if (spool->path == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	else if (spool->fd < 0)
		r = spool_error(spool, err);
	else
		r = hash_new(&spool->hash, err);
	if (r != HF_OK)
		spool_release(spool);
	return r;
}

void
spool_release(struct spool *spool)
{
	if (spool->fd >= 0)
		(void)close(spool->fd);
	spool->fd = -1;
	free(spool->path);
	spool->path = NULL;
	hash_free(spool->hash);
	spool->hash = NULL;
	buffer_release(&spool->pending);
	buffer_release(&spool->blobs);
}

size_t
spool_count(const struct spool *spool)
{
	return spool->blobs.size / sizeof(struct index_blob);
}

/* ---- reading ---- */

static int
read_at(const struct spool *spool, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	uint8_t *p = data;
	ssize_t n;

	while (size > 0) {
		n = pread(spool->fd, p, size, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return spool_error(spool, err);
		if (n == 0)
			return hf_error_set(err, HF_ECORRUPT, 0, "%s: shorter than its journal says", spool->path);
		p += n;
		offset += (uint64_t)n;
		size -= (size_t)n;
	}
	return HF_OK;
}

/* Checks one blob of the file and adds it. */
static int
resume_blob(struct spool *spool, const struct index_blob *blob, struct seal *seal, struct compressor *compressor,
    struct buffer *stored, struct buffer *plain, struct hf_error *err)
{
	int r;

	buffer_clear(stored);
	buffer_clear(plain);
	if (blob->entry.offset != spool->body || blob->entry.length < SEAL_OVERHEAD)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: does not fit its journal", spool->path);
	if (buffer_reserve(stored, blob->entry.length) != HF_OK)
		return buffer_status(stored, spool->path, err);
	if ((r = read_at(spool, blob->entry.offset, stored->data, blob->entry.length, err)) != HF_OK ||
	    (r = blob_open(seal, compressor, &blob->id, &blob->entry, stored->data, blob->entry.length, plain, err)) !=
	        HF_OK ||
	    (r = hash_update(spool->hash, stored->data, blob->entry.length, err)) != HF_OK)
		return r;
	buffer_append(&spool->blobs, blob, sizeof(*blob));
	spool->body += blob->entry.length;
	return buffer_status(&spool->blobs, spool->path, err);
}

int
spool_resume(struct spool *spool, const struct index_blob *blobs, size_t count, struct seal *seal,
    struct compressor *compressor, struct hf_error *err)
{
	struct buffer stored = BUFFER_INIT(SIZE_MAX), plain = BUFFER_INIT(SIZE_MAX);
	struct stat st;
	uint64_t end;
	size_t i;
	int r = HF_OK;

	if (fstat(spool->fd, &st) != 0)
		return spool_error(spool, err);
	end = count == 0 ? 0 : (uint64_t)blobs[count - 1].entry.offset + blobs[count - 1].entry.length;
	if (end > (uint64_t)st.st_size)
		return hf_error_set(err, HF_ECORRUPT, 0, "%s: shorter than its journal says", spool->path);
	for (i = 0; i < count && r == HF_OK; i++)
		r = resume_blob(spool, &blobs[i], seal, compressor, &stored, &plain, err);
	buffer_release(&stored);
	buffer_release(&plain);
	if (r != HF_OK)
		return r;
	spool->size = spool->body;
	/* What lies behind was never acknowledged. */
	if (ftruncate(spool->fd, (off_t)spool->size) != 0 || lseek(spool->fd, (off_t)spool->size, SEEK_SET) < 0)
		return spool_error(spool, err);
	return HF_OK;
}

/* ---- writing ---- */

int
spool_flush(struct spool *spool, bool sync, struct hf_error *err)
{
	int r = HF_OK;

	if (spool->pending.size > 0)
		r = path_write_all(spool->fd, spool->pending.data, spool->pending.size, spool->path, err);
	buffer_clear(&spool->pending);
	if (r == HF_OK && sync && spool->dirty) {
		if (fdatasync(spool->fd) != 0)
			return spool_error(spool, err);
		spool->dirty = false;
	}
	return r;
}

static int
add_bytes(struct spool *spool, const void *data, size_t size, struct hf_error *err)
{
	int r = hash_update(spool->hash, data, size, err);

	spool->dirty = true;
	if (r == HF_OK && spool->pending.size + size > spool->pending.max)
		r = spool_flush(spool, false, err);
	if (r != HF_OK)
		return r;
	spool->size += size;
	if (size >= WRITE_PIECE)
		return path_write_all(spool->fd, data, size, spool->path, err);
	buffer_append(&spool->pending, data, size);
	r = buffer_status(&spool->pending, spool->path, err);
	if (r == HF_OK && spool->pending.size >= WRITE_PIECE)
		r = spool_flush(spool, false, err);
	return r;
}

int
spool_append(struct spool *spool, struct index_blob *blob, const void *stored, struct hf_error *err)
{
	int r;

	/* Bytes that go straight to the file must not pass those that wait. */
	if (blob->entry.length >= WRITE_PIECE) {
		r = spool_flush(spool, false, err);
		if (r != HF_OK)
			return r;
	}
	blob->entry.offset = (uint32_t)spool->body;
	r = add_bytes(spool, stored, blob->entry.length, err);
	if (r != HF_OK)
		return r;
	spool->body += blob->entry.length;
	buffer_append(&spool->blobs, blob, sizeof(*blob));
	return buffer_status(&spool->blobs, spool->path, err);
}

int
spool_load(struct spool *spool, const struct repository_id *id, struct seal *seal, struct compressor *compressor,
    struct buffer *out, struct hf_error *err)
{
	const struct index_blob *blobs = (const struct index_blob *)(const void *)spool->blobs.data;
	struct buffer stored = BUFFER_INIT(SIZE_MAX);
	size_t i, count = spool_count(spool);
	int r;

	for (i = 0; i < count && memcmp(blobs[i].id.bytes, id->bytes, HASH_SIZE) != 0; i++)
		;
	if (i == count)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: a blob is not in it", spool->path);
	r = spool_flush(spool, false, err);
	if (r == HF_OK && buffer_reserve(&stored, blobs[i].entry.length) != HF_OK)
		r = buffer_status(&stored, spool->path, err);
	if (r == HF_OK)
		r = read_at(spool, blobs[i].entry.offset, stored.data, blobs[i].entry.length, err);
	if (r == HF_OK)
		r = blob_open(seal, compressor, id, &blobs[i].entry, stored.data, blobs[i].entry.length, out, err);
	buffer_release(&stored);
	return r;
}

int
spool_close(struct spool *spool, struct seal *seal, struct hf_error *err)
{
	struct buffer header = BUFFER_INIT(PACK_HEADER_MAX), sealed = BUFFER_INIT(PACK_HEADER_MAX + SEAL_OVERHEAD + 4);
	struct index_blob *blobs = (struct index_blob *)(void *)spool->blobs.data;
	size_t i, length;
	int r;

	r = pack_header_write(blobs, spool_count(spool), &header, err);
	if (r == HF_OK)
		r = seal_append(seal, header.data, header.size, &sealed, err);
	if (r != HF_OK)
		goto done;
	length = sealed.size;
	for (i = 0; i < 4; i++)
		buffer_append_byte(&sealed, (uint8_t)(length >> (8 * i)));
	r = buffer_status(&sealed, "pack header", err);
	if (r == HF_OK && sealed.size >= WRITE_PIECE)
		r = spool_flush(spool, false, err);
	if (r == HF_OK)
		r = add_bytes(spool, sealed.data, sealed.size, err);
	if (r == HF_OK)
		r = spool_flush(spool, false, err);
	if (r == HF_OK)
		r = hash_sum(spool->hash, spool->id.bytes, err);
	if (r != HF_OK)
		goto done;
	for (i = 0; i < spool_count(spool); i++)
		blobs[i].entry.pack = spool->id;
	spool->closed = true;
done:
	buffer_release(&header);
	buffer_release(&sealed);
	return r;
}

/* ---- sending ---- */

/* Reads the file for the storage and checks on the way that the bytes are still those that were hashed. */
struct sending {
	struct spool *spool;
	struct hash *hash;
	uint64_t at;
};

static int64_t
sending_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct sending *sending = ctx;
	uint64_t left = sending->spool->size - sending->at;
	size_t part = (size_t)(size < left ? size : left);
	uint8_t sum[HASH_SIZE];
	int r;

	if (part == 0)
		return 0;
	if (part > INT32_MAX)
		part = INT32_MAX;
	r = read_at(sending->spool, sending->at, data, part, err);
	if (r == HF_OK)
		r = hash_update(sending->hash, data, part, err);
	if (r != HF_OK)
		return r;
	sending->at += part;
	if (sending->at < sending->spool->size)
		return (int64_t)part;
	/* The last bytes are only given out when all of them were right. */
	r = hash_sum(sending->hash, sum, err);
	if (r == HF_OK && memcmp(sum, sending->spool->id.bytes, HASH_SIZE) != 0)
		r = hf_error_set(err, HF_ECORRUPT, 0, "%s: does not read back as it was written", sending->spool->path);
	return r == HF_OK ? (int64_t)part : r;
}

static int
sending_rewind(void *ctx, struct hf_error *err)
{
	struct sending *sending = ctx;

	sending->at = 0;
	return hash_reset(sending->hash, err);
}

int
spool_store(struct spool *spool, const struct repository_storage *storage, struct hf_error *err)
{
	struct sending sending = {spool, NULL, 0};
	struct hf_reader reader = {(uint32_t)sizeof(reader), 0, &sending, sending_read, sending_rewind, spool->size};
	char name[HASH_HEX_SIZE];
	struct hf_object_key key = {HF_OBJECT_DATA, 0, name};
	uint64_t there;
	int r;

	r = hash_new(&sending.hash, err);
	if (r != HF_OK)
		return r;
	hex_encode(spool->id.bytes, HASH_SIZE, name);
	r = storage->ops->put(storage->handle, &key, &reader, spool->id.bytes, 0, err);
	hash_free(sending.hash);
	/* Stored before a crash, or by a put whose answer was lost. */
	if (r == HF_EEXIST && storage->ops->stat(storage->handle, &key, &there, NULL) == HF_OK && there == spool->size)
		return HF_OK;
	return r;
}

int
spool_reset(struct spool *spool, struct hf_error *err)
{
	buffer_clear(&spool->blobs);
	buffer_clear(&spool->pending);
	spool->body = spool->size = 0;
	spool->closed = false;
	spool->dirty = true;
	if (ftruncate(spool->fd, 0) != 0 || lseek(spool->fd, 0, SEEK_SET) < 0)
		return spool_error(spool, err);
	return hash_reset(spool->hash, err);
}
