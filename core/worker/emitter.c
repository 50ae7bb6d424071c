/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/emitter.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/json.h"

#define NOTE_ERRORS  16u
#define NOTE_TEXT    300u /* bytes of an error's item and message */
#define NOTE_MAX     (1u << 16)

/* Remembers a failure that the strategy may not pass over.  writing: of what was to be stored. */
static int
fails(struct emitter *emitter, int code, bool writing, struct hf_error *why, struct hf_error *err)
{
	bool fatal = HF_IS_CONTROL(code) ||
	             (code != HF_EINVAL && code != HF_ERANGE && (writing || code != HF_ECORRUPT));

	if (emitter->failure.code == HF_OK || (fatal && !emitter->fatal)) {
		emitter->failure = *why;
		emitter->failure.code = code;
		emitter->fatal = fatal;
	}
	return hf_error_set(err, code, why->os_errno, "%s", why->msg);
}

/* A strategy's sink, and what it said no with: that is the strategy's own affair. */
struct asking {
	const struct hf_sink *sink;
	int refused;
};

static int
pass_previous(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct asking *asking = ctx;

	asking->refused = asking->sink->write(asking->sink->ctx, data, size, err);
	return asking->refused;
}

static int
emit_previous(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct asking asking = {sink, HF_OK};
	const struct hf_sink pass = {(uint32_t)sizeof(pass), 0, &asking, pass_previous};
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_unit_previous_push(emitter->run->destination.archive, path, &pass, &why);

	/* A damaged older file is for the strategy to decide about: what it makes anew heals it. */
	if (r == HF_ENOTFOUND || r == HF_ECORRUPT || asking.refused != HF_OK)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	return r == HF_OK ? HF_OK : fails(emitter, r, false, &why, err);
}

