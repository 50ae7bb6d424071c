/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buffer.h"
#include "base/json.h"
#include "base/unit.h"
#include "plugin/host.h"
#include "worker/scratch.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <holdfast/image.h>
#include <holdfast/plugin.h>

#define LINES_MAX 400
#define FILES_MAX 200

static const struct hf_strategy_ops *strategy;
static const struct hf_option *options;
static struct host *host;
static char top[] = "test-media-XXXXXX";
static int32_t stop_now;

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return stop_now;
}

/* ---- the snapshot under way: rooms with lines ---- */

static struct {
	const char *name;
	char *lines[LINES_MAX];
	unsigned count, version;
} rooms[4];
static unsigned room_count, log_reads, first_read;
static bool has_chats = true;

static void
say(unsigned room, const char *message, const char *attachments)
{
	char line[4000];

	(void)snprintf(line, sizeof(line), "{\"op\":\"message\",\"id\":\"%s\",\"sent_at\":\"2026-01-02T03:04:05Z\"%s%s%s}\n",
	    message, *attachments == '\0' ? "" : ",\"attachments\":[", attachments, *attachments == '\0' ? "" : "]");
	rooms[room].lines[rooms[room].count++] = strdup(line);
	rooms[room].version++;
}

static int
look_list(void *ctx, const char *path, hf_entry_fn fn, void *fn_ctx, struct hf_error *err)
{
	struct hf_entry entry = {.struct_size = (uint32_t)sizeof(entry), .is_folder = 1};
	unsigned i;
	int r = HF_OK;

	(void)ctx;
	if (!has_chats)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no chats");
	for (i = 0; r == HF_OK && i < room_count; i++) {
		char room[100];

		(void)snprintf(room, sizeof(room), "/chats/family/rooms/%s", rooms[i].name);
		entry.version[0] = (uint8_t)rooms[i].version;
		entry.version[1] = (uint8_t)i;
		if (strcmp(path, "/chats/family/rooms") == 0) {
			entry.name = rooms[i].name;
			r = fn(fn_ctx, &entry, err);
		} else if (strcmp(path, room) == 0) {
			entry.name = "messages";
			r = fn(fn_ctx, &entry, err);
		}
	}
	return r;
}

/* The index of the last run, too. */
static struct {
	char *lines[2 * LINES_MAX];
	unsigned count, before; /* before: of earlier runs */
	bool open;
	char asked[8000];
} index_log;

static int
push_line(const char *line, const struct hf_sink *sink, struct hf_error *err)
{
	return sink->write(sink->ctx, line, strlen(line), err);
}

static int
look_log(void *ctx, const char *path, uint64_t first, const struct hf_sink *sink, struct hf_error *err)
{
	char room[100];
	unsigned i, j;
	int r = HF_OK;

	(void)ctx;
	if (strcmp(path, "/media/family/index") == 0) {
		for (i = 0; r == HF_OK && i < index_log.before; i++)
			r = push_line(index_log.lines[i], sink, err);
		return r;
	}
	for (i = 0; i < room_count; i++) {
		(void)snprintf(room, sizeof(room), "/chats/family/rooms/%s/messages", rooms[i].name);
		if (strcmp(path, room) != 0)
			continue;
		log_reads++;
		first_read = (unsigned)first;
		if (first > rooms[i].count)
			return hf_error_set(err, HF_ERANGE, 0, "fewer lines");
		for (j = (unsigned)first; r == HF_OK && j < rooms[i].count; j++)
			r = push_line(rooms[i].lines[j], sink, err);
		return r;
	}
	return hf_error_set(err, HF_ENOTFOUND, 0, "no such log");
}

static int
look_file(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	(void)ctx;
	(void)path;
	return sink->write(sink->ctx, "{\"id\":\"Room 1\"}", 15, err);
}

static const struct hf_snapshot_view snapshot = {(uint32_t)sizeof(snapshot), 0, NULL, look_list, look_file, look_log};

/* ---- the emitter ---- */

static struct {
	char path[600];
	uint64_t size;
	uint8_t first;
} files[FILES_MAX];
static unsigned file_count, written, same, failures, checkpoints;
static char document[2000], item[900];

static void
put_file(const char *path, uint64_t size, uint8_t first)
{
	unsigned i;

	for (i = 0; i < file_count && strcmp(files[i].path, path) != 0; i++)
		;
	CU_ASSERT(i == file_count); /* nothing is ever written over */
	(void)snprintf(files[i].path, sizeof(files[i].path), "%s", path);
	files[i].size = size;
	files[i].first = first;
	file_count += i == file_count;
	written++;
}

static int
emit_previous(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	(void)ctx;
	CU_ASSERT_STRING_EQUAL(path, "media.json");
	return document[0] == '\0' ? hf_error_set(err, HF_ENOTFOUND, 0, "none") : push_line(document, sink, err);
}

