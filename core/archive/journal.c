/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/path.h"

#define SUM_DIGITS  16
#define PENDING_MAX (64u << 20)
#define FILE_MAX    ((size_t)1 << 30)

struct journal {
	char *path;
	int fd;
	int broken; /* HF_OK, or why nothing can be added any more */
	struct hash *hash;
	struct buffer pending;
};

static int
failed(const struct journal *journal, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "%s: %s", journal->path, strerror(errno));
}

/* The checksum that the next line must carry. */
static int
next_sum(struct journal *journal, const char *line, size_t size, char out[SUM_DIGITS + 1], struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	int r = hash_update(journal->hash, line, size, err);

	if (r == HF_OK)
		r = hash_update(journal->hash, "\n", 1, err);
	if (r == HF_OK)
		r = hash_sum(journal->hash, sum, err);
	if (r == HF_OK)
		hex_encode(sum, SUM_DIGITS / 2, out);
	return r;
}

static int
replay(struct journal *journal, const struct buffer *text, journal_fn fn, void *ctx, off_t *ret_end,
    struct hf_error *err)
{
	const char *at = (const char *)text->data, *end = at + text->size, *newline;
	char sum[SUM_DIGITS + 1];
	size_t size;
	int r;

	for (*ret_end = 0; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		if (newline == NULL || newline - at < SUM_DIGITS + 1)
			return HF_OK;
		size = (size_t)(newline - at) - SUM_DIGITS - 1;
		r = next_sum(journal, at + SUM_DIGITS + 1, size, sum, err);
		if (r != HF_OK)
			return r;
		if (memcmp(at, sum, SUM_DIGITS) != 0 || at[SUM_DIGITS] != ' ')
			return HF_OK;
		r = fn(ctx, at + SUM_DIGITS + 1, size, err);
		if (r != HF_OK)
			return r == JOURNAL_DROP ? HF_OK : r;
		*ret_end = (off_t)(newline + 1 - (const char *)text->data);
	}
	return HF_OK;
}

/* The running hash over just the lines that are kept. */
static int
rehash(struct journal *journal, const struct buffer *text, off_t end, struct hf_error *err)
{
	const char *at = (const char *)text->data, *newline;
	int r = hash_reset(journal->hash, err);

	for (; r == HF_OK && at < (const char *)text->data + end; at = newline + 1) {
		newline = memchr(at, '\n', text->size - (size_t)(at - (const char *)text->data));
		r = hash_update(journal->hash, at + SUM_DIGITS + 1, (size_t)(newline - at) - SUM_DIGITS, err);
	}
	return r;
}

/* Makes the entry of a new file durable. */
static int
sync_name(const char *path, struct hf_error *err)
{
	const char *slash = strrchr(path, '/');
	char *directory = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	int r;

	if (directory == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	r = path_sync_directory(directory, err);
	free(directory);
	return r;
}

int
journal_open(const char *path, journal_fn fn, void *ctx, struct journal **ret, struct hf_error *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	struct buffer text = BUFFER_INIT(FILE_MAX);
	off_t end = 0;
	int r;

	if (journal == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	journal->fd = -1;
	journal->pending.max = PENDING_MAX;
	journal->path = strdup(path);
	if (journal->path == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto fail;
	}
	r = hash_new(&journal->hash, err);
	if (r != HF_OK)
		goto fail;
	journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd < 0) {
		r = failed(journal, err);
		goto fail;
	}
	r = path_read(path, FILE_MAX, &text, err);
	if (r == HF_OK && text.size == 0)
		r = sync_name(path, err);
	if (r == HF_OK)
		r = replay(journal, &text, fn, ctx, &end, err);
	if (r == HF_OK)
		r = rehash(journal, &text, end, err);
	if (r == HF_OK && ftruncate(journal->fd, end) != 0)
		r = failed(journal, err);
	if (r != HF_OK)
		goto fail;
	buffer_release(&text);
	*ret = journal;
	return HF_OK;
fail:
	buffer_release(&text);
	journal_close(journal);
	return r;
}

int
journal_add(struct journal *journal, const char *line, size_t size, struct hf_error *err)
{
	char sum[SUM_DIGITS + 1];
	int r;

	if (journal->broken != HF_OK)
		return hf_error_set(err, journal->broken, 0, "%s: an earlier write failed", journal->path);
	if (memchr(line, '\n', size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: a line with a newline in it", journal->path);
	r = next_sum(journal, line, size, sum, err);
	if (r != HF_OK)
		return journal->broken = r;
	buffer_append(&journal->pending, sum, SUM_DIGITS);
	buffer_append_byte(&journal->pending, ' ');
	buffer_append(&journal->pending, line, size);
	buffer_append_byte(&journal->pending, '\n');
	return journal->broken = buffer_status(&journal->pending, journal->path, err);
}

int
journal_sync(struct journal *journal, struct hf_error *err)
{
	int r;

	if (journal->broken != HF_OK)
		return hf_error_set(err, journal->broken, 0, "%s: an earlier write failed", journal->path);
	if (journal->pending.size == 0)
		return HF_OK;
	r = path_write_all(journal->fd, journal->pending.data, journal->pending.size, journal->path, err);
	/* A failed fsync may have dropped the pages: trying again would lie. */
	if (r == HF_OK && fdatasync(journal->fd) != 0)
		r = failed(journal, err);
	buffer_clear(&journal->pending);
	return journal->broken = r;
}

void
journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	if (journal->fd >= 0)
		(void)close(journal->fd);
	hash_free(journal->hash);
	buffer_release(&journal->pending);
	free(journal->path);
	free(journal);
}
