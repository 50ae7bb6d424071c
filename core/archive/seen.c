/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/seen.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/path.h"

#define TABLE_ENTRIES 8192u
#define TABLE_SLOTS   16384u /* a power of two, twice the entries */
#define MAX_RUNS      12u
#define BLOCK_ENTRIES 64u   /* what one look into a run reads */
#define READ_ENTRIES  1024u /* what reading all of one reads at a time */
#define MAX_FENCES    65536u
#define FILTER_BITS   (1u << 23) /* a power of two; for a million ids they let one in forty pass */
#define FILTER_LOOKS  4u

static const char magic[8] = {'h', 'f', 's', 'e', 'e', 'n', '2', '\n'};

/* The head of a saved file; entries follow in order of their ids. */
struct head {
	char magic[8];
	uint8_t tree[HASH_SIZE];
	uint64_t count;
	uint8_t sum[HASH_SIZE]; /* of all entries, then of what stands before it here */
};

/*
 * Entries in order of their ids, each id once, from start in a file.  The beginnings of some ids are
 * kept in memory, so that one look finds any.
 */
struct run {
	const struct seen_entry *memory; /* NULL: it is in the file */
	int fd;
	off_t start;
	uint64_t count;
	uint64_t *fences; /* of the first id of each stride entries */
	size_t fence_count;
	uint64_t stride;
	bool filtered; /* its ids are in the filter */
};

struct seen {
	char *directory;
	struct run runs[MAX_RUNS + 1]; /* older first; the last one for the table while all is written */
	unsigned run_count;
	struct seen_entry *entries; /* the newest, in the order they came */
	unsigned entry_count;
	uint16_t *slots; /* 1 + index into entries; 0: free */
	uint8_t *filter; /* of all ids in runs, so that most that are not there cost no read; NULL: few */
};

static int
failed(const char *what, struct hf_error *err)
{
	int code = errno == ENOSPC || errno == EDQUOT ? HF_ENOSPC : HF_EIO;

	return hf_error_set(err, code, errno, "%s: %s", what, strerror(errno));
}

int
seen_new(const char *directory, struct seen **ret, struct hf_error *err)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (seen != NULL) {
		seen->directory = strdup(directory);
		seen->entries = malloc(TABLE_ENTRIES * sizeof(*seen->entries));
		seen->slots = calloc(TABLE_SLOTS, sizeof(*seen->slots));
	}
	if (seen == NULL || seen->directory == NULL || seen->entries == NULL || seen->slots == NULL) {
		seen_free(seen);
		return hf_error_set(err, HF_ENOMEM, 0, "the list of known records: out of memory");
	}
	*ret = seen;
	return HF_OK;
}

/* Closes the runs from one on. */
static void
close_runs(struct seen *seen, unsigned from)
{
	for (; seen->run_count > from; seen->run_count--) {
		(void)close(seen->runs[seen->run_count - 1].fd);
		free(seen->runs[seen->run_count - 1].fences);
	}
}

void
seen_free(struct seen *seen)
{
	if (seen == NULL)
		return;
	close_runs(seen, 0);
	free(seen->directory);
	free(seen->entries);
	free(seen->slots);
	free(seen->filter);
	free(seen);
}