static int
emit_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	(void)ctx;
	(void)mtime_ns;
	(void)err;
	CU_ASSERT_STRING_EQUAL(path, "media.json");
	(void)snprintf(document, sizeof(document), "%.*s", (int)data->size, (const char *)data->data);
	written++;
	return HF_OK;
}

static int
emit_file_from(void *ctx, const char *path, const struct hf_reader *data, int64_t mtime_ns, struct hf_error *err)
{
	uint8_t piece[70000];
	uint64_t size = 0;
	uint8_t first = 0;
	int64_t n;

	(void)ctx;
	CU_ASSERT(mtime_ns > 0);
	while ((n = data->read(data->ctx, piece, sizeof(piece), err)) > 0) {
		if (size == 0)
			first = piece[0];
		size += (uint64_t)n;
	}
	CU_ASSERT(n == 0 && size == data->length);
	put_file(path, size, first);
	return HF_OK;
}

static int
emit_file_same(void *ctx, const char *path, const char *as, int64_t mtime_ns, struct hf_error *err)
{
	unsigned i;

	(void)ctx;
	(void)mtime_ns;
	for (i = 0; i < file_count; i++) {
		if (strcmp(files[i].path, as) == 0) {
			same++;
			put_file(path, files[i].size, files[i].first);
			return HF_OK;
		}
	}
	return hf_error_set(err, HF_ENOTFOUND, 0, "none");
}

static int
emit_log_open(void *ctx, const char *path, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_STRING_EQUAL(path, "index");
	CU_ASSERT(!index_log.open);
	index_log.open = true;
	return HF_OK;
}

static const char *
find_line(const struct hf_line *line)
{
	unsigned i;

	for (i = index_log.count; i > 0; i--)
		if (strncmp(index_log.lines[i - 1], line->data, (size_t)(line->id_offset + line->id_size + 1)) == 0)
			return index_log.lines[i - 1];
	return NULL;
}

static const char *found;

static int
emit_log_known(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT(index_log.open);
	found = find_line(line);
	if (found == NULL)
		return HF_KNOWN_NEW;
	return strlen(found) == line->size + 1 && strncmp(found, line->data, (size_t)line->size) == 0 ? HF_KNOWN_UNCHANGED
	                                                                                              : HF_KNOWN_CHANGED;
}

static int
emit_log_before(void *ctx, const struct hf_sink *sink, struct hf_error *err)
{
	(void)ctx;
	return sink->write(sink->ctx, found, strlen(found) - 1, err);
}

static int
keep_line(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	char *copy = malloc((size_t)line->size + 2);
	struct hf_json_value none;

	(void)ctx;
	(void)err;
	if (copy == NULL)
		abort();
	CU_ASSERT_EQUAL(json_slice_object(line->data, line->size, NULL, 0, &none, NULL), HF_OK);
	memcpy(copy, line->data, (size_t)line->size);
	memcpy(copy + line->size, "\n", 2);
	index_log.lines[index_log.count++] = copy;
	return HF_OK;
}

static int
emit_log_append(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	int r = keep_line(ctx, line, err);

	CU_ASSERT_PTR_NOT_NULL(strstr(index_log.lines[index_log.count - 1], "\"state\":\"stored\""));
	return r;
}

/* What nobody counts as new: rooms, and files that are not there. */
static int
emit_log_note(void *ctx, const struct hf_line *line, struct hf_error *err)
{
	int r = keep_line(ctx, line, err);

	CU_ASSERT_PTR_NULL(strstr(index_log.lines[index_log.count - 1], "\"state\":\"stored\""));
	return r;
}

static int
emit_log_close(void *ctx, uint64_t *ret_appended, int64_t *ret_newest_ns, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	index_log.open = false;
	*ret_appended = 0;
	*ret_newest_ns = 5;
	return HF_OK;
}

static int
emit_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)cursor;
	(void)err;
	checkpoints++;
	return HF_OK;
}

static int
emit_done(void *ctx, uint64_t items, uint64_t bytes, struct hf_error *err)
{
	(void)ctx;
	(void)items;
	(void)bytes;
	(void)err;
	return HF_OK;
}

static int
emit_failed(void *ctx, const char *what, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)why;
	(void)err;
	failures++;
	(void)snprintf(item, sizeof(item), "%s", what);
	return HF_OK;
}

static uint64_t missing;
static int64_t next_try_ns;

static uint64_t left_out;

static int
emit_left_out(void *ctx, uint64_t items, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	left_out += items;
	return HF_OK;
}

static int
emit_missing(void *ctx, uint64_t items, int64_t when_ns, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	missing = items;
	next_try_ns = when_ns;
	return HF_OK;
}

static const struct hf_emitter emitter = {.struct_size = (uint32_t)sizeof(emitter), .previous = emit_previous,
    .file = emit_file, .log_open = emit_log_open, .log_known = emit_log_known, .log_before = emit_log_before,
    .log_append = emit_log_append, .log_close = emit_log_close, .checkpoint = emit_checkpoint, .done = emit_done,
    .failed = emit_failed, .file_from = emit_file_from, .snapshot = &snapshot, .file_same = emit_file_same,
    .missing = emit_missing, .left_out = emit_left_out, .log_note = emit_log_note};