static int
emit_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_unit_file(emitter->run->destination.archive, path, data->data, data->size, mtime_ns, &why);

	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_file_from(void *ctx, const char *path, const struct hf_reader *data, int64_t mtime_ns, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	bool reader = false;
	int r = archive_unit_file_from(emitter->run->destination.archive, path, data, mtime_ns, &reader, &why);

	/* What is wrong with the file is for the strategy to decide about. */
	if (r != HF_OK && reader)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_file_same(void *ctx, const char *path, const char *as, int64_t mtime_ns, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_unit_file_same(emitter->run->destination.archive, path, as, mtime_ns, &why);

	if (r == HF_ENOTFOUND || r == HF_ECORRUPT)
		return hf_error_set(err, r, 0, "%s", why.msg);
	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_log_open(void *ctx, const char *path, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_unit_log_open(emitter->run->destination.archive, path, &why);

	return r == HF_OK ? HF_OK : fails(emitter, r, false, &why, err);
}

static int
emit_log_known(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why;
	int r;

	hf_error_init(&why);
	r = archive_unit_log_known(emitter->run->destination.archive, line, &why);
	return r >= 0 ? r : fails(emitter, r, false, &why, err);
}

static int
emit_log_before(void *ctx, const struct hf_sink *sink, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r = archive_unit_log_before(emitter->run->destination.archive, sink, &why);

	if (r == HF_ENOTFOUND)
		return hf_error_set(err, r, 0, "%s", why.msg);
	return r == HF_OK ? HF_OK : fails(emitter, r, false, &why, err);
}

static int
emit_log_append(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why;
	int r;

	hf_error_init(&why);
	r = archive_unit_log_append(emitter->run->destination.archive, line, &why);
	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_log_note(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	int r = emit_log_append(ctx, line, err);

	if (r == HF_OK)
		emitter->notes++;
	return r;
}

/* The lines of the log count when it is closed: until then the note of a checkpoint tells of them apart. */
static void
count_lines(struct emitter *emitter, uint64_t appended)
{
	uint64_t lines = emitter->taken_up + appended;

	if (lines > emitter->notes)
		emitter->counts.added += lines - emitter->notes;
	emitter->taken_up = emitter->notes = 0;
}

void
emitter_end(struct emitter *emitter)
{
	count_lines(emitter, 0);
}

static int
emit_log_close(void *ctx, uint64_t *ret_appended, int64_t *ret_newest_ns, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	uint64_t appended = 0;
	int64_t newest_ns = HF_NO_TIME;
	int r = archive_unit_log_close(emitter->run->destination.archive, &appended, &newest_ns, &why);

	if (r != HF_OK)
		return fails(emitter, r, true, &why, err);
	count_lines(emitter, appended);
	if (ret_appended != NULL)
		*ret_appended = appended;
	if (ret_newest_ns != NULL)
		*ret_newest_ns = newest_ns;
	return HF_OK;
}

int
emitter_note(const struct emitter *emitter, struct buffer *out, struct hf_error *err)
{
	buffer_appendf(out,
	    "{\"items\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"added\":%" PRIu64 ",\"notes\":%" PRIu64
	    ",\"bytes\":%" PRIu64 ",\"missing\":%" PRIu64 ",\"next_try\":%" PRId64
	    ",\"left_out\":%" PRIu64 ",\"errors\":",
	    emitter->counts.items, emitter->counts.failed, emitter->counts.added, emitter->notes,
	    emitter->counts.bytes_read, emitter->counts.missing, emitter->counts.next_try_ns, emitter->counts.left_out);
	buffer_append_string(out, json_object_to_json_string_ext(emitter->errors, JSON_C_TO_STRING_PLAIN));
	buffer_append_byte(out, '}');
	return buffer_string(out) == NULL ? buffer_status(out, "a unit's note", err) : HF_OK;
}

static int
note_checkpoint(struct emitter *emitter, const struct hf_blob *cursor, struct hf_error *err)
{
	static const struct hf_blob none = {NULL, 0};
	struct buffer note = BUFFER_INIT(NOTE_MAX);
	int r = emitter_note(emitter, &note, err);

	if (r == HF_OK)
		r = archive_unit_checkpoint(emitter->run->destination.archive, cursor == NULL ? &none : cursor,
		    buffer_string(&note), err);
	buffer_release(&note);
	return r;
}

/*
 * What a unit has done so far only counts when it ends; the bytes in the spool are safe from here on, and a
 * resumable unit goes on from here after a crash.
 */
static int
emit_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	r = emitter->resumable ? note_checkpoint(emitter, cursor, &why) : HF_OK;
	if (r == HF_OK)
		r = run_go_on(emitter->run, &why);
	if (r == HF_OK && emitter->resumable && emitter->each_page)
		r = destination_checkpoint(&emitter->run->destination, &why);
	else if (r == HF_OK)
		r = destination_tick(&emitter->run->destination, &why);
	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_done(void *ctx, uint64_t items, uint64_t bytes, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	emitter->counts.items += items;
	emitter->counts.bytes_read += bytes;
	run_progress(emitter->run, emitter->type, items, bytes, 0);
	r = run_go_on(emitter->run, &why);
	if (r == HF_OK)
		r = destination_tick(&emitter->run->destination, &why);
	return r == HF_OK ? HF_OK : fails(emitter, r, true, &why, err);
}

static int
emit_added(void *ctx, uint64_t records, struct hf_error *err)
{
	struct emitter *emitter = ctx;

	(void)err;
	emitter->counts.added += records;
	return HF_OK;
}

static int
emit_missing(void *ctx, uint64_t items, int64_t next_try_ns, struct hf_error *err)
{
	struct emitter *emitter = ctx;

	(void)err;
	emitter->counts.missing = items;
	emitter->counts.next_try_ns = items == 0 || next_try_ns == HF_NO_TIME ? 0 : next_try_ns;
	return HF_OK;
}

static int
emit_left_out(void *ctx, uint64_t items, struct hf_error *err)
{
	struct emitter *emitter = ctx;

	(void)err;
	emitter->counts.left_out += items;
	return HF_OK;
}

/* Keeps an error for the unit's note, so that it is not lost when a later worker takes the note over. */
static void
note_error(struct emitter *emitter, const char *item, const char *message)
{
	struct json_object *pair;
	char text[NOTE_TEXT];

	if (json_object_array_length(emitter->errors) >= NOTE_ERRORS || (pair = json_object_new_array()) == NULL)
		return;
	/* Some plugin's text may be of any length, a note may not. */
	progress_copy_text(text, sizeof(text), item);
	(void)json_object_array_add(pair, progress_json_string(text));
	progress_copy_text(text, sizeof(text), message);
	(void)json_object_array_add(pair, progress_json_string(text));
	(void)json_object_array_add(emitter->errors, pair);
}

static int
emit_failed(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err)
{
	struct emitter *emitter = ctx;
	const char *message = why != NULL && why->msg[0] != '\0' ? why->msg : "it cannot be read";

	emitter->counts.items++;
	emitter->counts.failed++;
	run_progress(emitter->run, emitter->type, 1, 0, 1);
	note_error(emitter, item == NULL ? "" : item, message);
	return run_item_failed(emitter->run, emitter->type, emitter->account, item == NULL ? "" : item, message, err);
}

static uint64_t
note_count(struct json_object *note, const char *name)
{
	int64_t count = 0;

	(void)json_get_int64(note, name, "a unit's note", &count, NULL);
	return count < 0 ? 0 : (uint64_t)count;
}

/* Adds an error of a note to the result, and keeps it for the next note. */
static int
take_error(struct emitter *emitter, struct json_object *pair, struct hf_error *err)
{
	const char *item, *message;

	if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
		return HF_OK;
	item = json_object_get_string(json_object_array_get_idx(pair, 0));
	message = json_object_get_string(json_object_array_get_idx(pair, 1));
	note_error(emitter, item, message);
	return result_error(emitter->run->result, emitter->type, emitter->account, item, message, err);
}

int
emitter_take_note(struct emitter *emitter, const char *text, uint64_t lines, struct hf_error *err)
{
	struct json_object *note = NULL, *errors;
	size_t i;
	int r = json_parse(text, strlen(text), "a unit's note", &note, err);

	if (r != HF_OK)
		return r;
	emitter->counts.items = note_count(note, "items");
	emitter->counts.failed = note_count(note, "failed");
	emitter->counts.added = note_count(note, "added");
	emitter->taken_up = lines;
	emitter->notes = note_count(note, "notes");
	emitter->counts.bytes_read = note_count(note, "bytes");
	emitter->counts.missing = note_count(note, "missing");
	emitter->counts.next_try_ns = (int64_t)note_count(note, "next_try");
	emitter->counts.left_out = note_count(note, "left_out");
	errors = json_object_object_get(note, "errors");
	for (i = 0; r == HF_OK && json_object_is_type(errors, json_type_array) &&
	            i < json_object_array_length(errors); i++)
		r = take_error(emitter, json_object_array_get_idx(errors, i), err);
	json_object_put(note);
	run_count(emitter->run, emitter->type, emitter->counts.items, emitter->counts.bytes_read,
	    emitter->counts.failed);
	return r;
}

int
emitter_open(struct emitter *emitter, struct run *run, const char *type, const char *account,
    struct looker *looker, struct hf_error *err)
{
	memset(emitter, 0, sizeof(*emitter));
	emitter->run = run;
	emitter->type = type;
	emitter->account = account;
	emitter->looker = looker;
	emitter->failure = (struct hf_error)HF_ERROR_INIT;
	emitter->counts.units = 1;
	emitter->table = (struct hf_emitter){.struct_size = (uint32_t)sizeof(emitter->table), .ctx = emitter,
	    .previous = emit_previous,
	    .file = emit_file, .log_open = emit_log_open, .log_known = emit_log_known,
	    .log_before = emit_log_before, .log_append = emit_log_append, .log_close = emit_log_close,
	    .checkpoint = emit_checkpoint, .done = emit_done, .failed = emit_failed, .file_from = emit_file_from,
	    .snapshot = looker == NULL ? NULL : &looker->table, .file_same = emit_file_same,
	    .added = emit_added, .missing = emit_missing, .left_out = emit_left_out,
	    .log_note = emit_log_note};
	emitter->errors = json_object_new_array();
	return emitter->errors == NULL ? hf_error_set(err, HF_ENOMEM, 0, "out of memory") : HF_OK;
}

void
emitter_close(struct emitter *emitter)
{
	json_object_put(emitter->errors);
}
