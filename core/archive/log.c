/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/firsts.h"
#include "archive/overlay.h"
#include "archive/previous.h"
#include "archive/seen.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/plural.h"

#define FILE_MAX_BYTES (LOG_FILE_BYTES + LOG_LINE_BYTES + 1) /* of a log file that is read again */
#define PENDING_MAX    (2 * FILE_MAX_BYTES)
#define TREE_MAX       (64u << 20)
#define NAME_SIZE      32

/* Beyond these, a doubtful line is taken for a change. */
#define DOUBTS_MAX       1024u
#define DOUBTS_MAX_BYTES (4u << 20)

/* A file of the previous snapshot. */
struct log_file {
	uint64_t size;
	int64_t mtime_ns;
	size_t content_at; /* index of its first id in ids */
	size_t content_count;
};

/* A line that is not in a file yet. */
struct pending {
	size_t end; /* in lines, past its newline */
	int64_t time_ns;
	uint8_t id[SEEN_HASH_SIZE];
	uint8_t content[SEEN_HASH_SIZE];
	uint8_t before[SEEN_HASH_SIZE]; /* the content that this one takes the place of */
	bool has_before;
};

/*
 * A line whose state the log held before a newer one.  A source that tells a record's whole history does so
 * each time it is read; only if the newest state does not follow was the record changed back.
 */
struct doubt {
	uint8_t id[SEEN_HASH_SIZE];
	uint8_t content[SEEN_HASH_SIZE];
	char *data;
	uint64_t size;
	int64_t time_ns;
};

struct log {
	struct log_place place;
	struct log_file *files;
	size_t file_count, file_capacity;
	struct buffer ids;
	size_t kept;         /* files that stay as they are */
	size_t next;         /* how many files there are with those of this run */
	bool absorbed;       /* the end of the old log was looked at */
	int broken;          /* HF_OK, or why nothing more can be done with it */
	struct hash *hash;   /* for lines */
	struct firsts *firsts; /* the ids of a new log */
	uint64_t asked_print;  /* of the record asked for, in a new log */
	size_t asked_pending;  /* 1 + the pending line that is the newest of the record asked for; 0: none */
	struct seen *seen;   /* NULL: there was no log before, so every line is new */
	bool seen_made;      /* it was filled from the log */
	struct buffer lines; /* pending ones */
	struct pending *pending;
	size_t pending_count, pending_capacity;
	struct changes changes;
	uint8_t asked_id[SEEN_HASH_SIZE], asked_content[SEEN_HASH_SIZE];
	struct seen_entry asked; /* where the record asked for last lies */
	bool asked_found;
	bool asked_changed;      /* asked_before holds the content it is to take the place of */
	uint8_t asked_before[SEEN_HASH_SIZE];
	bool asked_doubt;        /* its state is an older one */
	struct doubt *doubts;    /* in the order they came */
	size_t doubt_count;
	size_t doubt_bytes;
	struct buffer read;      /* the old file read last */
	size_t read_number;      /* its number; 0: none */
	size_t read_new;         /* or the number of the new file in there; 0: none */
	uint64_t appended;
	int64_t newest_ns;
};

static int
no_memory(struct hf_error *err)
{
	return hf_error_set(err, HF_ENOMEM, 0, "the log: out of memory");
}

static int
add_file(void *ctx, const struct node *node, struct hf_error *err)
{
	struct log *log = ctx;
	char name[NAME_SIZE];
	struct log_file *files;
	size_t capacity;

	(void)snprintf(name, sizeof(name), "%06zu.jsonl", log->file_count + 1);
	if (node->type != NODE_FILE || node->name_size != strlen(name) ||
	    memcmp(node->name, name, node->name_size) != 0)
		return hf_error_set(err, HF_ECORRUPT, 0,
		    "the previous snapshot's log has \"%.*s\" where \"%s\" should be", (int)node->name_size,
		    node->name, name);
	if (log->file_count == log->file_capacity) {
		capacity = log->file_capacity == 0 ? 8 : log->file_capacity * 2;
		files = realloc(log->files, capacity * sizeof(*files));
		if (files == NULL)
			return no_memory(err);
		log->files = files;
		log->file_capacity = capacity;
	}
	log->files[log->file_count++] = (struct log_file){node->size, node->mtime_ns,
	    log->ids.size / HASH_SIZE, node->content_count};
	buffer_append(&log->ids, node->content, node->content_count * HASH_SIZE);
	return buffer_status(&log->ids, "the log's files", err);
}