/* ---- the source: what a URL says is what happens ---- */

static struct {
	unsigned asked, offset;
	uint64_t pushed; /* of an endless one */
	char validator[20];
	int broken;      /* as a whole */
	int at_once;
} source;

/* How far the plugin's clock is ahead, and by how much what fails moves it. */
static int64_t clock_ahead_ns, slowness_ns;

static int64_t
test_clock(void *ctx)
{
	const struct hf_host *table = host_table(host);

	(void)ctx;
	return table->clock_ns(table->ctx) + clock_ahead_ns;
}

/* "size:N", "fail:CODE", "endless:", "page:", "stop:", "jpeg:" */
static int
serve(const struct hf_media_request *request, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	static uint8_t piece[65536];
	struct hf_media_info info = {.struct_size = (uint32_t)sizeof(info), .size = -1, .validator = {"v1", 2, 0, 0}};
	struct hf_error why = HF_ERROR_INIT;
	char url[200], *colon;
	uint64_t size, at;
	int r = HF_OK;

	(void)snprintf(url, sizeof(url), "%.*s", (int)request->attachment->url.size, request->attachment->url.data);
	colon = strchr(url, ':');
	source.asked++;
	source.offset = (unsigned)request->offset;
	(void)snprintf(source.validator, sizeof(source.validator), "%.*s", (int)request->validator.size,
	    request->validator.size == 0 ? "" : request->validator.data);
	size = colon == NULL ? 0 : strtoull(colon + 1, NULL, 10);
	memset(piece, (int)(size % 251), sizeof(piece));
	if (strncmp(url, "jpeg", 4) == 0)
		memcpy(piece, "\xff\xd8\xff", 3);
	if (strncmp(url, "fail", 4) == 0) {
		clock_ahead_ns += slowness_ns;
		(void)hf_error_set(&why, -(int)size, 0, "it failed");
		why.http_status = size == 201 ? 410 : size == 103 ? 429 : 0;
		why.retry_after_ms = size == 103 ? 2 * 3600 * 1000 : 0;
		return exchange->end(exchange->ctx, request->token, -(int)size, &why, err);
	}
	if (strncmp(url, "page", 4) == 0) {
		info.mime = (struct hf_text){"text/html", 9, HF_TEXT_UTF8, 0};
		info.size = (int64_t)size;
	}
	if (strncmp(url, "size", 4) == 0)
		info.size = (int64_t)size;
	if (strncmp(url, "stop", 4) == 0 && request->offset > 0)
		info.offset = request->offset;
	r = exchange->begin(exchange->ctx, request->token, &info, &why);
	for (at = info.offset; r == HF_OK && (at < size || strncmp(url, "endless", 7) == 0); at += sizeof(piece)) {
		uint64_t part = size - at < sizeof(piece) ? size - at : sizeof(piece);

		if (strncmp(url, "endless", 7) == 0)
			part = sizeof(piece);
		if (strncmp(url, "stop", 4) == 0 && at >= size / 2 && request->offset == 0) {
			stop_now = 1;
			return hf_error_set(err, HF_ESTOPPING, 0, "stopped in the middle");
		}
		source.pushed += part;
		r = exchange->write(exchange->ctx, request->token, piece, part, &why);
	}
	return exchange->end(exchange->ctx, request->token, r, &why, err);
}

static int
view_fetch(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct hf_media_request requests[16];
	int count, r;

	(void)ctx;
	for (;;) {
		for (count = 0; count < source.at_once; count++) {
			memset(&requests[count], 0, sizeof(requests[0]));
			r = exchange->next(exchange->ctx, &requests[count], err);
			if (r != HF_OK && r != HF_ENOTFOUND)
				return r;
			if (r != HF_OK)
				break;
		}
		if (source.broken != HF_OK)
			return hf_error_set(err, source.broken, 0, "the account is closed");
		if (count == 0)
			return HF_OK;
		while (count > 0) {
			r = serve(&requests[--count], exchange, err);
			if (r != HF_OK)
				return r;
		}
	}
}

static int
view_enumerate(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	const struct hf_room room = {.struct_size = (uint32_t)sizeof(room), .id = {"R\\u0031", 7, HF_TEXT_JSON, 0}};
	struct hf_attachment attachment = {.url = {"size:10", 7, HF_TEXT_UTF8, 0}, .size = -1, .width = -1, .height = -1,
	    .duration_ms = -1};
	const struct hf_message message = {.struct_size = (uint32_t)sizeof(message), .id = {"m", 1, HF_TEXT_UTF8, 0},
	    .sent_ns = 1000000000, .attachments = &attachment, .attachment_count = 1};
	const struct hf_blob cursor = {"\0\1c", 3};
	int r = HF_OK;

	(void)ctx;
	if (query->what == HF_QUERY_ROOMS)
		return sink->room(sink->ctx, &room, err);
	CU_ASSERT_EQUAL(query->what, HF_QUERY_MESSAGES);
	CU_ASSERT(query->room.size == 2 && memcmp(query->room.data, "R1", 2) == 0);
	if (query->cursor.size == 0)
		r = sink->message(sink->ctx, &message, err);
	else
		CU_ASSERT(query->cursor.size == 3 && memcmp(query->cursor.data, "\0\1c", 3) == 0);
	return r == HF_OK ? sink->checkpoint(sink->ctx, &cursor, err) : r;
}

