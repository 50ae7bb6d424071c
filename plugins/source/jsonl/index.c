/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"
#include "lines.h"
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
index_init(struct index *index, const struct hf_host_json *json, const char *path)
{
	memset(index, 0, sizeof(*index));
	index->json = json;
	index->path = path;
	index->fd = -1;
}

void
index_release(struct index *index)
{
	if (index->fd >= 0)
		(void)close(index->fd);
	free(index->entries);
	free(index->held);
	free(index->line);
	free(index->id);
	index_init(index, index->json, index->path);
}

/* FNV-1a; what it takes for equal is compared. */
static uint64_t
hash_of(const char *data, size_t size)
{
	uint64_t hash = 14695981039346656037ull;
	size_t i;

	for (i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)data[i]) * 1099511628211ull;
	return hash;
}

static int
compare(const void *a, const void *b)
{
	const struct index_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* The id in a line as UTF-8, good until the next call. */
static int
id_of(struct index *index, const char *line, size_t size, const char **ret_id, size_t *ret_size,
    struct hf_error *err)
{
	struct hf_participant any;
	int r = record_participant(index->json, line, size, &any, err);

	if (r != HF_OK)
		return r;
	*ret_id = record_utf8(index->json, &any.id, &index->id, &index->id_capacity, ret_size);
	return *ret_id != NULL ? HF_OK : hf_error_set(err, HF_ENOMEM, 0, "out of memory");
}

static int
add(struct index *index, uint64_t hash, uint64_t offset, struct hf_error *err)
{
	struct index_entry *entries;
	size_t capacity;

	if (index->count == INDEX_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "more than %u lines; the others are not used", INDEX_MAX);
	if (index->count == index->capacity) {
		capacity = index->capacity == 0 ? 256 : index->capacity + index->capacity / 2;
		entries = realloc(index->entries, capacity * sizeof(*entries));
		if (entries == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", index->path);
		index->entries = entries;
		index->capacity = capacity;
	}
	index->entries[index->count].hash = hash;
	index->entries[index->count++].offset = offset;
	return HF_OK;
}

static bool
blank(const char *line, size_t size)
{
	while (size > 0 && (*line == ' ' || *line == '\t' || *line == '\r'))
		line++, size--;
	return size == 0;
}

static int
add_line(struct index *index, struct lines *lines, const char *line, size_t size, struct hf_error *err)
{
	const char *id;
	size_t id_size;
	int r = id_of(index, line, size, &id, &id_size, err);

	return r == HF_OK ? add(index, hash_of(id, id_size), lines->offset, err) : r;
}

static int
add_lines(struct index *index, struct lines *lines, index_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *line;
	size_t size;
	int r, added;

	while ((r = lines_next(lines, &line, &size, err)) > 0) {
		added = HF_OK;
		if (r == LINES_LONG)
			added = hf_error_set(&why, HF_ERANGE, 0, "longer than %u MiB", LINES_MAX >> 20);
		else if (!blank(line, size))
			added = add_line(index, lines, line, size, &why);
		if (added == HF_ENOMEM)
			return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", index->path);
		if (added != HF_OK) {
			r = broken(ctx, lines->number, &why, err);
			if (r != HF_OK)
				return r;
		}
		if (index->count == INDEX_MAX)
			return HF_OK;
	}
	return r;
}

/*
 * Keeps a small file in memory, for each line is asked for again and again.  Where that does not succeed,
 * lines are read from the file.
 */
static void
hold(struct index *index)
{
	size_t size = (size_t)index->state.st_size;
	ssize_t n;

	if (index->state.st_size <= 0 || index->state.st_size > INDEX_HELD_MAX)
		return;
	index->held = malloc(size);
	if (index->held == NULL)
		return;
	n = pread(index->fd, index->held, size, 0);
	if (n == (ssize_t)size) {
		index->held_size = size;
		return;
	}
	free(index->held);
	index->held = NULL;
}

int
index_load(struct index *index, int fd, index_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct lines lines;
	int copy, r;

	index_release(index);
	if (fd < 0)
		return HF_OK;
	index->fd = fd;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0 || fstat(fd, &index->state) != 0) {
		r = hf_error_set(err, HF_EIO, errno, "%s: %s", index->path, strerror(errno));
		if (copy >= 0)
			(void)close(copy);
		return r;
	}
	r = lines_open(&lines, copy, index->path, 0, 0, err);
	if (r == HF_OK) {
		r = add_lines(index, &lines, broken, ctx, err);
		lines_close(&lines);
	}
	if (r != HF_OK) {
		index_release(index);
		return r;
	}
	hold(index);
	if (index->count > 0)
		qsort(index->entries, index->count, sizeof(index->entries[0]), compare);
	return HF_OK;
}

/* The same as read_line's, of a file that is held. */
static int
held_line(const struct index *index, uint64_t offset, const char **ret_line, size_t *ret_size)
{
	const char *newline;

	/* What was appended since is not held. */
	if (index->held == NULL || offset >= index->held_size)
		return 0;
	*ret_line = index->held + offset;
	newline = memchr(*ret_line, '\n', index->held_size - (size_t)offset);
	if (newline == NULL)
		return 0;
	*ret_size = (size_t)(newline - *ret_line);
	return 1;
}

/* Reads the line at offset; 0 when there is none any more. */
static int
read_line(struct index *index, uint64_t offset, size_t *ret_size, struct hf_error *err)
{
	size_t have = 0, want;
	char *newline = NULL, *grown;
	ssize_t n = 1;

	while (newline == NULL && n > 0) {
		if (have == index->line_capacity) {
			want = index->line_capacity == 0 ? 4096 : index->line_capacity * 2;
			if (want > 2 * LINES_MAX)
				return 0;
			grown = realloc(index->line, want);
			if (grown == NULL)
				return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", index->path);
			index->line = grown;
			index->line_capacity = want;
		}
		/* Most lines are short: a small piece first. */
		want = index->line_capacity - have;
		n = pread(index->fd, index->line + have, want > have + 1024 ? have + 1024 : want,
		    (off_t)(offset + have));
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			return hf_error_set(err, HF_EIO, errno, "%s: %s", index->path, strerror(errno));
		newline = n > 0 ? memchr(index->line + have, '\n', (size_t)n) : NULL;
		have += (size_t)n;
	}
	*ret_size = newline != NULL ? (size_t)(newline - index->line) : have;
	return 1;
}

/* One past the last entry of a hash that is not larger. */
static size_t
upper_bound(const struct index *index, uint64_t hash)
{
	size_t low = 0, high = index->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (index->entries[middle].hash <= hash)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int
index_find(struct index *index, const char *id, size_t size, const char **ret_line, size_t *ret_size,
    uint64_t *ret_offset, struct hf_error *err)
{
	uint64_t hash = hash_of(id, size);
	size_t at = upper_bound(index, hash), line_size = 0, found_size;
	const char *found, *line;
	int r;

	for (; at > 0 && index->entries[at - 1].hash == hash; at--) {
		r = held_line(index, index->entries[at - 1].offset, &line, &line_size);
		if (r == 0) {
			r = read_line(index, index->entries[at - 1].offset, &line_size, err);
			line = index->line;
		}
		if (r < 0)
			return r;
		if (r == 0 || id_of(index, line, line_size, &found, &found_size, NULL) != HF_OK)
			continue;
		if (found_size == size && memcmp(found, id, size) == 0) {
			*ret_line = line;
			*ret_size = line_size;
			*ret_offset = index->entries[at - 1].offset;
			return 1;
		}
	}
	return 0;
}