/* Reads an old file, by its number, into log->read. */
static int
read_file(struct log *log, size_t number, struct hf_error *err)
{
	const struct log_file *file = &log->files[number - 1];
	struct repository_id id;
	size_t i;
	int r;

	if (log->read_number == number)
		return HF_OK;
	log->read_number = log->read_new = 0;
	buffer_clear(&log->read);
	for (i = 0; i < file->content_count; i++) {
		memcpy(id.bytes, log->ids.data + (file->content_at + i) * HASH_SIZE, HASH_SIZE);
		r = previous_load(log->place.repository, BLOB_DATA, &id, &log->read, err);
		if (r != HF_OK)
			return r;
	}
	if (log->read.size != file->size || log->read.size == 0 || log->read.data[log->read.size - 1] != '\n')
		return hf_error_set(err, HF_ECORRUPT, 0,
		    "file %06zu.jsonl of the previous snapshot's log is not whole", number);
	log->read_number = number;
	return HF_OK;
}

static const char line_head[] = "{\"op\":\"", line_middle[] = "\",\"id\":\"";

#define LINE_HEAD   (sizeof(line_head) - 1)
#define LINE_MIDDLE (sizeof(line_middle) - 1)

/* Finds "op" and "id" in a line that a log holds. */
static int
parse_line(const char *data, size_t size, struct hf_line *ret)
{
	size_t at = LINE_HEAD;

	if (size < at || memcmp(data, line_head, at) != 0)
		return HF_ECORRUPT;
	while (at < size && data[at] >= 'a' && data[at] <= 'z')
		at++;
	if (size - at < LINE_MIDDLE || memcmp(data + at, line_middle, LINE_MIDDLE) != 0)
		return HF_ECORRUPT;
	ret->data = data;
	ret->size = size;
	ret->rest_offset = at + 2;
	at += LINE_MIDDLE;
	ret->id_offset = at;
	while (at < size && data[at] != '"')
		at += data[at] == '\\' ? 2 : 1;
	if (at >= size)
		return HF_ECORRUPT;
	ret->id_size = at - ret->id_offset;
	ret->time_ns = 0;
	return HF_OK;
}

/* Whether a string of size bytes at data, without its quotes, ends where size says; data has size + 1 bytes. */
static bool
id_ends(const char *data, size_t size)
{
	const char *end = data + size, *p = bytes_find_quote(data, end);

	while (p < end && *p == '\\')
		p = end - p < 2 ? end + 1 : bytes_find_quote(p + 2, end);
	return p == end && *p == '"';
}

/* Whether parse_line finds in a line what it tells of itself. */
static bool
line_is_told(const struct hf_line *line)
{
	const char *data = line->data;
	size_t size = (size_t)line->size, op_end, at;

	if (line->rest_offset < LINE_HEAD + 2 || line->rest_offset > size ||
	    line->id_offset != line->rest_offset - 2 + LINE_MIDDLE || line->id_offset > size ||
	    line->id_size >= size - line->id_offset)
		return false;
	op_end = (size_t)line->rest_offset - 2;
	if (memcmp(data, line_head, LINE_HEAD) != 0 || memcmp(data + op_end, line_middle, LINE_MIDDLE) != 0)
		return false;
	for (at = LINE_HEAD; at < op_end; at++)
		if (data[at] < 'a' || data[at] > 'z')
			return false;
	return id_ends(data + line->id_offset, (size_t)line->id_size);
}

static int
hash_line(const struct log *log, const struct hf_line *line, uint8_t id[SEEN_HASH_SIZE],
    uint8_t content[SEEN_HASH_SIZE], struct hf_error *err)
{
	uint8_t sum[HASH_SIZE];
	int r = hash_again(log->hash, line->data + line->id_offset, line->id_size, sum, err);

	if (r != HF_OK)
		return r;
	memcpy(id, sum, SEEN_HASH_SIZE);
	r = hash_again(log->hash, line->data + line->rest_offset, line->size - line->rest_offset, sum, err);
	if (r == HF_OK)
		memcpy(content, sum, SEEN_HASH_SIZE);
	return r;
}

