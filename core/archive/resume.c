/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "archive/resume.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "archive/journal.h"
#include "base/json.h"
#include "base/path.h"

#define CURSOR_MAX (1u << 20)
#define HEAD_MAX   16384u

/* What a line of the journal tells, by its first byte; the rest follows at once. */
#define TELLS_HEAD       'H'
#define TELLS_FILE       'F' /* JSON: path, size, mtime, ids */
#define TELLS_LOG        'O' /* the path of the log that is opened */
#define TELLS_LINE       'L' /* numbers of a struct hf_line, a space after each, and its bytes */
#define TELLS_CHECKPOINT 'C' /* JSON: cursor, note */

struct resume {
	char *path;
	struct buffer head;
	struct journal *journal; /* NULL: nothing was noted yet */
	struct buffer line;      /* being made */
	struct buffer cursor, note;
	bool used, off;
	/* While it is read. */
	const struct resume_target *target;
	size_t at, last; /* lines; last: that of the last checkpoint */
	int failed;
};

int
resume_new(const char *directory, const char *head, struct resume **ret, struct hf_error *err)
{
	struct resume *resume = calloc(1, sizeof(*resume));

	if (resume == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the unit's journal: out of memory");
	resume->head.max = HEAD_MAX;
	resume->line.max = JOURNAL_LINE_MAX;
	resume->cursor.max = CURSOR_MAX;
	resume->note.max = JOURNAL_LINE_MAX;
	buffer_append_byte(&resume->head, TELLS_HEAD);
	buffer_append_string(&resume->head, head);
	resume->path = path_join(directory, "unit.journal");
	if (resume->path == NULL || buffer_status(&resume->head, "the unit's journal", NULL) != HF_OK) {
		resume_free(resume);
		return hf_error_set(err, HF_ENOMEM, 0, "the unit's journal: out of memory");
	}
	*ret = resume;
	return HF_OK;
}

void
resume_free(struct resume *resume)
{
	if (resume == NULL)
		return;
	journal_close(resume->journal);
	buffer_release(&resume->head);
	buffer_release(&resume->line);
	buffer_release(&resume->cursor);
	buffer_release(&resume->note);
	free(resume->path);
	free(resume);
}

const struct buffer *
resume_cursor(const struct resume *resume)
{
	return &resume->cursor;
}

const char *
resume_note(const struct resume *resume)
{
	return (const char *)resume->note.data;
}

bool
resume_is_used(const struct resume *resume)
{
	return resume->used;
}

/* ---- reading ---- */

static int
corrupt(struct hf_error *err)
{
	return hf_error_set(err, HF_ECORRUPT, 0, "the unit's journal cannot be understood");
}

/* Finds the last checkpoint. */
static int
scan_line(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	struct resume *resume = ctx;

	(void)err;
	if (resume->at == 0 && (size != resume->head.size || memcmp(line, resume->head.data, size) != 0))
		return JOURNAL_DROP;
	resume->at++;
	if (size > 0 && line[0] == TELLS_CHECKPOINT)
		resume->last = resume->at;
	return HF_OK;
}

static int
take_file(struct resume *resume, const char *text, size_t size, struct hf_error *err)
{
	struct change change = {.type = CHANGE_FILE};
	struct json_object *object = NULL;
	const char *path = NULL, *hex = NULL;
	uint8_t *content = NULL;
	int64_t file_size = 0;
	size_t digits = 0;
	int r = json_parse(text, size, "the unit's journal", &object, err);

	if (r == HF_OK)
		r = json_get_string(object, "path", "the unit's journal", &path, err);
	if (r == HF_OK)
		r = json_get_int64(object, "size", "the unit's journal", &file_size, err);
	if (r == HF_OK)
		r = json_get_int64(object, "mtime", "the unit's journal", &change.mtime_ns, err);
	if (r == HF_OK)
		r = json_get_string(object, "ids", "the unit's journal", &hex, err);
	if (r == HF_OK && ((digits = strlen(hex)) % (2 * (size_t)HASH_SIZE) != 0 || file_size < 0))
		r = corrupt(err);
	if (r == HF_OK && (content = malloc(digits / 2 + 1)) == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "the unit's journal: out of memory");
	if (r == HF_OK && digits > 0 && hex_decode(hex, digits, content, digits / 2) != HF_OK)
		r = corrupt(err);
	if (r == HF_OK) {
		change.path = strdup(path);
		change.size = (uint64_t)file_size;
		change.content = content;
		change.content_count = digits / 2 / HASH_SIZE;
		r = change.path == NULL ? hf_error_set(err, HF_ENOMEM, 0, "the unit's journal: out of memory")
		                        : resume->target->file(resume->target->ctx, &change, err);
		free(change.path);
	}
	free(content);
	json_object_put(object);
	return r;
}

static int
take_log(struct resume *resume, const char *text, size_t size, struct hf_error *err)
{
	char *path = malloc(size + 1);
	int r;

	if (path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "the unit's journal: out of memory");
	memcpy(path, text, size);
	path[size] = '\0';
	r = resume->target->log_open(resume->target->ctx, path, err);
	free(path);
	return r;
}

/* A number and the blank behind it; the line has no zero at its end. */
static bool
take_number(const char **text, const char *end, int64_t *ret)
{
	const char *blank = memchr(*text, ' ', (size_t)(end - *text));
	char digits[24], *stop;

	if (blank == NULL || blank == *text || (size_t)(blank - *text) >= sizeof(digits))
		return false;
	memcpy(digits, *text, (size_t)(blank - *text));
	digits[blank - *text] = '\0';
	errno = 0;
	*ret = strtoll(digits, &stop, 10);
	*text = blank + 1;
	return errno == 0 && *stop == '\0';
}

static int
take_log_line(struct resume *resume, const char *text, size_t size, struct hf_error *err)
{
	struct hf_line line;
	int64_t numbers[4]; /* id_offset, id_size, rest_offset, time_ns */
	const char *end = text + size;
	int i;

	for (i = 0; i < 4; i++) {
		if (!take_number(&text, end, &numbers[i]))
			return corrupt(err);
	}
	line = (struct hf_line){text, (uint64_t)(end - text), (uint64_t)numbers[0], (uint64_t)numbers[1],
	    (uint64_t)numbers[2], numbers[3]};
	return resume->target->line(resume->target->ctx, &line, err);
}

static int
take_checkpoint(struct resume *resume, const char *text, size_t size, struct hf_error *err)
{
	struct json_object *object = NULL, *note;
	const char *hex = NULL;
	size_t digits;
	int r = json_parse(text, size, "the unit's journal", &object, err);

	if (r == HF_OK)
		r = json_get_string(object, "cursor", "the unit's journal", &hex, err);
	if (r == HF_OK) {
		digits = strlen(hex);
		buffer_clear(&resume->cursor);
		if (digits % 2 != 0 || buffer_reserve(&resume->cursor, digits / 2 + 1) != HF_OK ||
		    (digits > 0 && hex_decode(hex, digits, resume->cursor.data, digits / 2) != HF_OK))
			r = corrupt(err);
		else
			resume->cursor.size = digits / 2;
	}
	if (r == HF_OK) {
		note = json_object_object_get(object, "note");
		buffer_clear(&resume->note);
		buffer_append_string(&resume->note, json_object_to_json_string_ext(note, JSON_C_TO_STRING_PLAIN));
		r = buffer_string(&resume->note) == NULL ? buffer_status(&resume->note, "the unit's journal", err)
		                                         : HF_OK;
	}
	json_object_put(object);
	return r;
}

static int
take(struct resume *resume, const char *line, size_t size, struct hf_error *err)
{
	if (size == 0)
		return corrupt(err);
	switch (line[0]) {
	case TELLS_HEAD:
		return HF_OK;
	case TELLS_FILE:
		return take_file(resume, line + 1, size - 1, err);
	case TELLS_LOG:
		return take_log(resume, line + 1, size - 1, err);
	case TELLS_LINE:
		return take_log_line(resume, line + 1, size - 1, err);
	case TELLS_CHECKPOINT:
		return take_checkpoint(resume, line + 1, size - 1, err);
	default:
		return corrupt(err);
	}
}

static int
replay_line(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	struct resume *resume = ctx;
	int r;

	if (resume->at >= resume->last)
		return JOURNAL_DROP;
	resume->at++;
	r = take(resume, line, size, err);
	if (r != HF_OK)
		resume->failed = r;
	return r == HF_OK ? HF_OK : JOURNAL_DROP;
}

int
resume_replay(struct resume *resume, const struct resume_target *target, struct hf_error *err)
{
	int r;

	resume->target = target;
	resume->at = resume->last = 0;
	r = journal_read(resume->path, scan_line, resume, err);
	if (r == HF_OK && resume->last == 0)
		r = hf_error_set(err, HF_ENOTFOUND, 0, "%s: nothing of this unit", resume->path);
	if (r != HF_OK)
		return r;
	resume->at = 0;
	/* It is cut after the checkpoint, from which on new lines follow. */
	r = journal_open(resume->path, replay_line, resume, &resume->journal, err);
	if (r == HF_OK && resume->failed == HF_OK && resume->at < resume->last)
		resume->failed = corrupt(err);
	if (r != HF_OK || resume->failed == HF_OK) {
		resume->used = r == HF_OK;
		return r;
	}
	journal_close(resume->journal);
	resume->journal = NULL;
	buffer_clear(&resume->cursor);
	buffer_clear(&resume->note);
	return resume->failed;
}

/* ---- writing ---- */

static int
nothing(void *ctx, const char *line, size_t size, struct hf_error *err)
{
	(void)ctx;
	(void)line;
	(void)size;
	(void)err;
	return JOURNAL_DROP;
}

/* Adds the line that was made; the first one begins the file, in the place of another unit's. */
static int
add(struct resume *resume, struct hf_error *err)
{
	int r = HF_OK;

	if (resume->off)
		return HF_OK;
	if (resume->line.failed == HF_ERANGE) {
		resume->off = true;
		return HF_OK;
	}
	r = buffer_status(&resume->line, "the unit's journal", err);
	if (r == HF_OK && resume->journal == NULL) {
		if (unlink(resume->path) != 0 && errno != ENOENT)
			return hf_error_set(err, HF_EIO, errno, "%s: %s", resume->path, strerror(errno));
		r = journal_open(resume->path, nothing, NULL, &resume->journal, err);
		if (r == HF_OK)
			r = journal_add(resume->journal, (const char *)resume->head.data, resume->head.size, err);
	}
	if (r == HF_OK)
		r = journal_add(resume->journal, (const char *)resume->line.data, resume->line.size, err);
	return r == HF_OK ? journal_flush(resume->journal, err) : r;
}

static void
put_hex(struct buffer *out, const uint8_t *data, size_t size)
{
	char hex[2 * HASH_SIZE + 1];
	size_t at, part;

	for (at = 0; at < size && out->failed == HF_OK; at += part) {
		part = size - at < HASH_SIZE ? size - at : HASH_SIZE;
		hex_encode(data + at, part, hex);
		buffer_append(out, hex, 2 * part);
	}
}

int
resume_add_file(struct resume *resume, const struct change *file, struct hf_error *err)
{
	struct buffer *line = &resume->line;

	buffer_clear(line);
	buffer_append_byte(line, TELLS_FILE);
	buffer_append_string(line, "{\"path\":");
	json_put_string(line, file->path, strlen(file->path));
	buffer_appendf(line, ",\"size\":%" PRIu64 ",\"mtime\":%" PRId64 ",\"ids\":\"", file->size, file->mtime_ns);
	put_hex(line, file->content, file->content_count * HASH_SIZE);
	buffer_append_string(line, "\"}");
	/* The journal is JSON there: it must give back the very same path. */
	if (!json_is_utf8(file->path, strlen(file->path)))
		resume->off = true;
	return add(resume, err);
}

int
resume_add_log(struct resume *resume, const char *path, struct hf_error *err)
{
	buffer_clear(&resume->line);
	buffer_append_byte(&resume->line, TELLS_LOG);
	buffer_append_string(&resume->line, path);
	if (strchr(path, '\n') != NULL)
		resume->off = true;
	return add(resume, err);
}

int
resume_add_line(struct resume *resume, const struct hf_line *log_line, struct hf_error *err)
{
	struct buffer *line = &resume->line;

	if (resume->off)
		return HF_OK;
	buffer_clear(line);
	buffer_append_byte(line, TELLS_LINE);
	buffer_appendf(line, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 " ", log_line->id_offset, log_line->id_size,
	    log_line->rest_offset, log_line->time_ns);
	buffer_append(line, log_line->data, (size_t)log_line->size);
	return add(resume, err);
}

int
resume_add_checkpoint(struct resume *resume, const struct hf_blob *cursor, const char *note, struct hf_error *err)
{
	struct buffer *line = &resume->line;
	int r;

	buffer_clear(line);
	buffer_append_byte(line, TELLS_CHECKPOINT);
	buffer_append_string(line, "{\"cursor\":\"");
	put_hex(line, cursor->data, (size_t)cursor->size);
	buffer_append_string(line, "\",\"note\":");
	buffer_append_string(line, note);
	buffer_append_byte(line, '}');
	if (cursor->size > CURSOR_MAX || strchr(note, '\n') != NULL)
		resume->off = true;
	r = add(resume, err);
	resume->used |= r == HF_OK && !resume->off;
	return r;
}

int
resume_sync(struct resume *resume, struct hf_error *err)
{
	return resume->journal == NULL ? HF_OK : journal_sync(resume->journal, err);
}