static const struct hf_source_view view = {(uint32_t)sizeof(view), 0, NULL, "family", "fake", NULL, view_enumerate,
    view_fetch};

/* ---- pictures ---- */

static struct hf_image_result picture;
static bool compressing = true, stripping;
static unsigned pictures;

static int
recompress(void *host_ctx, const struct hf_image_request *request, const struct hf_reader *in, const struct hf_sink *out,
    struct hf_image_result *ret, struct hf_error *err)
{
	uint8_t data[16];

	(void)host_ctx;
	pictures++;
	/* A location is taken out without coding anything anew. */
	CU_ASSERT_EQUAL(request->quality, compressing ? 80 : 0);
	CU_ASSERT_EQUAL(request->flags, stripping ? HF_IMAGE_STRIP_LOCATION : 0);
	CU_ASSERT(in->read(in->ctx, data, sizeof(data), err) > 3 && data[0] == 0xff);
	*ret = picture;
	return picture.used ? out->write(out->ctx, "small", 5, err) : HF_OK;
}

static const struct hf_host_image image = {(uint32_t)sizeof(image), 0, recompress};

/* ---- runs ---- */

static void
clear(void)
{
	unsigned i, j;

	for (i = 0; i < 4; i++)
		for (j = 0; j < rooms[i].count; j++)
			free(rooms[i].lines[j]);
	for (i = 0; i < index_log.count; i++)
		free(index_log.lines[i]);
	memset(rooms, 0, sizeof(rooms));
	memset(&index_log, 0, sizeof(index_log));
	memset(&source, 0, sizeof(source));
	memset(&picture, 0, sizeof(picture));
	source.at_once = 10;
	rooms[0].name = "general";
	rooms[1].name = "index";
	room_count = 2;
	file_count = 0;
	document[0] = '\0';
	has_chats = true;
}

static int
run(uint64_t max_size, uint32_t flags)
{
	struct hf_value values[4];
	const struct hf_unit unit = {.struct_size = (uint32_t)sizeof(unit), .id = {"family", 6, 0, 0},
	    .path = "/media/family"};
	const struct hf_run how = {(uint32_t)sizeof(how), flags, {NULL, 0}};
	struct hf_error err = HF_ERROR_INIT;
	struct hf_host plugin_host;
	void *handle = NULL;
	int r;

	memset(values, 0, sizeof(values));
	values[0].number = compressing;
	values[3].number = stripping;
	values[1].number = 80;
	values[2].number = (int64_t)max_size;
	source.asked = written = same = failures = log_reads = 0;
	source.pushed = 0;
	stop_now = 0;
	index_log.open = false;
	plugin_host = *host_table(host);
	plugin_host.clock_ns = test_clock;
	CU_ASSERT_EQUAL_FATAL(strategy->open(&plugin_host, values, 4, &handle, &err), HF_OK);
	r = strategy->execute(handle, &view, &unit, &how, &emitter, &err);
	strategy->close(handle);
	if (r == HF_OK)
		index_log.before = index_log.count;
	else
		CU_ASSERT(err.msg[0] != '\0');
	return r;
}

/* The size of a stored file; -1: it is not there. */
static int64_t
stored(const char *path)
{
	unsigned i;

	for (i = 0; i < file_count; i++)
		if (strcmp(files[i].path, path) == 0)
			return (int64_t)files[i].size;
	return -1;
}

static bool
last_says(const char *id, const char *what)
{
	char begin[300];
	unsigned i;

	(void)snprintf(begin, sizeof(begin), "{\"op\":\"media\",\"id\":\"%s\",", id);
	for (i = index_log.count; i > 0; i--)
		if (strncmp(index_log.lines[i - 1], begin, strlen(begin)) == 0)
			return strstr(index_log.lines[i - 1], what) != NULL;
	return false;
}

/* ---- tests ---- */