/*
 * A line of the old log.  One that is no record, by whoever wrote it there, is kept all the same: it
 * is its own id.
 */
static void
old_line(const char *data, size_t size, struct hf_line *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (parse_line(data, size, ret) == HF_OK)
		return;
	ret->data = data;
	ret->size = ret->id_size = size;
	ret->id_offset = ret->rest_offset = 0;
}

/* Whether a line can be found again once it is in a log. */
static int
check_line(const struct hf_line *line, struct hf_error *err)
{
	if (line->size > LOG_LINE_BYTES)
		return hf_error_set(err, HF_ERANGE, 0, "a record of %llu bytes: at most %u are kept",
		    (unsigned long long)line->size, LOG_LINE_BYTES);
	if (!line_is_told(line) || line->data[line->size - 1] != '}')
		return hf_error_set(err, HF_EINVAL, 0,
		    "a record's line does not begin with {\"op\":\"...\",\"id\":\"...\"");
	return HF_OK;
}

/* Calls for each line of the old file in log->read. */
typedef int (*line_fn)(struct log *log, const struct hf_line *line, size_t number, struct hf_error *err);

static int
each_line(struct log *log, size_t number, line_fn fn, struct hf_error *err)
{
	const char *data = (const char *)log->read.data, *end = data + log->read.size, *at, *newline;
	struct hf_line line;
	int r;

	for (at = data; at < end; at = newline + 1) {
		newline = memchr(at, '\n', (size_t)(end - at));
		old_line(at, (size_t)(newline - at), &line);
		r = fn(log, &line, number, err);
		if (r != HF_OK)
			return r;
	}
	return HF_OK;
}

/* What an older state of a record is listed as: both are hashes, so is this. */
static void
older_state(const uint8_t id[SEEN_HASH_SIZE], const uint8_t content[SEEN_HASH_SIZE], struct seen_entry *ret)
{
	size_t i;

	memset(ret, 0, sizeof(*ret));
	for (i = 0; i < SEEN_HASH_SIZE; i++)
		ret->id[i] = id[i] ^ content[i];
}

static int
remember_older(struct log *log, const uint8_t id[SEEN_HASH_SIZE], const uint8_t content[SEEN_HASH_SIZE],
    struct hf_error *err)
{
	struct seen_entry entry;

	older_state(id, content, &entry);
	return seen_add(log->seen, &entry, err);
}

static int
remember_line(struct log *log, const struct hf_line *line, size_t number, struct hf_error *err)
{
	struct seen_entry entry, before;
	bool found = false;
	int r = hash_line(log, line, entry.id, entry.content, err);

	if (r == HF_OK)
		r = seen_find(log->seen, entry.id, &before, &found, err);
	if (r == HF_OK && found && memcmp(before.content, entry.content, SEEN_HASH_SIZE) != 0)
		r = remember_older(log, entry.id, before.content, err);
	entry.file = (uint32_t)number;
	entry.offset = (uint32_t)(line->data - (const char *)log->read.data);
	return r == HF_OK ? seen_add(log->seen, &entry, err) : r;
}

/* Whether the repository has all that the log's files consist of. */
static bool
has_all(struct log *log)
{
	struct repository_id id;
	size_t at;

	for (at = 0; at < log->ids.size; at += HASH_SIZE) {
		memcpy(id.bytes, log->ids.data + at, HASH_SIZE);
		if (!repository_has_blob(log->place.repository, BLOB_DATA, &id))
			return false;
	}
	return true;
}

