/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/scratch.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/path.h"
#include "base/plural.h"
#include "plugin/host.h"

/*
 * A file is a head and frames.  Head: magic, nonce, size of the note, check, note.  Frame: size of its data, check,
 * data.  A check is the first bytes of the SHA-256 of the nonce, the frame's number (0: the head) and the data, so
 * that neither a torn write nor an older content of the file passes for what was appended.
 */
#define MAGIC       "hfscr1\n"
#define MAGIC_SIZE  7u
#define NONCE_SIZE  8u
#define CHECK_SIZE  12u
#define HEAD_SIZE   (MAGIC_SIZE + 1 + NONCE_SIZE + 4 + CHECK_SIZE)
#define FRAME_HEAD  (4 + CHECK_SIZE)
#define FRAME_MAX   ((size_t)64 << 10)
#define NAME_SIZE   64u

struct hf_scratch {
	char *path;
	int fd; /* -1: nothing was written yet */
	uint8_t nonce[NONCE_SIZE];
	struct buffer note;
	bool has_note;
	struct hash *hash;
	struct hash *content; /* of all bytes, pending ones too */
	bool content_stale;   /* it has to be counted again */
	uint64_t written; /* bytes in frames */
	uint32_t frames;
	off_t end;        /* of the last frame */
	struct buffer pending; /* behind them */
	int broken;
	/* The reader. */
	struct buffer frame;
	size_t frame_at;
	off_t next;
	uint32_t next_frame;
	bool read_pending;
};

static int
failed(const struct hf_scratch *scratch, struct hf_error *err)
{
	int saved = errno;

	return hf_error_set(err, saved == ENOSPC || saved == EDQUOT ? HF_ENOSPC : HF_EIO, saved, "%s: %s",
	    scratch->path, strerror(saved));
}

