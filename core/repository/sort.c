/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "repository/sort.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/path.h"

/* The least that is read at once from each run while merging. */
#define MERGE_READ_MIN ((size_t)1 << 10)

/* One sorted stretch of the file, and its part of the memory while merging. */
struct run {
	uint64_t at, end; /* bytes of the file not read yet */
	uint8_t *buffer;
	size_t pos, size;
};

struct sorter {
	size_t record_size;
	uint8_t *memory;
	size_t capacity; /* in records */
	size_t count;
	const char *directory;
	int fd; /* -1: all is in memory */
	uint64_t file_size;
	struct run *runs;
	size_t run_count, run_capacity;
	size_t *heap; /* runs by their next record, least first */
	size_t heap_size;
	size_t pos;   /* in memory, without runs */
	bool advance; /* the least run's record was given out */
};

static int
compare_48(const void *a, const void *b)
{
	return memcmp(a, b, 48);
}

static int
compare_80(const void *a, const void *b)
{
	return memcmp(a, b, 80);
}

void
sort_records(uint8_t *records, size_t count, size_t record_size)
{
	qsort(records, count, record_size, record_size == 48 ? compare_48 : compare_80);
}

const char *
sort_directory(const char *directory)
{
	const char *temporary = getenv("TMPDIR");

	if (directory != NULL)
		return directory;
	return temporary != NULL && temporary[0] == '/' ? temporary : "/tmp";
}

int
sort_temporary_file(const char *directory, int *ret_fd, struct hf_error *err)
{
	char *path = path_join(directory, "sort-XXXXXX");
	int fd;

	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", directory);
	fd = mkstemp(path);
	if (fd < 0) {
		(void)hf_error_set(err, errno == ENOSPC ? HF_ENOSPC : HF_EIO, errno, "%s: %s", path, strerror(errno));
		free(path);
		return errno == ENOSPC ? HF_ENOSPC : HF_EIO;
	}
	(void)unlink(path);
	free(path);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret_fd = fd;
	return HF_OK;
}

int
sorter_new(size_t record_size, size_t memory, const char *directory, struct sorter **ret, struct hf_error *err)
{
	struct sorter *sorter = calloc(1, sizeof(*sorter));

	if (sorter != NULL) {
		sorter->record_size = record_size;
		sorter->capacity = memory / record_size;
		sorter->directory = directory;
		sorter->fd = -1;
		sorter->memory = malloc(sorter->capacity * record_size);
	}
	if (sorter == NULL || sorter->memory == NULL) {
		sorter_free(sorter);
		return hf_error_set(err, HF_ENOMEM, 0, "sorting: out of memory");
	}
	*ret = sorter;
	return HF_OK;
}

void
sorter_free(struct sorter *sorter)
{
	if (sorter == NULL)
		return;
	if (sorter->fd >= 0)
		(void)close(sorter->fd);
	free(sorter->memory);
	free(sorter->runs);
	free(sorter->heap);
	free(sorter);
}

/* Sorts what is in memory and writes it behind the runs before. */
static int
spill(struct sorter *sorter, struct hf_error *err)
{
	size_t size = sorter->count * sorter->record_size, capacity;
	struct run *runs;
	int r;

	if (sorter->fd < 0) {
		r = sort_temporary_file(sorter->directory, &sorter->fd, err);
		if (r != HF_OK)
			return r;
	}
	if (sorter->run_count == sorter->run_capacity) {
		capacity = sorter->run_capacity == 0 ? 16 : sorter->run_capacity * 2;
		runs = realloc(sorter->runs, capacity * sizeof(*runs));
		if (runs == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "sorting: out of memory");
		sorter->runs = runs;
		sorter->run_capacity = capacity;
	}
	sort_records(sorter->memory, sorter->count, sorter->record_size);
	r = path_write_all(sorter->fd, sorter->memory, size, sorter->directory, err);
	if (r != HF_OK)
		return r;
	memset(&sorter->runs[sorter->run_count], 0, sizeof(sorter->runs[0]));
	sorter->runs[sorter->run_count].at = sorter->file_size;
	sorter->file_size += size;
	sorter->runs[sorter->run_count++].end = sorter->file_size;
	sorter->count = 0;
	return HF_OK;
}