static void
test_names(void)
{
	clear();
	say(0, "5", "{\"name\":\"6-a\",\"url\":\"size:1\"}");
	say(0, "5-6", "{\"name\":\"a\",\"url\":\"size:2\"}");
	say(0, "7", "{\"name\":\"b\",\"url\":\"size:3\"},{\"name\":\"b\",\"url\":\"size:4\"}");
	say(0, "8", "{\"name\":\"../../etc\\u002fpasswd\\u0000\",\"url\":\"size:5\"},{\"url\":\"size:6\"},{\"path\":\"x/y.z\"}");
	say(1, "A", "{\"name\":\"\",\"url\":\"size:7\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(file_count, 8);
	CU_ASSERT_EQUAL(stored("general/5-6-a"), 1);
	CU_ASSERT_EQUAL(stored("general/7-b"), 3);
	CU_ASSERT_EQUAL(stored("general/8-..%2F..%2Fetc%2Fpasswd%00"), 5);
	CU_ASSERT_EQUAL(stored("general/8-size%3A6"), 6);
	CU_ASSERT_EQUAL(stored("general/8-y.z"), 0);
	CU_ASSERT_EQUAL(stored("%69ndex/%41-size%3A7"), 7);
	CU_ASSERT(last_says("general/7-b", "\"state\":\"stored\",\"size\":3,\"sha256\":\""));
	CU_ASSERT(last_says("general/7-b", "\"room\":\"Room 1\",\"message\":\"7\""));
	/* Told again, whatever the order, each is known. */
	say(0, "7", "{\"name\":\"b\",\"url\":\"size:4\"},{\"name\":\"b\",\"url\":\"size:3\"}");
	say(0, "5-6", "{\"name\":\"a\",\"url\":\"size:2\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 0);
	CU_ASSERT_EQUAL(first_read, 4);
	CU_ASSERT_EQUAL(log_reads, 1);
	/* Nothing new: nothing is opened, asked or written. */
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked == 0 && written == 0 && log_reads == 0 && index_log.count == index_log.before);
	CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"counts\":{\"stored\":8,\"skipped\":0,\"failed\":0}"));
	/* Everything again, and still nothing is got twice. */
	CU_ASSERT_EQUAL(run(1000, HF_RUN_FULL), HF_OK);
	CU_ASSERT(source.asked == 0 && log_reads == 2);
	/* The log is shorter than it was: from its start. */
	while (rooms[0].count > 2)
		free(rooms[0].lines[--rooms[0].count]);
	rooms[0].version++;
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked == 0 && log_reads == 2);
}

