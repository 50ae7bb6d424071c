/* SPDX-License-Identifier: BSD-2-Clause */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
lines_open(struct lines *lines, int fd, const char *path, uint64_t offset, uint64_t number,
    struct hf_error *err)
{
	memset(lines, 0, sizeof(*lines));
	lines->path = path;
	lines->fd = fd;
	lines->base = offset;
	lines->number = number;
	lines->capacity = LINES_SIZE;
	lines->data = malloc(lines->capacity);
	if (lines->data == NULL) {
		lines_close(lines);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	}
	if (offset > 0 && lseek(fd, (off_t)offset, SEEK_SET) < 0) {
		int saved = errno;

		lines_close(lines);
		return hf_error_set(err, HF_EIO, saved, "%s: %s", path, strerror(saved));
	}
	return HF_OK;
}

void
lines_close(struct lines *lines)
{
	if (lines->fd >= 0)
		(void)close(lines->fd);
	free(lines->data);
	lines->fd = -1;
	lines->data = NULL;
}

uint64_t
lines_tell(const struct lines *lines)
{
	return lines->base + lines->start;
}

static void
shift(struct lines *lines)
{
	if (lines->start == 0)
		return;
	memmove(lines->data, lines->data + lines->start, lines->end - lines->start);
	lines->base += lines->start;
	lines->end -= lines->start;
	lines->start = 0;
}

static int
resize(struct lines *lines, size_t capacity, struct hf_error *err)
{
	char *data = realloc(lines->data, capacity);

	if (data == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory for a line of %zu bytes",
		    lines->path, lines->end);
	lines->data = data;
	lines->capacity = capacity;
	return HF_OK;
}

/* Reads more behind what is there; the caller has made room. */
static int
fill(struct lines *lines, struct hf_error *err)
{
	size_t room = lines->capacity - lines->end;
	ssize_t n;

	do
		n = read(lines->fd, lines->data + lines->end, room < LINES_SIZE ? room : LINES_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", lines->path, strerror(errno));
	lines->last = n == 0;
	if (lines->base == 0 && lines->end == 0 && n >= 3 && memcmp(lines->data, "\xef\xbb\xbf", 3) == 0)
		lines->start = lines->offset = 3;
	lines->end += (size_t)n;
	return HF_OK;
}

/* Drops everything up to the next newline. */
static int
pass_long(struct lines *lines, struct hf_error *err)
{
	char *newline = NULL;
	int r;

	while (newline == NULL && !lines->last) {
		lines->base += lines->end;
		lines->end = lines->start = 0;
		r = fill(lines, err);
		if (r != HF_OK)
			return r;
		newline = memchr(lines->data, '\n', lines->end);
	}
	lines->open_end = newline == NULL;
	lines->start = newline == NULL ? lines->end : (size_t)(newline + 1 - lines->data);
	return LINES_LONG;
}

static int
hand_out(struct lines *lines, size_t size, bool newline, const char **ret_line, size_t *ret_size)
{
	*ret_line = lines->data + lines->start;
	*ret_size = size;
	lines->start += size + newline;
	lines->open_end = !newline;
	return LINES_ONE;
}

int
lines_next(struct lines *lines, const char **ret_line, size_t *ret_size, struct hf_error *err)
{
	size_t looked = 0;
	char *newline;
	int r;

	lines->offset = lines_tell(lines);
	lines->number++;
	for (;;) {
		newline = memchr(lines->data + lines->start + looked, '\n', lines->end - lines->start - looked);
		if (newline != NULL)
			return hand_out(lines, (size_t)(newline - (lines->data + lines->start)), true, ret_line,
			    ret_size);
		if (lines->last) {
			if (lines->start < lines->end)
				return hand_out(lines, lines->end - lines->start, false, ret_line, ret_size);
			lines->number--;
			return 0;
		}
		looked = lines->end - lines->start;
		if (looked >= LINES_MAX)
			return pass_long(lines, err);
		shift(lines);
		/* A long line's memory goes back once it is over. */
		r = HF_OK;
		if (lines->end == lines->capacity)
			r = resize(lines, lines->capacity * 2, err);
		else if (lines->capacity > 4 * LINES_SIZE && lines->end < LINES_SIZE)
			r = resize(lines, LINES_SIZE, err);
		if (r == HF_OK)
			r = fill(lines, err);
		if (r != HF_OK)
			return r;
	}
}