static void
put_u32(uint8_t *out, uint32_t value)
{
	int i;

	for (i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

static uint32_t
get_u32(const uint8_t *in)
{
	return (uint32_t)in[0] | (uint32_t)in[1] << 8 | (uint32_t)in[2] << 16 | (uint32_t)in[3] << 24;
}

static int
check_of(struct hf_scratch *scratch, uint32_t number, const void *data, size_t size, uint8_t out[CHECK_SIZE],
    struct hf_error *err)
{
	uint8_t sum[HASH_SIZE], count[4];
	int r = hash_reset(scratch->hash, err);

	put_u32(count, number);
	if (r == HF_OK)
		r = hash_update(scratch->hash, scratch->nonce, NONCE_SIZE, err);
	if (r == HF_OK)
		r = hash_update(scratch->hash, count, sizeof(count), err);
	if (r == HF_OK && size > 0)
		r = hash_update(scratch->hash, data, size, err);
	if (r == HF_OK)
		r = hash_sum(scratch->hash, sum, err);
	if (r == HF_OK)
		memcpy(out, sum, CHECK_SIZE);
	return r;
}

/* Reads just so many bytes; *ret_whole: they are there. */
static int
read_at(const struct hf_scratch *scratch, off_t at, void *data, size_t size, bool *ret_whole, struct hf_error *err)
{
	uint8_t *p = data;
	ssize_t n;

	while (size > 0) {
		n = pread(scratch->fd, p, size, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(scratch, err);
		if (n == 0)
			break;
		p += n;
		at += n;
		size -= (size_t)n;
	}
	*ret_whole = size == 0;
	return HF_OK;
}

/* ---- frames ---- */

/* Reads the frame at an offset into scratch->frame; *ret_good false: there is none, or not whole. */
static int
read_frame(struct hf_scratch *scratch, off_t at, uint32_t number, bool *ret_good, struct hf_error *err)
{
	uint8_t head[FRAME_HEAD], check[CHECK_SIZE];
	uint32_t size;
	bool whole;
	int r = read_at(scratch, at, head, sizeof(head), &whole, err);

	*ret_good = false;
	size = get_u32(head);
	if (r != HF_OK || !whole || size == 0 || size > FRAME_MAX)
		return r;
	buffer_clear(&scratch->frame);
	if (buffer_reserve(&scratch->frame, size) != HF_OK)
		return buffer_status(&scratch->frame, scratch->path, err);
	r = read_at(scratch, at + (off_t)sizeof(head), scratch->frame.data, size, &whole, err);
	if (r != HF_OK || !whole)
		return r;
	scratch->frame.size = size;
	r = check_of(scratch, number, scratch->frame.data, size, check, err);
	*ret_good = r == HF_OK && memcmp(check, head + 4, CHECK_SIZE) == 0;
	return r;
}

static int
write_head(struct hf_scratch *scratch, struct hf_error *err)
{
	uint8_t head[HEAD_SIZE] = MAGIC;
	int r = random_bytes(scratch->nonce, NONCE_SIZE, err);

	memcpy(head + MAGIC_SIZE + 1, scratch->nonce, NONCE_SIZE);
	head[MAGIC_SIZE] = scratch->has_note;
	put_u32(head + MAGIC_SIZE + 1 + NONCE_SIZE, (uint32_t)scratch->note.size);
	if (r == HF_OK)
		r = check_of(scratch, 0, scratch->note.data, scratch->note.size, head + HEAD_SIZE - CHECK_SIZE, err);
	if (r == HF_OK && scratch->fd < 0) {
		scratch->fd = open(scratch->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (scratch->fd < 0)
			return failed(scratch, err);
	}
	if (r == HF_OK && (ftruncate(scratch->fd, 0) != 0 || lseek(scratch->fd, 0, SEEK_SET) < 0))
		r = failed(scratch, err);
	if (r == HF_OK)
		r = path_write_all(scratch->fd, head, sizeof(head), scratch->path, err);
	if (r == HF_OK && scratch->note.size > 0)
		r = path_write_all(scratch->fd, scratch->note.data, scratch->note.size, scratch->path, err);
	scratch->end = (off_t)(sizeof(head) + scratch->note.size);
	return r;
}

static int
write_frame(struct hf_scratch *scratch, const void *data, size_t size, struct hf_error *err)
{
	uint8_t head[FRAME_HEAD];
	int r = scratch->frames == 0 ? write_head(scratch, err) : HF_OK;

	put_u32(head, (uint32_t)size);
	if (r == HF_OK)
		r = check_of(scratch, scratch->frames + 1, data, size, head + 4, err);
	if (r == HF_OK)
		r = path_write_all(scratch->fd, head, sizeof(head), scratch->path, err);
	if (r == HF_OK)
		r = path_write_all(scratch->fd, data, size, scratch->path, err);
	if (r != HF_OK)
		return scratch->broken = r;
	scratch->frames++;
	scratch->written += size;
	scratch->end += (off_t)(sizeof(head) + size);
	return HF_OK;
}

/* ---- open, close ---- */

/* Takes up what is in the file as far as it can be proved. */
static int
take_up(struct hf_scratch *scratch, struct hf_error *err)
{
	uint8_t head[HEAD_SIZE], check[CHECK_SIZE];
	uint32_t note;
	bool good;
	int r = read_at(scratch, 0, head, sizeof(head), &good, err);

	note = get_u32(head + MAGIC_SIZE + 1 + NONCE_SIZE);
	if (r != HF_OK || !good || memcmp(head, MAGIC, MAGIC_SIZE) != 0 || note > HF_SCRATCH_NOTE_MAX)
		return r;
	memcpy(scratch->nonce, head + MAGIC_SIZE + 1, NONCE_SIZE);
	if (buffer_reserve(&scratch->note, note + 1) != HF_OK)
		return buffer_status(&scratch->note, scratch->path, err);
	r = read_at(scratch, HEAD_SIZE, scratch->note.data, note, &good, err);
	if (r == HF_OK && good)
		r = check_of(scratch, 0, scratch->note.data, note, check, err);
	if (r != HF_OK || !good || memcmp(check, head + HEAD_SIZE - CHECK_SIZE, CHECK_SIZE) != 0)
		return r;
	scratch->note.size = note;
	scratch->end = (off_t)(HEAD_SIZE + note);
	for (;;) {
		r = read_frame(scratch, scratch->end, scratch->frames + 1, &good, err);
		if (r != HF_OK || !good)
			break;
		r = hash_update(scratch->content, scratch->frame.data, scratch->frame.size, err);
		scratch->frames++;
		scratch->written += scratch->frame.size;
		scratch->end += (off_t)(FRAME_HEAD + scratch->frame.size);
		if (r != HF_OK)
			return r;
	}
	if (scratch->frames == 0)
		buffer_clear(&scratch->note);
	else
		scratch->has_note = head[MAGIC_SIZE] != 0;
	if (r == HF_OK && scratch->frames > 0 &&
	    (ftruncate(scratch->fd, scratch->end) != 0 || lseek(scratch->fd, scratch->end, SEEK_SET) < 0))
		r = failed(scratch, err);
	return r;
}

static bool
is_name(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++)
		if (i >= NAME_SIZE || strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", name[i]) == NULL)
			return false;
	return i > 0 && name[0] != '.' && name[0] != '-';
}

static void
release(struct hf_scratch *scratch)
{
	if (scratch->fd >= 0)
		(void)close(scratch->fd);
	hash_free(scratch->hash);
	hash_free(scratch->content);
	buffer_release(&scratch->note);
	buffer_release(&scratch->pending);
	buffer_release(&scratch->frame);
	free(scratch->path);
	free(scratch);
}

/* The file's path, in a folder of the instance that is made when it is needed. */
static int
path_of(const struct host *host, const char *name, char **ret, struct hf_error *err)
{
	const char *instance = host_instance(host);
	char part[PATH_COMPONENT_MAX + 1];
	char *folder = NULL;
	int r;

	if (host_scratch(host) == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "there is no job to keep \"%s\" for", name);
	if (!is_name(name))
		return hf_error_set(err, HF_EINVAL, 0, "\"%.100s\" is no name for something to keep", name);
	r = path_encode(instance, strlen(instance), part, err);
	if (r == HF_OK && (folder = path_join(host_scratch(host), part)) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", name);
	if (r == HF_OK)
		r = path_make_directories(folder, err);
	if (r == HF_OK && (*ret = path_join(folder, name)) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", name);
	free(folder);
	return r;
}

static int
scratch_open(void *host_ctx, const char *name, struct hf_scratch **ret, uint64_t *ret_size, struct hf_error *err)
{
	struct hf_scratch *scratch = calloc(1, sizeof(*scratch));
	int r;

	if (scratch == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", name);
	scratch->fd = -1;
	scratch->note.max = HF_SCRATCH_NOTE_MAX + 1;
	scratch->pending.max = scratch->frame.max = FRAME_MAX;
	r = path_of(host_ctx, name, &scratch->path, err);
	if (r == HF_OK)
		r = hash_new(&scratch->hash, err);
	if (r == HF_OK)
		r = hash_new(&scratch->content, err);
	if (r == HF_OK) {
		scratch->fd = open(scratch->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		if (scratch->fd < 0 && errno != ENOENT)
			r = failed(scratch, err);
		else if (scratch->fd >= 0)
			r = take_up(scratch, err);
	}
	if (r != HF_OK) {
		release(scratch);
		return r;
	}
	*ret_size = scratch->written;
	*ret = scratch;
	return HF_OK;
}

static int
flush(struct hf_scratch *scratch, struct hf_error *err)
{
	int r = HF_OK;

	if (scratch->pending.size > 0)
		r = write_frame(scratch, scratch->pending.data, scratch->pending.size, err);
	buffer_clear(&scratch->pending);
	return r;
}

static void
scratch_close(struct hf_scratch *scratch)
{
	if (scratch == NULL)
		return;
	if (scratch->broken == HF_OK)
		(void)flush(scratch, NULL);
	release(scratch);
}

static void
scratch_remove(struct hf_scratch *scratch)
{
	if (scratch == NULL)
		return;
	if (scratch->fd >= 0)
		(void)unlink(scratch->path);
	release(scratch);
}

/* ---- writing ---- */

static int
usable(const struct hf_scratch *scratch, struct hf_error *err)
{
	return scratch->broken == HF_OK ? HF_OK : hf_error_set(err, scratch->broken, 0, "%s: an earlier write failed",
	                                              scratch->path);
}

static int
scratch_append(struct hf_scratch *scratch, const void *data, uint64_t size, struct hf_error *err)
{
	const uint8_t *p = data;
	size_t part;
	int r = usable(scratch, err);

	while (r == HF_OK && size > 0) {
		part = FRAME_MAX - scratch->pending.size;
		if (part > size)
			part = (size_t)size;
		buffer_append(&scratch->pending, p, part);
		r = buffer_status(&scratch->pending, scratch->path, err);
		if (r == HF_OK)
			r = hash_update(scratch->content, p, part, err);
		p += part;
		size -= part;
		/* What fits into memory waits: most is taken away again before it comes to more. */
		if (r == HF_OK && scratch->pending.size == FRAME_MAX)
			r = flush(scratch, err);
	}
	return r;
}

/* Goes back to the end of the frame that the byte at size is in, and keeps the beginning of that one. */
static int
cut(struct hf_scratch *scratch, uint64_t size, struct hf_error *err)
{
	uint64_t at = 0;
	uint32_t frame = 0;
	off_t offset = (off_t)(HEAD_SIZE + scratch->note.size);
	bool good = true;
	int r = HF_OK;

	buffer_clear(&scratch->pending);
	for (; r == HF_OK && frame < scratch->frames; frame++) {
		r = read_frame(scratch, offset, frame + 1, &good, err);
		if (r == HF_OK && !good)
			r = hf_error_set(err, HF_EIO, 0, "%s: does not read back as it was written", scratch->path);
		if (r != HF_OK || at + scratch->frame.size > size)
			break;
		at += scratch->frame.size;
		offset += (off_t)(FRAME_HEAD + scratch->frame.size);
	}
	if (r == HF_OK && at < size) {
		buffer_append(&scratch->pending, scratch->frame.data, (size_t)(size - at));
		r = buffer_status(&scratch->pending, scratch->path, err);
	}
	if (r == HF_OK && (ftruncate(scratch->fd, offset) != 0 || lseek(scratch->fd, offset, SEEK_SET) < 0))
		r = failed(scratch, err);
	if (r != HF_OK)
		return scratch->broken = r;
	scratch->frames = frame;
	scratch->written = at;
	scratch->end = offset;
	return HF_OK;
}

static int
scratch_truncate(struct hf_scratch *scratch, uint64_t size, struct hf_error *err)
{
	int r;

	if (size == 0) {
		/* The next frame writes a new head over all of it. */
		scratch->written = 0;
		scratch->frames = 0;
		scratch->has_note = false;
		scratch->broken = HF_OK;
		scratch->content_stale = false;
		buffer_clear(&scratch->note);
		buffer_clear(&scratch->pending);
		r = hash_reset(scratch->content, err);
		if (r != HF_OK)
			return scratch->broken = r;
		if (scratch->fd >= 0 && ftruncate(scratch->fd, 0) != 0)
			return scratch->broken = failed(scratch, err);
		return HF_OK;
	}
	r = usable(scratch, err);
	if (r == HF_OK && size > scratch->written + scratch->pending.size)
		r = hf_error_set(err, HF_EINVAL, 0, "%s: it has fewer than %llu byte%s", scratch->path,
		    (unsigned long long)size, plural_s(size));
	if (r != HF_OK)
		return r;
	scratch->content_stale = true;
	if (size >= scratch->written) {
		scratch->pending.size = (size_t)(size - scratch->written);
		return HF_OK;
	}
	return cut(scratch, size, err);
}

static int
scratch_set_note(struct hf_scratch *scratch, const void *data, uint64_t size, struct hf_error *err)
{
	if (scratch->frames > 0 || scratch->pending.size > 0)
		return hf_error_set(err, HF_EINVAL, 0, "%s: a note comes before the first byte", scratch->path);
	if (size > HF_SCRATCH_NOTE_MAX)
		return hf_error_set(err, HF_EINVAL, 0, "%s: a note of more than %u bytes", scratch->path,
		    HF_SCRATCH_NOTE_MAX);
	buffer_clear(&scratch->note);
	buffer_append(&scratch->note, data, (size_t)size);
	scratch->has_note = true;
	return buffer_status(&scratch->note, scratch->path, err);
}

static int
scratch_note(struct hf_scratch *scratch, const struct hf_sink *sink, struct hf_error *err)
{
	if (!scratch->has_note)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: without a note", scratch->path);
	return scratch->note.size == 0 ? HF_OK
	                               : sink->write(sink->ctx, scratch->note.data, scratch->note.size, err);
}

/* ---- reading ---- */

static int64_t
reader_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct hf_scratch *scratch = ctx;
	const struct buffer *from = &scratch->frame;
	size_t part;
	bool good;
	int r;

	if (!scratch->read_pending && scratch->frame_at == scratch->frame.size) {
		scratch->frame_at = 0;
		buffer_clear(&scratch->frame);
		if (scratch->next_frame <= scratch->frames) {
			r = read_frame(scratch, scratch->next, scratch->next_frame, &good, err);
			if (r == HF_OK && !good)
				r = hf_error_set(err, HF_EIO, 0, "%s: does not read back as it was written",
				    scratch->path);
			if (r != HF_OK)
				return r;
			scratch->next += (off_t)(FRAME_HEAD + scratch->frame.size);
			scratch->next_frame++;
		} else {
			scratch->read_pending = true;
		}
	}
	if (scratch->read_pending)
		from = &scratch->pending;
	part = from->size - scratch->frame_at;
	if (part > size)
		part = (size_t)size;
	if (part > 0)
		memcpy(data, from->data + scratch->frame_at, part);
	scratch->frame_at += part;
	return (int64_t)part;
}

static int
reader_rewind(void *ctx, struct hf_error *err)
{
	struct hf_scratch *scratch = ctx;

	(void)err;
	buffer_clear(&scratch->frame);
	scratch->frame_at = 0;
	scratch->next = (off_t)(HEAD_SIZE + scratch->note.size);
	scratch->next_frame = 1;
	scratch->read_pending = scratch->frames == 0;
	return HF_OK;
}

static int
scratch_reader(struct hf_scratch *scratch, struct hf_reader *ret, struct hf_error *err)
{
	int r = usable(scratch, err);

	if (r != HF_OK)
		return r;
	(void)reader_rewind(scratch, NULL);
	*ret = (struct hf_reader){(uint32_t)sizeof(*ret), 0, scratch, reader_read, reader_rewind,
	    scratch->written + scratch->pending.size};
	return HF_OK;
}

static int
scratch_sha256(struct hf_scratch *scratch, uint8_t *out, struct hf_error *err)
{
	struct hf_reader reader;
	uint8_t piece[4096];
	int64_t n = 0;
	int r = usable(scratch, err);

	if (r == HF_OK && scratch->content_stale) {
		r = hash_reset(scratch->content, err);
		if (r == HF_OK)
			r = scratch_reader(scratch, &reader, err);
		while (r == HF_OK && (n = reader.read(reader.ctx, piece, sizeof(piece), err)) > 0)
			r = hash_update(scratch->content, piece, (size_t)n, err);
		if (n < 0)
			r = (int)n;
		scratch->content_stale = r != HF_OK;
	}
	return r == HF_OK ? hash_sum(scratch->content, out, err) : r;
}

const struct hf_host_scratch scratch_host_extension = {(uint32_t)sizeof(scratch_host_extension), 0, scratch_open,
    scratch_close, scratch_remove, scratch_append, scratch_truncate, scratch_set_note, scratch_note, scratch_reader,
    scratch_sha256};