static void
test_limits(void)
{
	clear();
	say(0, "1", "{\"url\":\"size:1000000\"},{\"url\":\"size:1000001\"},{\"url\":\"endless:\"}");
	say(0, "2", "{\"url\":\"size:9\",\"size\":1000001},{\"url\":\"size:8\",\"missing\":\"not exported\"},{\"kind\":\"image\"}");
	left_out = 0;
	CU_ASSERT_EQUAL(run(1000000, 0), HF_OK);
	CU_ASSERT_EQUAL(file_count, 1);
	CU_ASSERT_EQUAL(failures, 0);
	/* Not failed, and not saved: that is told. */
	CU_ASSERT(left_out == 5 && missing == 5 && next_try_ns == HF_NO_TIME);
	/* No byte is taken beyond the limit, and one piece at most is refused. */
	CU_ASSERT(source.pushed - 1000000 <= 1000000 + 65536);
	CU_ASSERT(last_says("general/1-size%3A1000001", "\"reason\":\"too_large\",\"size\":1000001,\"limit\":1000000"));
	CU_ASSERT(last_says("general/1-endless%3A", "\"reason\":\"too_large\",\"limit\":1000000"));
	CU_ASSERT(last_says("general/2-size%3A9", "\"reason\":\"too_large\",\"size\":1000001"));
	CU_ASSERT(last_says("general/2-size%3A8", "\"reason\":\"missing\",\"detail\":\"not exported\""));
	CU_ASSERT(last_says("general/2-image", "\"reason\":\"no_address\""));
	CU_ASSERT_EQUAL(run(1000000, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 0);
	/* A lower limit takes nothing away, a higher one brings what is now small enough. */
	CU_ASSERT_EQUAL(run(10, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 0);
	CU_ASSERT_EQUAL(run(1000001, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 3);
	CU_ASSERT_EQUAL(stored("general/1-size%3A1000001"), 1000001);
	CU_ASSERT_EQUAL(stored("general/2-size%3A9"), 9);
	CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"counts\":{\"stored\":3,\"skipped\":3,\"failed\":0}"));
	/* The file that was missing is there in a later export. */
	say(0, "2", "{\"url\":\"size:8\"}");
	CU_ASSERT_EQUAL(run(1000001, 0), HF_OK);
	CU_ASSERT_EQUAL(stored("general/2-size%3A8"), 8);
}

static void
test_failures(void)
{
	clear();
	say(0, "1", "{\"name\":\"gone\",\"url\":\"fail:201\"},{\"name\":\"denied\",\"url\":\"fail:203\"}");
	say(0, "2", "{\"name\":\"page\",\"url\":\"page:5\",\"kind\":\"image\"},{\"name\":\"odd\",\"url\":\"fail:208\"}");
	say(0, "3", "{\"name\":\"good\",\"url\":\"size:3\"},{\"name\":\"text\",\"url\":\"page:5\"}");
	/* What the message tells of the size makes these wrong. */
	say(0, "4", "{\"name\":\"short\",\"url\":\"page:5\",\"size\":9},{\"name\":\"more\",\"url\":\"endless:\",\"size\":9}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(failures, 5);
	CU_ASSERT(last_says("general/4-short", "\"reason\":\"no_permission\""));
	CU_ASSERT(last_says("general/4-more", "\"reason\":\"error\",\"detail\":\"it has more bytes than the 9 "));
	CU_ASSERT_EQUAL(file_count, 2);
	CU_ASSERT(last_says("general/1-gone", "\"reason\":\"gone\",\"http_status\":410,\"detail\":\"it failed\",\"attempts\":1"));
	CU_ASSERT(last_says("general/1-denied", "\"reason\":\"no_permission\""));
	CU_ASSERT(last_says("general/2-page", "\"reason\":\"no_permission\""));
	CU_ASSERT(last_says("general/2-odd", "\"reason\":\"not_supported\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"next_try\":"));
	/* Not due yet; but at another address it is tried at once. */
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked == 0 && failures == 0 && written == 0);
	CU_ASSERT(missing == 6 && next_try_ns > (int64_t)time(NULL) * 1000000000 + INT64_C(3500000000000));
	say(0, "1", "{\"id\":\"x\",\"name\":\"gone\",\"url\":\"fail:201\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 1);
	/* All of them, when everything is asked for; in the same second they were just tried. */
	CU_ASSERT_EQUAL(sleep(1), 0);
	CU_ASSERT_EQUAL(run(1000, HF_RUN_FULL), HF_OK);
	CU_ASSERT(failures == 6 && last_says("general/1-gone", "\"attempts\":2"));
}

/* Nobody answers: that is the network's fault, so the next run tries all of them at once. */
static void
test_unreachable(void)
{
	char attachment[100];
	unsigned i;

	clear();
	say(0, "1", "{\"name\":\"a\",\"url\":\"fail:102/a\"},{\"name\":\"b\",\"url\":\"fail:102/b\"}");
	for (i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
		CU_ASSERT(source.asked == 2 && failures == 2);
		CU_ASSERT(last_says("general/1-a", "\"reason\":\"unreachable\",\"detail\":\"it failed\",\"attempts\":0"));
		CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"failed\":2"));
		CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"next_try\":"));
		CU_ASSERT(missing == 2 && next_try_ns <= (int64_t)time(NULL) * 1000000000);
	}
	CU_ASSERT_EQUAL(index_log.count, 4); /* of two files and two rooms */
	/* Another one is answered, in whatever way: the network is there, and each has its own fault. */
	say(0, "2", "{\"name\":\"c\",\"url\":\"fail:201/c\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked == 3 && failures == 3);
	CU_ASSERT(last_says("general/1-a", "\"attempts\":1") && last_says("general/2-c", "\"attempts\":1"));
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 0);
	/* A server that says when is asked then, and not before. */
	clear();
	say(0, "1", "{\"name\":\"a\",\"url\":\"fail:103/a\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(missing == 1 && next_try_ns > ((int64_t)time(NULL) + 7000) * 1000000000);
	/* A server that is gone does not hold up the others for long. */
	clear();
	for (i = 0; i < 100; i++) {
		(void)snprintf(attachment, sizeof(attachment), "{\"name\":\"%u\",\"url\":\"fail:102/%u\"}", i, i);
		say(0, "m", attachment);
	}
	say(0, "last", "{\"name\":\"good\",\"url\":\"size:3\"}");
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked >= 20 + 1 && source.asked <= 20 + 10 + 1);
	CU_ASSERT(failures == 100 && stored("general/last-good") == 3);
	/* The source could not even begin. */
	clear();
	say(0, "1", "{\"name\":\"a\",\"url\":\"size:1\"},{\"name\":\"b\",\"path\":\"b\"}");
	source.broken = HF_ENET;
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(failures == 2 && file_count == 0);
	source.broken = HF_OK;
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(failures == 0 && file_count == 2 && missing == 0);
}

/* Servers that take long not to answer, each another one: no run is long, and none is tried at once for ever. */
static void
test_slow(void)
{
	char attachment[100];
	unsigned i, asked = 0;

	clear();
	for (i = 0; i < 100; i++) {
		(void)snprintf(attachment, sizeof(attachment), "{\"name\":\"%u\",\"url\":\"fail:102.%u\"}", i, i);
		say(0, "m", attachment);
	}
	say(0, "last", "{\"name\":\"good\",\"url\":\"size:3\"}");
	slowness_ns = INT64_C(20000000000);
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked >= 15 && source.asked <= 15 + 10);
	CU_ASSERT(last_says("general/m-0", "\"attempts\":1"));
	CU_ASSERT(last_says("general/m-99", "\"reason\":\"unreachable\",\"detail\":\"nobody answered any more"));
	CU_ASSERT(last_says("general/m-99", "\"attempts\":0"));
	for (i = 0; i < 10 && stored("general/last-good") < 0; i++) {
		asked += source.asked;
		CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	}
	CU_ASSERT_EQUAL(stored("general/last-good"), 3);
	CU_ASSERT_EQUAL(asked + source.asked, 101);
	slowness_ns = 0;
}