int
sorter_add(struct sorter *sorter, const uint8_t *record, struct hf_error *err)
{
	int r;

	if (sorter->count == sorter->capacity) {
		r = spill(sorter, err);
		if (r != HF_OK)
			return r;
	}
	memcpy(sorter->memory + sorter->count++ * sorter->record_size, record, sorter->record_size);
	return HF_OK;
}

/* Reads the run's next records; size 0 at its end. */
static int
run_fill(struct sorter *sorter, struct run *run, size_t share, struct hf_error *err)
{
	size_t want = run->end - run->at < share ? (size_t)(run->end - run->at) : share, got = 0;
	ssize_t n;

	while (got < want) {
		n = pread(sorter->fd, run->buffer + got, want - got, (off_t)(run->at + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return hf_error_set(err, HF_EIO, n < 0 ? errno : 0,
			    "sorting: reading back a temporary file in %s failed",
			    sorter->directory);
		got += (size_t)n;
	}
	run->at += want;
	run->pos = 0;
	run->size = want;
	return HF_OK;
}

static const uint8_t *
run_record(const struct sorter *sorter, size_t run)
{
	return sorter->runs[run].buffer + sorter->runs[run].pos;
}

static void
heap_down(struct sorter *sorter, size_t at)
{
	size_t least, child, swap;

	for (;; at = least) {
		least = at;
		for (child = 2 * at + 1; child <= 2 * at + 2 && child < sorter->heap_size; child++) {
			if (memcmp(run_record(sorter, sorter->heap[child]), run_record(sorter, sorter->heap[least]),
			        sorter->record_size) < 0)
				least = child;
		}
		if (least == at)
			return;
		swap = sorter->heap[at];
		sorter->heap[at] = sorter->heap[least];
		sorter->heap[least] = swap;
	}
}

static size_t
share_of(const struct sorter *sorter)
{
	size_t share = sorter->capacity / sorter->run_count * sorter->record_size;

	return share;
}

int
sorter_finish(struct sorter *sorter, struct hf_error *err)
{
	size_t i, share;
	int r;

	if (sorter->run_count == 0) {
		sort_records(sorter->memory, sorter->count, sorter->record_size);
		return HF_OK;
	}
	if (sorter->count > 0) {
		r = spill(sorter, err);
		if (r != HF_OK)
			return r;
	}
	share = share_of(sorter);
	if (share < MERGE_READ_MIN)
		return hf_error_set(err, HF_ERANGE, 0, "sorting: too many records for the memory this may take");
	sorter->heap = malloc(sorter->run_count * sizeof(*sorter->heap));
	if (sorter->heap == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "sorting: out of memory");
	for (i = 0; i < sorter->run_count; i++) {
		sorter->runs[i].buffer = sorter->memory + i * share;
		r = run_fill(sorter, &sorter->runs[i], share, err);
		if (r != HF_OK)
			return r;
		sorter->heap[i] = i;
	}
	sorter->heap_size = sorter->run_count;
	for (i = sorter->heap_size; i-- > 0;)
		heap_down(sorter, i);
	return HF_OK;
}

/* Moves on in the run whose record was given out. */
static int
heap_advance(struct sorter *sorter, struct hf_error *err)
{
	struct run *run = &sorter->runs[sorter->heap[0]];
	int r;

	run->pos += sorter->record_size;
	if (run->pos == run->size) {
		r = run_fill(sorter, run, share_of(sorter), err);
		if (r != HF_OK)
			return r;
		if (run->size == 0)
			sorter->heap[0] = sorter->heap[--sorter->heap_size];
	}
	heap_down(sorter, 0);
	return HF_OK;
}

int
sorter_next(struct sorter *sorter, const uint8_t **ret, struct hf_error *err)
{
	int r;

	if (sorter->run_count == 0) {
		if (sorter->pos == sorter->count)
			return 0;
		*ret = sorter->memory + sorter->pos++ * sorter->record_size;
		return 1;
	}
	if (sorter->advance) {
		sorter->advance = false;
		r = heap_advance(sorter, err);
		if (r != HF_OK)
			return r;
	}
	if (sorter->heap_size == 0)
		return 0;
	*ret = run_record(sorter, sorter->heap[0]);
	sorter->advance = true;
	return 1;
}