/* Fills the list of known records from the log itself. */
static int
remember_all(struct log *log, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	size_t number, lost = 0;
	int r = HF_OK;

	for (number = 1; r == HF_OK && number <= log->file_count; number++) {
		r = read_file(log, number, &why);
		if (r == HF_OK) {
			r = each_line(log, number, remember_line, &why);
		} else if (r == HF_ECORRUPT) {
			lost++;
			r = HF_OK;
		}
	}
	if (r != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	if (lost > 0)
		log_message(HF_LOG_WARNING,
		    "%s: %zu of %zu file%s of the previous snapshot cannot be read (%s): what the source still has "
		    "of %s is written again", log->place.path, lost, log->file_count, plural_s(log->file_count),
		    why.msg, plural(lost, "it", "them"));
	log->seen_made = true;
	return seen_settle(log->seen, err);
}

/* Knows what the log holds: from the cache, or from the log itself. */
static int
open_seen(struct log *log, struct hf_error *err)
{
	int r = hash_new(&log->hash, err);

	if (r == HF_OK)
		r = seen_new(log->place.directory, &log->seen, err);
	if (r != HF_OK || log->file_count == 0) {
		log->seen_made = true;
		return r;
	}
	/* The cache would call known what is lost. */
	if (has_all(log) && seen_load(log->seen, log->place.seen_path, log->place.before, NULL) == HF_OK)
		return HF_OK;
	return remember_all(log, err);
}

int
log_open(const struct log_place *place, struct log **ret, struct hf_error *err)
{
	struct log *log = calloc(1, sizeof(*log));
	struct buffer tree = BUFFER_INIT(TREE_MAX);
	int r = HF_OK;

	if (log == NULL)
		return no_memory(err);
	log->place = *place;
	log->ids.max = TREE_MAX;
	log->lines.max = PENDING_MAX;
	log->read.max = FILE_MAX_BYTES;
	log->newest_ns = HF_NO_TIME;
	if (place->before != NULL) {
		r = previous_load(place->repository, BLOB_TREE, place->before, &tree, err);
		if (r == HF_OK)
			r = tree_walk(tree.data, tree.size, add_file, log, err);
		buffer_release(&tree);
	}
	log->kept = log->next = log->file_count;
	if (r == HF_OK && (log->file_count > 0 || place->exact))
		r = open_seen(log, err);
	if (r != HF_OK)
		log_free(log);
	else
		*ret = log;
	return r;
}

/* Takes a doubt out of the list; its line is freed. */
static void
drop_doubt(struct log *log, size_t i)
{
	log->doubt_bytes -= (size_t)log->doubts[i].size;
	free(log->doubts[i].data);
	log->doubt_count--;
	memmove(log->doubts + i, log->doubts + i + 1, (log->doubt_count - i) * sizeof(*log->doubts));
}

void
log_free(struct log *log)
{
	if (log == NULL)
		return;
	while (log->doubt_count > 0)
		drop_doubt(log, log->doubt_count - 1);
	free(log->doubts);
	free(log->files);
	buffer_release(&log->ids);
	seen_free(log->seen);
	firsts_free(log->firsts);
	hash_free(log->hash);
	buffer_release(&log->lines);
	free(log->pending);
	changes_release(&log->changes);
	buffer_release(&log->read);
	free(log);
}

/* Whether the record asked for is among the pending lines, the newest of which counts. */
static const struct pending *
find_pending(const struct log *log)
{
	size_t i;

	for (i = log->pending_count; i > 0; i--)
		if (memcmp(log->pending[i - 1].id, log->asked_id, SEEN_HASH_SIZE) == 0)
			return &log->pending[i - 1];
	return NULL;
}

/* The log's own state is not whole any more: whoever goes on after a failure only fails again. */
static int
spoil(struct log *log, int r)
{
	if (r != HF_OK)
		log->broken = r;
	return r;
}

static int
check_whole(const struct log *log, struct hf_error *err)
{
	return log->broken == HF_OK ? HF_OK : hf_error_set(err, log->broken, 0, "the log: an earlier step failed");
}

/* The newest content that the log has of the record asked for goes to log->asked_before. */
static int
find_newest(struct log *log, bool *ret_found, struct hf_error *err)
{
	const struct pending *pending = find_pending(log);
	int r;

	if (pending != NULL) {
		memcpy(log->asked_before, pending->content, SEEN_HASH_SIZE);
		log->asked_pending = (size_t)(pending - log->pending) + 1;
		*ret_found = true;
		return HF_OK;
	}
	r = seen_find(log->seen, log->asked_id, &log->asked, &log->asked_found, err);
	if (r == HF_OK && log->asked_found)
		memcpy(log->asked_before, log->asked.content, SEEN_HASH_SIZE);
	*ret_found = log->asked_found;
	return r;
}

/* Where a pending line lies. */
static const char *
pending_line(const struct log *log, size_t i, size_t *ret_size)
{
	size_t start = i == 0 ? 0 : log->pending[i - 1].end;

	*ret_size = log->pending[i].end - 1 - start;
	return (const char *)log->lines.data + start;
}

/*
 * What a new log knows of a record.  One that comes again behind more lines than are kept counts as changed,
 * whatever it is now: two equal records are better than none.
 */
static int
known_in_new(struct log *log, const struct hf_line *line, struct hf_error *err)
{
	struct hf_line before;
	const char *data;
	size_t i, size;

	if (line->size > LOG_LINE_BYTES || line->rest_offset > line->size || line->id_offset > line->size ||
	    line->id_size > line->size - line->id_offset)
		return check_line(line, err);
	if (log->firsts == NULL && (log->firsts = firsts_new()) == NULL)
		return no_memory(err);
	log->asked_print = firsts_print(log->firsts, line->data + line->id_offset, (size_t)line->id_size);
	if (!firsts_has(log->firsts, log->asked_print))
		return HF_KNOWN_NEW;
	for (i = log->pending_count; i > 0; i--) {
		data = pending_line(log, i - 1, &size);
		old_line(data, size, &before);
		if (before.id_size != line->id_size ||
		    memcmp(data + before.id_offset, line->data + line->id_offset, (size_t)line->id_size) != 0)
			continue;
		if (size - before.rest_offset == line->size - line->rest_offset &&
		    memcmp(data + before.rest_offset, line->data + line->rest_offset,
		        (size_t)(line->size - line->rest_offset)) == 0)
			return HF_KNOWN_UNCHANGED;
		log->asked_pending = i;
		break;
	}
	return HF_KNOWN_CHANGED;
}

int
log_known(struct log *log, const struct hf_line *line, struct hf_error *err)
{
	struct seen_entry older;
	bool found = false;
	size_t i;
	int r = check_whole(log, err);

	log->asked_found = log->asked_changed = log->asked_doubt = false;
	log->asked_pending = 0;
	if (r != HF_OK)
		return r;
	/* Nothing is looked at, so log_append alone checks the line. */
	if (log->seen == NULL)
		return known_in_new(log, line, err);
	r = check_line(line, err);
	if (r != HF_OK)
		return r;
	r = hash_line(log, line, log->asked_id, log->asked_content, err);
	if (r != HF_OK)
		return r;
	for (i = 0; i < log->doubt_count; i++) {
		if (memcmp(log->doubts[i].id, log->asked_id, SEEN_HASH_SIZE) == 0) {
			/* What follows is newer than it, whatever that is. */
			drop_doubt(log, i);
			break;
		}
	}
	r = find_newest(log, &found, err);
	if (r != HF_OK)
		return r;
	if (!found)
		return HF_KNOWN_NEW;
	if (memcmp(log->asked_before, log->asked_content, SEEN_HASH_SIZE) == 0)
		return HF_KNOWN_UNCHANGED;
	log->asked_changed = true;
	older_state(log->asked_id, log->asked_content, &older);
	r = seen_find(log->seen, older.id, &older, &log->asked_doubt, err);
	return r == HF_OK ? HF_KNOWN_CHANGED : r;
}

static int
write_pending(const struct log *log, size_t i, const struct hf_sink *sink, struct hf_error *err)
{
	size_t size;
	const char *data = pending_line(log, i, &size);

	return sink->write(sink->ctx, data, size, err);
}

/* The same for a file that this run has written. */
static int
read_new_file(struct log *log, size_t number, struct hf_error *err)
{
	struct repository_id id;
	char name[NAME_SIZE];
	size_t i, at;
	int r = HF_OK;

	if (log->read_new == number)
		return HF_OK;
	log->read_number = log->read_new = 0;
	buffer_clear(&log->read);
	(void)snprintf(name, sizeof(name), "%06zu.jsonl", number);
	for (i = log->changes.count; i > 0 && strcmp(log->changes.list[i - 1].path, name) != 0; i--)
		;
	if (i == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: no file %s was written", log->place.path, name);
	for (at = 0; r == HF_OK && at < log->changes.list[i - 1].content_count; at++) {
		memcpy(id.bytes, log->changes.list[i - 1].content + at * HASH_SIZE, HASH_SIZE);
		r = repository_writer_load_blob(log->place.writer, BLOB_DATA, &id, &log->read, err);
		if (r == HF_ENOTFOUND)
			r = previous_load(log->place.repository, BLOB_DATA, &id, &log->read, err);
	}
	log->read_new = r == HF_OK ? number : 0;
	return r;
}

int
log_before(struct log *log, const struct hf_sink *sink, struct hf_error *err)
{
	const char *at, *newline;
	int r;

	if (log->asked_pending > 0)
		return write_pending(log, log->asked_pending - 1, sink, err);
	if (!log->asked_found || log->asked.file == 0)
		return hf_error_set(err, HF_ENOTFOUND, 0, "the record was written by this run");
	if (log->asked.file > log->kept)
		r = read_new_file(log, log->asked.file, err);
	else
		r = read_file(log, log->asked.file, err);
	if (r == HF_ECORRUPT)
		return hf_error_set(err, HF_ENOTFOUND, 0, "%s: the record's newest line is lost", log->place.path);
	if (r != HF_OK)
		return r;
	if (log->asked.offset >= log->read.size)
		return hf_error_set(err, HF_ECORRUPT, 0, "the list of known records is damaged");
	at = (const char *)log->read.data + log->asked.offset;
	newline = memchr(at, '\n', log->read.size - log->asked.offset);
	return sink->write(sink->ctx, at, (uint64_t)(newline - at), err);
}

static int
reserve_pending(struct log *log, size_t more, struct hf_error *err)
{
	struct pending *pending;
	size_t capacity = log->pending_capacity;

	while (capacity < log->pending_count + more)
		capacity = capacity == 0 ? 64 : capacity * 2;
	if (capacity == log->pending_capacity)
		return HF_OK;
	pending = realloc(log->pending, capacity * sizeof(*pending));
	if (pending == NULL)
		return no_memory(err);
	log->pending = pending;
	log->pending_capacity = capacity;
	return HF_OK;
}

static unsigned
floor_log2(size_t n)
{
	unsigned result = 0;

	for (; n > 1; n /= 2)
		result++;
	return result;
}

static size_t
count_lines(const struct buffer *buffer)
{
	size_t i, count = 0;

	for (i = 0; i < buffer->size; i++)
		count += buffer->data[i] == '\n';
	return count;
}

/* Puts the old file in log->read, of count lines, before the pending ones. */
static int
prepend(struct log *log, size_t number, size_t count, struct hf_error *err)
{
	const struct log_file *file = &log->files[number - 1];
	size_t size = log->read.size, i, at = 0;
	const char *newline;
	struct hf_line line;
	struct pending *entry;
	int r = reserve_pending(log, count, err);

	if (r != HF_OK)
		return r;
	if (buffer_reserve(&log->lines, size) != HF_OK)
		return buffer_status(&log->lines, "the log's new lines", err);
	memmove(log->lines.data + size, log->lines.data, log->lines.size);
	memcpy(log->lines.data, log->read.data, size);
	log->lines.size += size;
	memmove(log->pending + count, log->pending, log->pending_count * sizeof(*log->pending));
	for (i = count; i < count + log->pending_count; i++)
		log->pending[i].end += size;
	log->pending_count += count;
	for (i = 0; i < count; i++) {
		entry = &log->pending[i];
		newline = memchr(log->lines.data + at, '\n', size - at);
		old_line((const char *)log->lines.data + at,
		    (size_t)(newline - ((const char *)log->lines.data + at)), &line);
		r = hash_line(log, &line, entry->id, entry->content, err);
		if (r != HF_OK)
			return r;
		at += (size_t)line.size + 1;
		entry->end = at;
		entry->time_ns = file->mtime_ns;
		entry->has_before = false;
	}
	return HF_OK;
}

/* Takes small files at the end of the old log into the pending lines, as the geometric rule says. */
static int
absorb(struct log *log, struct hf_error *err)
{
	size_t count;
	int r;

	for (log->absorbed = true; log->kept > 0; log->kept--, log->next--) {
		if (log->files[log->kept - 1].size >= LOG_FILE_BYTES)
			return HF_OK;
		r = read_file(log, log->kept, err);
		if (r != HF_OK)
			return r == HF_ECORRUPT ? HF_OK : r;
		count = count_lines(&log->read);
		if (count >= LOG_FILE_LINES || floor_log2(count) > floor_log2(log->pending_count))
			return HF_OK;
		r = prepend(log, log->kept, count, err);
		if (r != HF_OK)
			return r;
	}
	return HF_OK;
}

/* How many of the pending lines make the next file. */
static size_t
lines_of_file(const struct log *log)
{
	size_t count = 0;

	while (count < log->pending_count && count < LOG_FILE_LINES &&
	    (count == 0 || log->pending[count - 1].end < LOG_FILE_BYTES))
		count++;
	return count;
}

/* Saves the first lines as a file. */
static int
flush_file(struct log *log, struct hf_error *err)
{
	struct buffer ids = BUFFER_INIT(TREE_MAX);
	size_t count = lines_of_file(log), size = log->pending[count - 1].end, i, start = 0;
	int64_t mtime_ns = log->pending[0].time_ns;
	struct seen_entry entry;
	char name[NAME_SIZE];
	int r;

	r = repository_save_content(log->place.writer, log->lines.data, size, &ids, err);
	if (r != HF_OK)
		goto out;
	log->next++;
	for (i = 0; i < count; i++) {
		if (log->pending[i].time_ns > mtime_ns)
			mtime_ns = log->pending[i].time_ns;
		if (log->seen != NULL) {
			memcpy(entry.id, log->pending[i].id, SEEN_HASH_SIZE);
			memcpy(entry.content, log->pending[i].content, SEEN_HASH_SIZE);
			entry.file = (uint32_t)log->next;
			entry.offset = (uint32_t)start;
			r = seen_add(log->seen, &entry, err);
			if (r == HF_OK && log->pending[i].has_before)
				r = remember_older(log, log->pending[i].id, log->pending[i].before, err);
			if (r != HF_OK)
				goto out;
		}
		start = log->pending[i].end;
	}
	(void)snprintf(name, sizeof(name), "%06zu.jsonl", log->next);
	r = changes_add_file(&log->changes, name, size, ids.data, ids.size / HASH_SIZE,
	    mtime_ns == HF_NO_TIME ? 0 : mtime_ns, err);
	memmove(log->lines.data, log->lines.data + size, log->lines.size - size);
	log->lines.size -= size;
	memmove(log->pending, log->pending + count, (log->pending_count - count) * sizeof(*log->pending));
	log->pending_count -= count;
	for (i = 0; i < log->pending_count; i++)
		log->pending[i].end -= size;
out:
	buffer_release(&ids);
	return r;
}

/* Puts a checked line among the pending ones. */
static int
add_pending(struct log *log, const struct hf_line *line, struct hf_error *err)
{
	struct pending *entry;
	int r = reserve_pending(log, 1, err);

	if (r != HF_OK)
		return r;
	buffer_append(&log->lines, line->data, (size_t)line->size);
	buffer_append_byte(&log->lines, '\n');
	r = buffer_status(&log->lines, "the log's new lines", err);
	if (r != HF_OK)
		return r;
	entry = &log->pending[log->pending_count++];
	entry->end = log->lines.size;
	entry->time_ns = line->time_ns;
	memcpy(entry->id, log->asked_id, SEEN_HASH_SIZE);
	memcpy(entry->content, log->asked_content, SEEN_HASH_SIZE);
	entry->has_before = log->asked_changed;
	memcpy(entry->before, log->asked_before, SEEN_HASH_SIZE);
	log->appended++;
	if (line->time_ns > log->newest_ns)
		log->newest_ns = line->time_ns;
	return HF_OK;
}

static int
add_doubt(struct log *log, const struct hf_line *line, struct hf_error *err)
{
	struct doubt *doubt;

	if (log->doubts == NULL && (log->doubts = calloc(DOUBTS_MAX, sizeof(*log->doubts))) == NULL)
		return no_memory(err);
	doubt = &log->doubts[log->doubt_count];
	doubt->data = malloc((size_t)line->size);
	if (doubt->data == NULL)
		return no_memory(err);
	memcpy(doubt->data, line->data, (size_t)line->size);
	memcpy(doubt->id, log->asked_id, SEEN_HASH_SIZE);
	memcpy(doubt->content, log->asked_content, SEEN_HASH_SIZE);
	doubt->size = line->size;
	doubt->time_ns = line->time_ns;
	log->doubt_bytes += (size_t)line->size;
	log->doubt_count++;
	return HF_OK;
}

/* Saves as many whole files as the pending lines make. */
static int
flush_full(struct log *log, struct hf_error *err)
{
	int r = HF_OK;

	while (r == HF_OK && (log->pending_count >= LOG_FILE_LINES || log->lines.size >= LOG_FILE_BYTES)) {
		r = log->absorbed ? HF_OK : absorb(log, err);
		if (r == HF_OK)
			r = flush_file(log, err);
	}
	return r;
}

int
log_append(struct log *log, const struct hf_line *line, struct hf_error *err)
{
	int r = check_whole(log, err);

	if (r == HF_OK)
		r = check_line(line, err);
	if (r != HF_OK)
		return r;
	if (memchr(line->data, '\n', (size_t)line->size) != NULL)
		return hf_error_set(err, HF_EINVAL, 0, "a record's line holds a newline");
	log->asked_pending = 0;
	if (log->firsts != NULL)
		firsts_add(log->firsts, log->asked_print);
	if (log->asked_doubt && log->doubt_count < DOUBTS_MAX &&
	    log->doubt_bytes + line->size <= DOUBTS_MAX_BYTES)
		return spoil(log, add_doubt(log, line, err));
	r = add_pending(log, line, err);
	return spoil(log, r == HF_OK ? flush_full(log, err) : r);
}

/* No newer state followed: the records are back in an older one, which is their newest now. */
static int
settle_doubts(struct log *log, struct hf_error *err)
{
	struct hf_line line;
	bool found;
	int r = HF_OK;

	memset(&line, 0, sizeof(line));
	while (r == HF_OK && log->doubt_count > 0) {
		line.data = log->doubts[0].data;
		line.size = log->doubts[0].size;
		line.time_ns = log->doubts[0].time_ns;
		memcpy(log->asked_id, log->doubts[0].id, SEEN_HASH_SIZE);
		memcpy(log->asked_content, log->doubts[0].content, SEEN_HASH_SIZE);
		r = find_newest(log, &found, err);
		log->asked_changed = found;
		if (r == HF_OK)
			r = add_pending(log, &line, err);
		drop_doubt(log, 0);
		if (r == HF_OK)
			r = flush_full(log, err);
	}
	return r;
}

/* Writes what is left, and takes away the files that this run merged into others. */
static int
settle(struct log *log, struct hf_error *err)
{
	size_t number;
	char name[NAME_SIZE];
	int r = settle_doubts(log, err);

	if (r == HF_OK && log->pending_count > 0 && !log->absorbed)
		r = absorb(log, err);
	while (r == HF_OK && log->pending_count > 0)
		r = flush_file(log, err);
	for (number = log->next + 1; r == HF_OK && number <= log->file_count; number++) {
		(void)snprintf(name, sizeof(name), "%06zu.jsonl", number);
		r = changes_add_removal(&log->changes, name, err);
	}
	return spoil(log, r);
}

int
log_finish(struct log *log, struct log_result *ret, struct hf_error *err)
{
	struct log_result result;
	int r = check_whole(log, err);

	if (r == HF_OK)
		r = settle(log, err);
	memset(&result, 0, sizeof(result));
	result.newest_ns = log->newest_ns;
	result.appended = log->appended;
	if (r != HF_OK)
		return r;
	result.changed = log->changes.count > 0;
	if (result.changed)
		r = overlay_save(log->place.repository, log->place.writer, log->place.before, &log->changes,
		    &result.tree, &result.mtime_ns, err);
	else if (log->place.before != NULL)
		result.tree = *log->place.before;
	if (r != HF_OK)
		return spoil(log, r);
	/* Without the list the next run reads the log instead. */
	if (log->seen != NULL && (result.changed || log->seen_made))
		(void)seen_save(log->seen, log->place.seen_path, &result.tree, NULL);
	*ret = result;
	return HF_OK;
}