/* The account as a whole: what was on its way and what was not asked for yet is told, and nothing is forgotten. */
static void
test_broken_source(void)
{
	char attachment[100];
	unsigned i;

	clear();
	for (i = 0; i < 50; i++) {
		(void)snprintf(attachment, sizeof(attachment), "{\"name\":\"%u\",\"url\":\"size:%u\"}", i, i);
		say(i % 2, "m", attachment);
	}
	source.broken = HF_EAUTH;
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(failures, 50);
	CU_ASSERT_EQUAL(file_count, 0);
	source.broken = HF_OK;
	CU_ASSERT_EQUAL(sleep(1), 0);
	CU_ASSERT_EQUAL(run(1000, HF_RUN_FULL), HF_OK);
	CU_ASSERT_EQUAL(file_count, 50);
	CU_ASSERT_PTR_NOT_NULL(strstr(document, "\"counts\":{\"stored\":50,\"skipped\":0,\"failed\":0}"));
}

static void
test_same(void)
{
	unsigned i;
	char message[20];

	for (i = 0; i < 2; i++) {
		clear();
		source.at_once = i == 0 ? 1 : 10;
		say(0, "1", "{\"id\":\"F1\",\"name\":\"a\",\"url\":\"size:11\"}");
		say(0, "2", "{\"id\":\"F1\",\"name\":\"b\",\"url\":\"size:11\"}");
		say(1, "3", "{\"id\":\"F1\",\"name\":\"a\",\"url\":\"size:11\"}");
		/* One id that means other things. */
		say(1, "4", "{\"id\":\"F1\",\"name\":\"a\",\"url\":\"size:12\"}");
		say(1, "5", "{\"name\":\"a\",\"url\":\"size:13\"}");
		say(1, "6", "{\"name\":\"a\",\"url\":\"size:13\"}");
		CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
		CU_ASSERT_EQUAL(file_count, 6);
		CU_ASSERT_EQUAL(source.asked, 4);
		CU_ASSERT_EQUAL(same, 2);
		CU_ASSERT_EQUAL(stored("general/2-b"), 11);
		CU_ASSERT_EQUAL(stored("%69ndex/4-a"), 12);
	}
	/* More that wait than are kept waiting. */
	clear();
	for (i = 0; i < 150; i++) {
		(void)snprintf(message, sizeof(message), "m%u", i);
		say(0, message, "{\"id\":\"F\",\"name\":\"n\",\"url\":\"size:7\"}");
	}
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(file_count, 150);
	CU_ASSERT(source.asked <= 10);
}

/* Stopped in the middle of a file: the next one asks for the rest. */
static void
test_resume(void)
{
	clear();
	source.at_once = 1;
	say(0, "1", "{\"name\":\"a\",\"url\":\"size:5\"},{\"name\":\"b\",\"url\":\"stop:1000000\"},{\"name\":\"c\",\"url\":\"size:6\"}");
	CU_ASSERT_EQUAL(run(1u << 24, 0), HF_ESTOPPING);
	CU_ASSERT_EQUAL(stored("general/1-a"), 5);
	CU_ASSERT_EQUAL(file_count, 1);
	/* What the unit had done is there again (an emitter of a resumable unit), and is not got again. */
	CU_ASSERT_EQUAL(run(1u << 24, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 2);
	CU_ASSERT_EQUAL(stored("general/1-b"), 1000000);
	CU_ASSERT_EQUAL(stored("general/1-c"), 6);
	CU_ASSERT(source.pushed <= 500000 + 65536 + 6);
}

/* The path of the only line of the index that has text in its id. */
static char *
indexed(const char *text)
{
	char *found_at = NULL;
	unsigned i;

	for (i = 0; i < index_log.count; i++) {
		if (strstr(index_log.lines[i], text) != NULL)
			found_at = strstr(index_log.lines[i], "\"id\":\"general/");
	}
	CU_ASSERT_PTR_NOT_NULL_FATAL(found_at);
	return found_at + 6;
}

/* A name that is too long keeps the ending that programs go by; one that was stored without stays as it was. */
static void
test_long_names(void)
{
	static const char *const endings[][2] = {{".JPG", ".jpg"}, {".tar.gz", ".gz"}, {"", ""}, {".a b", ""},
	    {".verylongone", ""}, {".", ""}, {".\xc3\xa4", ""}};
	char name[300], json[400], *path, *end;
	unsigned lines;
	size_t i;

	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		clear();
		(void)snprintf(name, sizeof(name), "%0250d%s", 7, endings[i][0]);
		(void)snprintf(json, sizeof(json), "{\"name\":\"%s\",\"url\":\"size:6\"}", name);
		say(0, "1", json);
		CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
		path = indexed("1-0000");
		end = strchr(path, '"');
		CU_ASSERT_PTR_NOT_NULL_FATAL(end);
		CU_ASSERT(end - path < 255 && memchr(path, '~', (size_t)(end - path)) != NULL);
		CU_ASSERT_EQUAL((size_t)(strchr(path, '~') + 33 + strlen(endings[i][1]) - end), 0);
		CU_ASSERT_EQUAL(strncmp(end - strlen(endings[i][1]), endings[i][1], strlen(endings[i][1])), 0);
	}
	clear();
	(void)snprintf(json, sizeof(json), "{\"name\":\"%0250d.jpg\",\"url\":\"size:6\"}", 7);
	say(0, "1", json);
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	path = indexed("1-0000");
	end = strstr(path, ".jpg\"");
	CU_ASSERT_PTR_NOT_NULL_FATAL(end);
	memmove(end, end + 4, strlen(end + 4) + 1);
	lines = index_log.count;
	document[0] = '\0';
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	CU_ASSERT_EQUAL(source.asked, 0);
	CU_ASSERT_EQUAL(file_count, 1);
	CU_ASSERT_EQUAL(index_log.count, lines);
}

