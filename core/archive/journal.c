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
#define READ_SIZE   65536u
#define PENDING_MAX (64u << 20)
#define FLUSH_SIZE  (1u << 20)

struct journal {
	char *path;
	int fd;
	int broken; /* HF_OK, or why nothing can be added any more */
	struct hash *hash;
	uint8_t chain[HASH_SIZE]; /* the hash of the last line after that of the line before it */
	struct buffer pending;
	bool unsynced; /* written lines wait for the disk */
};

static int
failed(const struct journal *journal, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "%s: %s", journal->path, strerror(errno));
}

/* The hash of all lines when this one is the next. */
static int
next_chain(struct journal *journal, const char *line, size_t size, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	int r = hash_reset(journal->hash, err);

	if (r == HF_OK)
		r = hash_update(journal->hash, journal->chain, HASH_SIZE, err);
	if (r == HF_OK)
		r = hash_update(journal->hash, line, size, err);
	return r == HF_OK ? hash_sum(journal->hash, out, err) : r;
}

/* Hands on a line of the file, without its newline; JOURNAL_DROP when it is damaged. */
static int
take_line(struct journal *journal, const char *text, size_t size, journal_fn fn, void *ctx, struct hf_error *err)
{
	uint8_t chain[HASH_SIZE];
	char sum[2 * HASH_SIZE + 1];
	int r;

	if (size < SUM_DIGITS + 1 || text[SUM_DIGITS] != ' ')
		return JOURNAL_DROP;
	r = next_chain(journal, text + SUM_DIGITS + 1, size - SUM_DIGITS - 1, chain, err);
	if (r != HF_OK)
		return r;
	hex_encode(chain, HASH_SIZE, sum);
	if (memcmp(text, sum, SUM_DIGITS) != 0)
		return JOURNAL_DROP;
	r = fn(ctx, text + SUM_DIGITS + 1, size - SUM_DIGITS - 1, err);
	if (r == HF_OK)
		memcpy(journal->chain, chain, HASH_SIZE);
	return r;
}

/* Takes the whole lines in a piece of the file, and leaves the beginning of the next. */
static int
take_lines(struct journal *journal, struct buffer *text, journal_fn fn, void *ctx, off_t *end, struct hf_error *err)
{
	const char *at = (const char *)text->data, *newline;
	size_t left = text->size;
	int r = HF_OK;

	while (r == HF_OK && (newline = memchr(at, '\n', left)) != NULL) {
		r = take_line(journal, at, (size_t)(newline - at), fn, ctx, err);
		if (r != HF_OK)
			return r;
		*end += newline + 1 - at;
		left -= (size_t)(newline + 1 - at);
		at = newline + 1;
	}
	memmove(text->data, at, left);
	text->size = left;
	return left > JOURNAL_LINE_MAX + SUM_DIGITS + 1 ? JOURNAL_DROP : HF_OK;
}

/* Reads the file from its start; *ret_end: where the last line taken ends. */
static int
replay(struct journal *journal, journal_fn fn, void *ctx, off_t *ret_end, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(JOURNAL_LINE_MAX + 2 * READ_SIZE);
	ssize_t n;
	int r = HF_OK;

	for (*ret_end = 0; r == HF_OK;) {
		if (buffer_reserve(&text, READ_SIZE) != HF_OK) {
			r = buffer_status(&text, journal->path, err);
			break;
		}
		n = read(journal->fd, text.data + text.size, READ_SIZE);
		if (n == 0)
			break;
		if (n > 0) {
			text.size += (size_t)n;
			r = take_lines(journal, &text, fn, ctx, ret_end, err);
		} else if (errno != EINTR) {
			r = failed(journal, err);
		}
	}
	buffer_release(&text);
	return r == JOURNAL_DROP ? HF_OK : r;
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

static int
open_file(struct journal *journal, journal_fn fn, void *ctx, struct hf_error *err)
{
	off_t end;
	int r = hash_new(&journal->hash, err);

	if (r != HF_OK)
		return r;
	journal->fd = open(journal->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (journal->fd < 0)
		return failed(journal, err);
	r = replay(journal, fn, ctx, &end, err);
	if (r == HF_OK && ftruncate(journal->fd, end) != 0)
		r = failed(journal, err);
	if (r == HF_OK && end == 0)
		r = sync_name(journal->path, err);
	return r;
}

int
journal_open(const char *path, journal_fn fn, void *ctx, struct journal **ret, struct hf_error *err)
{
	struct journal *journal = calloc(1, sizeof(*journal));
	int r;

	if (journal == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	journal->fd = -1;
	journal->pending.max = PENDING_MAX;
	journal->path = strdup(path);
	if (journal->path == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	else
		r = open_file(journal, fn, ctx, err);
	if (r != HF_OK)
		journal_close(journal);
	else
		*ret = journal;
	return r;
}

int
journal_read(const char *path, journal_fn fn, void *ctx, struct hf_error *err)
{
	struct journal journal = {.fd = open(path, O_RDONLY | O_CLOEXEC), .path = strdup(path)};
	off_t end;
	int r = HF_OK;

	if (journal.fd < 0)
		r = hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno, "%s: %s", path, strerror(errno));
	else if (journal.path == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	else
		r = hash_new(&journal.hash, err);
	if (r == HF_OK)
		r = replay(&journal, fn, ctx, &end, err);
	if (journal.fd >= 0)
		(void)close(journal.fd);
	hash_free(journal.hash);
	free(journal.path);
	return r;
}

int
journal_add(struct journal *journal, const char *line, size_t size, struct hf_error *err)
{
	char sum[2 * HASH_SIZE + 1];
	int r;

	if (journal->broken != HF_OK)
		return hf_error_set(err, journal->broken, 0, "%s: an earlier write failed", journal->path);
	if (size > JOURNAL_LINE_MAX || memchr(line, '\n', size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "%s: a line with a newline in it, or longer than %u bytes",
		    journal->path, JOURNAL_LINE_MAX);
	r = next_chain(journal, line, size, journal->chain, err);
	if (r != HF_OK)
		return journal->broken = r;
	hex_encode(journal->chain, HASH_SIZE, sum);
	buffer_append(&journal->pending, sum, SUM_DIGITS);
	buffer_append_byte(&journal->pending, ' ');
	buffer_append(&journal->pending, line, size);
	buffer_append_byte(&journal->pending, '\n');
	return journal->broken = buffer_status(&journal->pending, journal->path, err);
}

static int
write_pending(struct journal *journal, struct hf_error *err)
{
	int r;

	if (journal->broken != HF_OK)
		return hf_error_set(err, journal->broken, 0, "%s: an earlier write failed", journal->path);
	if (journal->pending.size == 0)
		return HF_OK;
	r = path_write_all(journal->fd, journal->pending.data, journal->pending.size, journal->path, err);
	buffer_clear(&journal->pending);
	journal->unsynced = true;
	return journal->broken = r;
}

int
journal_flush(struct journal *journal, struct hf_error *err)
{
	return journal->pending.size < FLUSH_SIZE ? HF_OK : write_pending(journal, err);
}

int
journal_sync(struct journal *journal, struct hf_error *err)
{
	int r = write_pending(journal, err);

	if (r != HF_OK || !journal->unsynced)
		return r;
	/* A failed fsync may have dropped the pages: trying again would lie. */
	if (fdatasync(journal->fd) != 0)
		r = failed(journal, err);
	journal->unsynced = false;
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