/* Reads count entries from an index of a run. */
static int
read_entries(const struct run *run, uint64_t from, struct seen_entry *out, size_t count, struct hf_error *err)
{
	size_t size = count * sizeof(*out), done = 0;
	ssize_t n;

	if (run->memory != NULL) {
		memcpy(out, run->memory + from, size);
		return HF_OK;
	}
	while (done < size) {
		n = pread(run->fd, (char *)out + done, size - done,
		    run->start + (off_t)(from * sizeof(*out) + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return failed("the list of known records", err);
		}
		done += (size_t)n;
	}
	return HF_OK;
}

/* The checksum that a file of these entries and this head carries. */
static int
sum_of(struct hash *hash, const struct head *head, uint8_t out[HASH_SIZE], struct hf_error *err)
{
	int r = hash_update(hash, head, offsetof(struct head, sum), err);

	return r == HF_OK ? hash_sum(hash, out, err) : r;
}

/* The first bytes of an id as a number of the same order. */
static uint64_t
prefix_of(const uint8_t id[SEEN_HASH_SIZE])
{
	uint64_t prefix = 0;
	unsigned i;

	for (i = 0; i < 8; i++)
		prefix = prefix << 8 | id[i];
	return prefix;
}

/* The place of the nth bit of an id: ids are hashes, so parts of one are as good as more hashes. */
static uint32_t
filter_bit(const uint8_t id[SEEN_HASH_SIZE], unsigned n)
{
	uint32_t a = (uint32_t)id[8] << 24 | (uint32_t)id[9] << 16 | (uint32_t)id[10] << 8 | id[11];
	uint32_t b = (uint32_t)id[12] << 24 | (uint32_t)id[13] << 16 | (uint32_t)id[14] << 8 | id[15];

	return (a + n * (b | 1)) & (FILTER_BITS - 1);
}

static void
filter_add(uint8_t *filter, const uint8_t id[SEEN_HASH_SIZE])
{
	unsigned n;

	for (n = 0; n < FILTER_LOOKS; n++)
		filter[filter_bit(id, n) / 8] |= (uint8_t)(1u << filter_bit(id, n) % 8);
}

/* False: in no run. */
static bool
filter_has(const uint8_t *filter, const uint8_t id[SEEN_HASH_SIZE])
{
	unsigned n;

	for (n = 0; n < FILTER_LOOKS; n++)
		if ((filter[filter_bit(id, n) / 8] & 1u << filter_bit(id, n) % 8) == 0)
			return false;
	return true;
}

/*
 * Reads all of a run for its fences, which the caller frees; filter gets its ids and hash its bytes (both
 * may be NULL).
 */
static int
index_run(struct run *run, uint8_t *filter, struct hash *hash, struct hf_error *err)
{
	struct seen_entry *block = malloc(READ_ENTRIES * sizeof(*block));
	uint64_t at;
	size_t count, i;
	int r = HF_OK;

	run->filtered = filter != NULL;
	run->stride = BLOCK_ENTRIES;
	while (run->count / run->stride >= MAX_FENCES)
		run->stride *= 2;
	run->fences = malloc((size_t)(run->count / run->stride + 1) * sizeof(*run->fences));
	if (block == NULL || run->fences == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "the list of known records: out of memory");
	for (at = 0; r == HF_OK && at < run->count; at += count) {
		count = run->count - at < READ_ENTRIES ? (size_t)(run->count - at) : READ_ENTRIES;
		r = read_entries(run, at, block, count, err);
		if (r == HF_OK && hash != NULL)
			r = hash_update(hash, block, count * sizeof(*block), err);
		for (i = 0; r == HF_OK && i < count; i++) {
			if ((at + i) % run->stride == 0)
				run->fences[run->fence_count++] = prefix_of(block[i].id);
			if (filter != NULL)
				filter_add(filter, block[i].id);
		}
	}
	free(block);
	return r;
}

/* For more ids than the table holds.  Without memory for it, finding is only slower. */
static void
need_filter(struct seen *seen)
{
	if (seen->filter == NULL)
		seen->filter = calloc(1, FILTER_BITS / 8);
}

/* Adds a run; its descriptor is closed when that fails. */
static int
add_run(struct seen *seen, int fd, uint64_t count, struct hf_error *err)
{
	struct run run = {.fd = fd, .count = count};
	int r;

	need_filter(seen);
	r = index_run(&run, seen->filter, NULL, err);

	if (r != HF_OK) {
		(void)close(fd);
		free(run.fences);
		return r;
	}
	seen->runs[seen->run_count++] = run;
	return HF_OK;
}

/* Whether the file is just what seen_save wrote: it is not synced, so a crash may leave holes in it. */
static bool
is_whole(struct run *run, uint8_t *filter, const struct head *head)
{
	uint8_t sum[HASH_SIZE] = {0};
	struct hash *hash;
	int r;

	if (hash_new(&hash, NULL) != HF_OK)
		return false;
	r = index_run(run, filter, hash, NULL);
	if (r == HF_OK)
		r = sum_of(hash, head, sum, NULL);
	hash_free(hash);
	return r == HF_OK && memcmp(sum, head->sum, HASH_SIZE) == 0;
}

int
seen_load(struct seen *seen, const char *path, const struct repository_id *tree, struct hf_error *err)
{
	struct head head;
	struct run run = {.start = (off_t)sizeof(head)};
	struct stat st;

	run.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (run.fd < 0)
		return hf_error_set(err, HF_ENOTFOUND, errno, "%s: %s", path, strerror(errno));
	if (pread(run.fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    memcmp(head.magic, magic, sizeof(magic)) == 0 && memcmp(head.tree, tree->bytes, HASH_SIZE) == 0 &&
	    fstat(run.fd, &st) == 0 && head.count <= (uint64_t)st.st_size / sizeof(struct seen_entry) &&
	    (uint64_t)st.st_size == sizeof(head) + head.count * sizeof(struct seen_entry)) {
		run.count = head.count;
		if (run.count > TABLE_ENTRIES)
			need_filter(seen);
		if (is_whole(&run, seen->filter, &head)) {
			seen->runs[seen->run_count++] = run;
			return HF_OK;
		}
	}
	(void)close(run.fd);
	free(run.fences);
	return hf_error_set(err, HF_ENOTFOUND, 0, "%s: damaged, or of another snapshot", path);
}

/* The first fence that is not below the prefix or, past: that is above it. */
static size_t
find_fence(const struct run *run, uint64_t prefix, bool past)
{
	size_t low = 0, high = run->fence_count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (run->fences[middle] < prefix || (past && run->fences[middle] == prefix))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
find_in_run(const struct run *run, const uint8_t id[SEEN_HASH_SIZE], struct seen_entry *ret, bool *ret_found,
    struct hf_error *err)
{
	struct seen_entry block[BLOCK_ENTRIES];
	size_t from = find_fence(run, prefix_of(id), false), to = find_fence(run, prefix_of(id), true), count, i;
	uint64_t low = from > 0 ? (from - 1) * run->stride : 0, at;
	uint64_t high = to < run->fence_count ? to * run->stride : run->count;
	int r, order;

	*ret_found = false;
	while (low < high) {
		at = high - low <= BLOCK_ENTRIES ? low : low + (high - low - BLOCK_ENTRIES) / 2;
		count = high - at < BLOCK_ENTRIES ? (size_t)(high - at) : BLOCK_ENTRIES;
		r = read_entries(run, at, block, count, err);
		if (r != HF_OK)
			return r;
		if (memcmp(id, block[0].id, SEEN_HASH_SIZE) < 0) {
			high = at;
			continue;
		}
		if (memcmp(id, block[count - 1].id, SEEN_HASH_SIZE) > 0) {
			low = at + count;
			continue;
		}
		for (i = 0; i < count; i++) {
			order = memcmp(id, block[i].id, SEEN_HASH_SIZE);
			if (order == 0) {
				*ret = block[i];
				*ret_found = true;
			}
			if (order <= 0)
				return HF_OK;
		}
		return HF_OK;
	}
	return HF_OK;
}

/* The slot of an id in the table, or the free one where it would go. */
static unsigned
slot_of(const struct seen *seen, const uint8_t id[SEEN_HASH_SIZE])
{
	unsigned slot = ((unsigned)id[4] | (unsigned)id[5] << 8) & (TABLE_SLOTS - 1);

	while (seen->slots[slot] != 0 &&
	    memcmp(seen->entries[seen->slots[slot] - 1].id, id, SEEN_HASH_SIZE) != 0)
		slot = (slot + 1) & (TABLE_SLOTS - 1);
	return slot;
}

int
seen_find(struct seen *seen, const uint8_t id[SEEN_HASH_SIZE], struct seen_entry *ret, bool *ret_found,
    struct hf_error *err)
{
	unsigned slot = slot_of(seen, id), i;
	bool maybe = seen->filter == NULL || filter_has(seen->filter, id);
	int r = HF_OK;

	*ret_found = seen->slots[slot] != 0;
	if (*ret_found) {
		*ret = seen->entries[seen->slots[slot] - 1];
		return HF_OK;
	}
	for (i = seen->run_count; r == HF_OK && !*ret_found && i > 0; i--)
		if (maybe || !seen->runs[i - 1].filtered)
			r = find_in_run(&seen->runs[i - 1], id, ret, ret_found, err);
	return r;
}

/* A buffered writer of entries. */
struct entry_writer {
	int fd;
	struct hash *hash; /* of all entries; NULL: not wanted */
	struct seen_entry block[1024];
	size_t count;
	uint64_t written;
};

static int
writer_flush(struct entry_writer *writer, struct hf_error *err)
{
	int r = path_write_all(writer->fd, writer->block, writer->count * sizeof(writer->block[0]),
	    "the list of known records", err);

	if (r == HF_OK && writer->hash != NULL)
		r = hash_update(writer->hash, writer->block, writer->count * sizeof(writer->block[0]), err);
	writer->written += writer->count;
	writer->count = 0;
	return r;
}

static int
writer_put(struct entry_writer *writer, const struct seen_entry *entry, struct hf_error *err)
{
	writer->block[writer->count++] = *entry;
	return writer->count < sizeof(writer->block) / sizeof(writer->block[0]) ? HF_OK : writer_flush(writer, err);
}

/* A buffered reader of a run. */
struct cursor {
	struct seen_entry block[64];
	uint64_t next; /* of the run, to be read */
	size_t at, count;
};

/* The entry a cursor stands at, or NULL at the end of its run. */
static int
cursor_peek(struct cursor *cursor, const struct run *run, const struct seen_entry **ret, struct hf_error *err)
{
	int r;

	if (cursor->at == cursor->count) {
		cursor->count = run->count - cursor->next < 64 ? (size_t)(run->count - cursor->next) : 64;
		cursor->at = 0;
		if (cursor->count == 0) {
			*ret = NULL;
			return HF_OK;
		}
		r = read_entries(run, cursor->next, cursor->block, cursor->count, err);
		if (r != HF_OK)
			return r;
		cursor->next += cursor->count;
	}
	*ret = &cursor->block[cursor->at];
	return HF_OK;
}

/* Writes the runs from one on as one; of an id in several the newest run's entry stays. */
static int
merge_runs(const struct seen *seen, unsigned from, struct entry_writer *writer, struct hf_error *err)
{
	struct cursor *cursors = calloc(MAX_RUNS + 1, sizeof(*cursors));
	const struct seen_entry *heads[MAX_RUNS + 1], *least;
	struct seen_entry chosen;
	unsigned i;
	int r = HF_OK;

	if (cursors == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the list of known records: out of memory");
	for (;;) {
		least = NULL;
		for (i = from; r == HF_OK && i < seen->run_count; i++) {
			r = cursor_peek(&cursors[i], &seen->runs[i], &heads[i], err);
			if (r == HF_OK && heads[i] != NULL &&
			    (least == NULL || memcmp(heads[i]->id, least->id, SEEN_HASH_SIZE) <= 0))
				least = heads[i];
		}
		if (r != HF_OK || least == NULL)
			break;
		chosen = *least;
		r = writer_put(writer, &chosen, err);
		if (r != HF_OK)
			break;
		for (i = from; i < seen->run_count; i++)
			if (heads[i] != NULL && memcmp(heads[i]->id, chosen.id, SEEN_HASH_SIZE) == 0)
				cursors[i].at++;
	}
	free(cursors);
	return r == HF_OK ? writer_flush(writer, err) : r;
}

/* A file that is gone when it is closed. */
static int
temporary_file(const struct seen *seen, int *ret_fd, struct hf_error *err)
{
	char *path = path_join(seen->directory, "seen-XXXXXX");
	int fd;

	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the list of known records: out of memory");
	fd = mkstemp(path);
	if (fd < 0) {
		free(path);
		return failed("a temporary file", err);
	}
	(void)unlink(path);
	free(path);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret_fd = fd;
	return HF_OK;
}

/* Makes one run of those from one on. */
static int
compact(struct seen *seen, unsigned from, struct hf_error *err)
{
	struct entry_writer *writer = calloc(1, sizeof(*writer));
	int r;

	if (writer == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the list of known records: out of memory");
	r = temporary_file(seen, &writer->fd, err);
	if (r == HF_OK) {
		r = merge_runs(seen, from, writer, err);
		if (r == HF_OK) {
			close_runs(seen, from);
			r = add_run(seen, writer->fd, writer->written, err);
		} else {
			(void)close(writer->fd);
		}
	}
	free(writer);
	return r;
}

/* Makes room for another run out of the newest ones, and of older ones that are no longer than those. */
static int
make_room(struct seen *seen, struct hf_error *err)
{
	unsigned from = seen->run_count - 2;
	uint64_t count = seen->runs[from].count + seen->runs[from + 1].count;

	for (; from > 0 && seen->runs[from - 1].count <= count; from--)
		count += seen->runs[from - 1].count;
	return compact(seen, from, err);
}

static int
compare_entries(const void *a, const void *b)
{
	return memcmp(((const struct seen_entry *)a)->id, ((const struct seen_entry *)b)->id, SEEN_HASH_SIZE);
}

/* Turns the table into the newest run. */
static int
spill(struct seen *seen, struct hf_error *err)
{
	int fd, r;

	if (seen->entry_count == 0)
		return HF_OK;
	if (seen->run_count == MAX_RUNS) {
		r = make_room(seen, err);
		if (r != HF_OK)
			return r;
	}
	r = temporary_file(seen, &fd, err);
	if (r != HF_OK)
		return r;
	qsort(seen->entries, seen->entry_count, sizeof(*seen->entries), compare_entries);
	r = path_write_all(fd, seen->entries, seen->entry_count * sizeof(*seen->entries),
	    "the list of known records", err);
	if (r != HF_OK) {
		(void)close(fd);
		return r;
	}
	r = add_run(seen, fd, seen->entry_count, err);
	if (r != HF_OK)
		return r;
	seen->entry_count = 0;
	memset(seen->slots, 0, TABLE_SLOTS * sizeof(*seen->slots));
	return HF_OK;
}

static void
fill_slots(struct seen *seen)
{
	unsigned i;

	memset(seen->slots, 0, TABLE_SLOTS * sizeof(*seen->slots));
	for (i = 0; i < seen->entry_count; i++)
		seen->slots[slot_of(seen, seen->entries[i].id)] = (uint16_t)(i + 1);
}

int
seen_settle(struct seen *seen, struct hf_error *err)
{
	int r = HF_OK;

	if (seen->run_count > 0)
		r = spill(seen, err);
	return r == HF_OK && seen->run_count > 1 ? compact(seen, 0, err) : r;
}

int
seen_add(struct seen *seen, const struct seen_entry *entry, struct hf_error *err)
{
	unsigned slot = slot_of(seen, entry->id);
	int r;

	if (seen->slots[slot] != 0) {
		seen->entries[seen->slots[slot] - 1] = *entry;
		return HF_OK;
	}
	if (seen->entry_count == TABLE_ENTRIES) {
		r = spill(seen, err);
		if (r != HF_OK)
			return r;
		slot = slot_of(seen, entry->id);
	}
	seen->entries[seen->entry_count++] = *entry;
	seen->slots[slot] = (uint16_t)seen->entry_count;
	return HF_OK;
}

/* Merges the table with the runs, as the newest of them, without giving it a file. */
static int
merge_all(struct seen *seen, struct entry_writer *writer, struct hf_error *err)
{
	int r;

	qsort(seen->entries, seen->entry_count, sizeof(*seen->entries), compare_entries);
	seen->runs[seen->run_count++] = (struct run){.memory = seen->entries, .fd = -1, .count = seen->entry_count};
	r = merge_runs(seen, 0, writer, err);
	seen->run_count--;
	/* The slots know their old places. */
	fill_slots(seen);
	return r;
}

/* Writes the whole list to an open file. */
static int
write_list(struct seen *seen, struct entry_writer *writer, const struct repository_id *tree, const char *path,
    struct hf_error *err)
{
	struct head head;
	int r = HF_OK;

	memset(&head, 0, sizeof(head));
	if (r == HF_OK)
		r = path_write_all(writer->fd, &head, sizeof(head), path, err);
	if (r == HF_OK)
		r = merge_all(seen, writer, err);
	if (r != HF_OK)
		return r;
	memcpy(head.magic, magic, sizeof(magic));
	memcpy(head.tree, tree->bytes, HASH_SIZE);
	head.count = writer->written;
	r = sum_of(writer->hash, &head, head.sum, err);
	if (r == HF_OK && pwrite(writer->fd, &head, sizeof(head), 0) != (ssize_t)sizeof(head))
		r = failed(path, err);
	return r;
}

int
seen_save(struct seen *seen, const char *path, const struct repository_id *tree, struct hf_error *err)
{
	struct entry_writer *writer = calloc(1, sizeof(*writer));
	size_t size = strlen(path) + 5;
	char *temporary = malloc(size);
	int r = HF_OK;

	if (temporary == NULL || writer == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
		goto out;
	}
	r = hash_new(&writer->hash, err);
	if (r != HF_OK)
		goto out;
	(void)snprintf(temporary, size, "%s.new", path);
	writer->fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (writer->fd < 0) {
		r = failed(temporary, err);
		goto out;
	}
	r = write_list(seen, writer, tree, temporary, err);
	if (close(writer->fd) != 0 && r == HF_OK)
		r = failed(temporary, err);
	if (r == HF_OK && rename(temporary, path) != 0)
		r = failed(path, err);
	if (r != HF_OK)
		(void)unlink(temporary);
out:
	if (writer != NULL)
		hash_free(writer->hash);
	free(temporary);
	free(writer);
	return r;
}