static void
test_pictures(void)
{
	clear();
	say(0, "1", "{\"name\":\"a\",\"url\":\"jpeg:2000\"}");
	picture = (struct hf_image_result){.struct_size = (uint32_t)sizeof(picture), .used = 1, .reason = "recompressed"};
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	CU_ASSERT_EQUAL(stored("general/1-a"), 5);
	CU_ASSERT(last_says("general/1-a", "\"size\":2000,"));
	CU_ASSERT(last_says("general/1-a", "\"stored_size\":5,\"done\":\"recompressed\""));
	picture.used = 0;
	(void)snprintf(picture.reason, sizeof(picture.reason), "cmyk");
	say(0, "2", "{\"name\":\"a\",\"url\":\"jpeg:3000\"}");
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	CU_ASSERT_EQUAL(stored("general/2-a"), 3000);
	CU_ASSERT(last_says("general/2-a", "\"stored_size\":3000,\"done\":\"original\",\"kept\":\"cmyk\""));
	CU_ASSERT_EQUAL(pictures, 2);
	compressing = false;
	say(0, "3", "{\"name\":\"a\",\"url\":\"jpeg:4000\"}");
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	CU_ASSERT(last_says("general/3-a", "\"stored_size\":4000,\"done\":\"original\"}"));
	CU_ASSERT_EQUAL(pictures, 2);
	stripping = true;
	(void)snprintf(picture.reason, sizeof(picture.reason), "not_asked");
	say(0, "4", "{\"name\":\"a\",\"url\":\"jpeg:5000\"}");
	CU_ASSERT_EQUAL(run(10000, 0), HF_OK);
	CU_ASSERT(last_says("general/4-a", "\"stored_size\":5000,\"done\":\"original\"}"));
	CU_ASSERT_EQUAL(pictures, 3);
	compressing = true;
	stripping = false;
}

static void
test_source(void)
{
	clear();
	has_chats = false;
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT_EQUAL(stored("%521/m-size%3A10"), 10);
	CU_ASSERT_EQUAL(run(1000, 0), HF_OK);
	CU_ASSERT(source.asked == 0 && written == 0 && index_log.count == index_log.before);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"names", test_names}, {"limits", test_limits}, {"failures", test_failures},
	    {"unreachable", test_unreachable}, {"slow", test_slow}, {"broken source", test_broken_source}, {"the same file", test_same},
	    {"resume", test_resume}, {"long names", test_long_names}, {"pictures", test_pictures},
	    {"from the source", test_source}, CU_TEST_INFO_NULL};
	struct host_services services = {.stop_requested = host_stop, .scratch = top};
	const struct hf_plugin *(*entry)(void);
	void *plugin = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL), *symbol;
	char line[100];
	int r;

	symbol = plugin == NULL ? NULL : dlsym(plugin, "holdfast_plugin_v1");
	if (plugin == NULL || symbol == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		if (plugin != NULL)
			(void)dlclose(plugin);
		return 99;
	}
	/* ISO C has no other way from an object to a function. */
	memcpy(&entry, &symbol, sizeof(entry));
	strategy = entry()->components[0]->ops;
	options = entry()->components[0]->options;
	if (mkdtemp(top) == NULL || host_set_extension(HF_HOST_SCRATCH, &scratch_host_extension, NULL) != HF_OK ||
	    host_set_extension(HF_HOST_IMAGE, &image, NULL) != HF_OK ||
	    host_open("media", &services, NULL, options, &host, NULL) != HF_OK) {
		(void)dlclose(plugin);
		return 99;
	}
	r = unit_run("media", tests);
	clear();
	host_free(host);
	(void)dlclose(plugin);
	(void)snprintf(line, sizeof(line), "rm -rf ./%s", top);
	return system(line) != 0 ? 99 : r;
}
