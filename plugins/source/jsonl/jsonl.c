/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"
#include "lines.h"
#include "media.h"
#include "record.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#include "../../common/folder.h"
#include "../../common/source.h"
#include "../../common/state.h"
#include "../../common/value.h"

#define SUFFIX        ".jsonl"
#define SUFFIX_SIZE   6
#define NAME_MAX_SIZE 255 /* of a file in messages */

/* What a message takes in a file, for estimates. */
#define LINE_BYTES 300u

struct jsonl {
	const struct hf_host *host;
	const struct hf_host_json *json;
	const struct hf_host_files *files;
	int folder;
	char *path;
	char *rooms_path;
	char *people_path;
	struct index rooms;
	struct index people;
	bool people_loaded;
	char *id; /* for ids that are decoded */
	size_t id_capacity;
	struct record record;
};

/* An enumeration under way. */
struct run {
	struct jsonl *jsonl;
	const struct hf_record_sink *sink;
	const char *path; /* of the file that is read */
	uint64_t failed;
	uint64_t unread_time; /* the first line with a time that is not understood; 0: none */
};

enum { OPTION_PATH };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "folder with rooms.jsonl, participants.jsonl and messages/", NULL, 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
jsonl_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the folder with the JSON lines");
	return HF_OK;
}

static void
jsonl_close(void *handle)
{
	struct jsonl *j = handle;

	index_release(&j->rooms);
	index_release(&j->people);
	if (j->folder >= 0)
		(void)close(j->folder);
	free(j->path);
	free(j->rooms_path);
	free(j->people_path);
	free(j->id);
	free(j);
}

/* "a/b", or NULL. */
static char *
join(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 2;
	char *path = malloc(size);

	if (path != NULL)
		(void)snprintf(path, size, "%s/%s", a, b);
	return path;
}

static int
open_folder(struct jsonl *j, struct hf_error *err)
{
	int code;

	j->folder = open(j->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (j->folder >= 0)
		return HF_OK;
	if (errno == ENOTDIR)
		return hf_error_set(err, HF_EINVAL, errno,
		    "%s: not a folder; \"path\" must name the folder that messages/ and rooms.jsonl lie in", j->path);
	code = errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO;
	return hf_error_set(err, code, errno, "%s: %s; \"path\" must be a folder with JSON lines", j->path,
	    strerror(errno));
}

/* Files that look like messages but lie where none are looked for. */
struct strays {
	char first[NAME_MAX_SIZE + 1]; /* by name */
	uint64_t count;
};

static int
add_stray(void *ctx, int folder, const char *name, const char *path, struct hf_error *err)
{
	struct strays *strays = ctx;
	size_t size = strlen(name);

	(void)folder;
	(void)path;
	(void)err;
	if (size <= SUFFIX_SIZE || size > NAME_MAX_SIZE || name[0] == '.' ||
	    strcmp(name + size - SUFFIX_SIZE, SUFFIX) != 0 || strcmp(name, "rooms.jsonl") == 0 ||
	    strcmp(name, "participants.jsonl") == 0)
		return HF_OK;
	if (strays->count++ == 0 || strcmp(name, strays->first) < 0)
		memcpy(strays->first, name, size + 1);
	return HF_OK;
}

/* A folder that holds something else must not pass for chats that are empty. */
static int
check_layout(struct jsonl *j, struct hf_error *err)
{
	struct strays strays;
	struct stat st;
	char more[64] = "";
	int r;

	if (fstatat(j->folder, "messages", &st, 0) == 0) {
		if (S_ISDIR(st.st_mode))
			return HF_OK;
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s/messages: not a folder; it must be the folder with a file ID.jsonl for each room", j->path);
	}
	if (errno != ENOENT)
		return hf_error_set(err, errno == EACCES ? HF_EPERM : HF_EIO, errno, "%s/messages: %s", j->path,
		    strerror(errno));
	memset(&strays, 0, sizeof(strays));
	r = folder_each_in(j->folder, ".", j->path, add_stray, &strays, err);
	if (r != HF_OK)
		return r;
	if (strays.count > 1)
		(void)snprintf(more, sizeof(more), " and %" PRIu64 " more", strays.count - 1);
	if (strays.count > 0)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: no folder \"messages\" in it, but %s%s; files with messages belong into messages/, and "
		    "\"path\" names the folder above that, see holdfast-jsonl(7)",
		    j->path, strays.first, more);
	if (fstatat(j->folder, "rooms.jsonl", &st, 0) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : HF_EIO, errno,
		    "%s: neither a folder \"messages\" nor a file \"rooms.jsonl\" in it; \"path\" must name the "
		    "folder that they lie in, see holdfast-jsonl(7)",
		    j->path);
	return HF_OK;
}

static int
jsonl_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct jsonl *j;
	int r = jsonl_configure(values, count, err);

	if (r != HF_OK)
		return r;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	j->host = host;
	j->folder = -1;
	j->rooms.fd = j->people.fd = -1;
	j->json = host->get_extension(host->ctx, HF_HOST_JSON);
	j->files = host->get_extension(host->ctx, HF_HOST_FILES);
	j->path = strdup(values[OPTION_PATH].text);
	j->rooms_path = join(values[OPTION_PATH].text, "rooms.jsonl");
	j->people_path = join(values[OPTION_PATH].text, "participants.jsonl");
	if (j->json == NULL || !HF_HAS(j->json, members)) {
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_JSON);
		goto fail;
	}
	if (j->path == NULL || j->rooms_path == NULL || j->people_path == NULL) {
		r = hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		goto fail;
	}
	j->record.json = j->json;
	index_init(&j->rooms, j->json, j->rooms_path);
	index_init(&j->people, j->json, j->people_path);
	r = open_folder(j, err);
	if (r == HF_OK)
		r = check_layout(j, err);
	if (r != HF_OK)
		goto fail;
	*ret_handle = j;
	return HF_OK;
fail:
	jsonl_close(j);
	return r;
}

/* Opens a plain file below the folder; HF_OK with *ret_fd -1 when it is not there. */
static int
open_file(struct jsonl *j, const char *name, const char *path, int *ret_fd, struct hf_error *err)
{
	int r;

	*ret_fd = -1;
	r = state_open_file(j->folder, name, 0, path, ret_fd, err);
	return r == HF_ENOTFOUND ? HF_OK : r;
}

static int
report(struct run *run, const char *where, const struct hf_error *why, struct hf_error *err)
{
	run->failed++;
	return source_failed(run->jsonl->host, run->sink, where, why, err);
}

static int
report_line(void *ctx, uint64_t number, const struct hf_error *why, struct hf_error *err)
{
	struct run *run = ctx;
	char where[1200];

	(void)snprintf(where, sizeof(where), "%s:%" PRIu64, run->path, number);
	return report(run, where, why, err);
}

static int
stopping(struct jsonl *j, struct hf_error *err)
{
	return source_go_on(j->host, j->path, err);
}

static bool
blank(const char *line, size_t size)
{
	while (size > 0 && (*line == ' ' || *line == '\t' || *line == '\r'))
		line++, size--;
	return size == 0;
}

/*
 * File names in messages: the room's id, where %XX stands for a byte.  What must be written so: '/',
 * U+0000, a leading '.', and a '%' that two hexadecimal digits follow.
 */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
is_escape(const char *p, size_t left)
{
	return left >= 3 && p[0] == '%' && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0;
}

/* Writes the name of an id's file; false when it would be too long for one. */
static bool
name_of(const char *id, size_t size, char name[NAME_MAX_SIZE + 1])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, n = 0;

	for (i = 0; i < size; i++) {
		unsigned char c = (unsigned char)id[i];

		if (n + 3 > NAME_MAX_SIZE - SUFFIX_SIZE)
			return false;
		if (c < 0x20 || c == 0x7f || c == '/' || (c == '.' && i == 0) || is_escape(id + i, size - i)) {
			name[n++] = '%';
			name[n++] = hex[c >> 4];
			name[n++] = hex[c & 15];
		} else {
			name[n++] = (char)c;
		}
	}
	memcpy(name + n, SUFFIX, SUFFIX_SIZE + 1);
	return true;
}

/* The id that a file name stands for; 0: the name is none of ours. */
static size_t
id_of_name(const char *name, char id[NAME_MAX_SIZE + 1])
{
	size_t size = strlen(name), i, n = 0;

	if (size <= SUFFIX_SIZE || size > NAME_MAX_SIZE || name[0] == '.' ||
	    strcmp(name + size - SUFFIX_SIZE, SUFFIX) != 0)
		return 0;
	size -= SUFFIX_SIZE;
	for (i = 0; i < size; i++) {
		if (is_escape(name + i, size - i)) {
			id[n++] = (char)(hex_digit(name[i + 1]) * 16 + hex_digit(name[i + 2]));
			i += 2;
		} else {
			id[n++] = name[i];
		}
	}
	return n;
}

/* "messages/NAME" and the same with the folder before it. */
struct room_file {
	char name[sizeof("messages/") + NAME_MAX_SIZE];
	char path[1024];
};

static bool
room_file_of(const struct jsonl *j, const char *id, size_t size, struct room_file *file)
{
	memcpy(file->name, "messages/", 9);
	if (size == 0 || !name_of(id, size, file->name + 9))
		return false;
	(void)snprintf(file->path, sizeof(file->path), "%s/%s", j->path, file->name);
	return true;
}

/*
 * A cursor is the state of the file it was made from, and how far reading had come: offset and line
 * where it did not reach the end.  One that is not "trusted" never counts as unchanged.
 */
struct cursor {
	struct state state;
	uint64_t offset; /* 0: all was read */
	uint64_t line;
	bool trusted;
};

static bool
number_is(const struct hf_json_value *value, int64_t number)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%" PRId64, number);

	return value->type == HF_JSON_NUMBER && value->size == (uint64_t)n && memcmp(value->data, text, (size_t)n) == 0;
}

static uint64_t
number_of(const struct hf_json_value *value)
{
	uint64_t i, n = 0;

	if (value->type != HF_JSON_NUMBER || value->size > 18)
		return 0;
	for (i = 0; i < value->size; i++) {
		if (value->data[i] < '0' || value->data[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(value->data[i] - '0');
	}
	return n;
}

/* Whether the cursor was made from a file in that state; then also how far it had come. */
static bool
cursor_holds(const struct jsonl *j, const struct hf_blob *blob, const struct state *state,
    struct cursor *ret_cursor)
{
	static const char *const names[] = {"size", "mtime_ns", "ctime_ns", "inode", "offset", "line", "trusted"};
	struct hf_json_value v[7];

	if (blob->size == 0 || j->json->object(blob->data, blob->size, names, 7, v, NULL) != HF_OK)
		return false;
	if (!number_is(&v[0], state->size) || !number_is(&v[1], state->mtime_ns) ||
	    !number_is(&v[2], state->ctime_ns) || !number_is(&v[3], (int64_t)state->inode) ||
	    v[6].type != HF_JSON_TRUE)
		return false;
	ret_cursor->offset = number_of(&v[4]);
	ret_cursor->line = number_of(&v[5]);
	return true;
}

static int
push_cursor(const struct hf_record_sink *sink, const struct cursor *c, struct hf_error *err)
{
	struct hf_blob blob;
	char text[300];
	int n;

	if (sink->checkpoint == NULL)
		return HF_OK;
	n = snprintf(text, sizeof(text),
	    "{\"size\":%" PRId64 ",\"mtime_ns\":%" PRId64 ",\"ctime_ns\":%" PRId64 ",\"inode\":%" PRId64, c->state.size,
	    c->state.mtime_ns, c->state.ctime_ns, (int64_t)c->state.inode);
	if (c->offset > 0)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    ",\"offset\":%" PRIu64 ",\"line\":%" PRIu64, c->offset,
		    c->line);
	n += snprintf(text + n, sizeof(text) - (size_t)n, ",\"trusted\":%s}", c->trusted ? "true" : "false");
	blob.data = text;
	blob.size = (uint64_t)n;
	return sink->checkpoint(sink->ctx, &blob, err);
}

/* Times that are not understood are told once for each file, with the first line and their number. */
static void
note_times(struct run *run, const struct lines *lines)
{
	if (run->jsonl->record.unread_times > 0 && run->unread_time == 0)
		run->unread_time = lines->number;
}

static void
tell_times(struct run *run, const char *path)
{
	uint64_t count = run->jsonl->record.unread_times;

	if (run->unread_time > 0)
		hf_log(run->jsonl->host, HF_LOG_WARNING,
		    "%s:%" PRIu64 ": a time that cannot be read (in this file: %" PRIu64 "); the record is kept "
		    "without that time, see \"Times\" in holdfast-jsonl(7)",
		    path, run->unread_time, count);
	run->unread_time = run->jsonl->record.unread_times = 0;
}

static int
push_message(struct run *run, struct lines *lines, const char *line, size_t size, uint64_t *pushed,
    struct hf_error *err)
{
	struct hf_error why;
	struct hf_message message;
	size_t used;

	hf_error_init(&why);
	if (blank(line, size))
		return HF_OK;
	if (record_message(&run->jsonl->record, line, size, &message, &why) == HF_OK) {
		++*pushed;
		return run->sink->message(run->sink->ctx, &message, err);
	}
	if (lines->open_end) {
		used = strlen(why.msg);
		(void)snprintf(why.msg + used, sizeof(why.msg) - used,
		    "; the line has no end: is the file being written?");
	}
	return report_line(run, lines->number, &why, err);
}

static int
push_messages(struct run *run, struct lines *lines, struct cursor *cursor, uint32_t page, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	uint64_t pushed = 0, last = 0;
	const char *line;
	size_t size;
	int r, got;

	while ((got = lines_next(lines, &line, &size, err)) > 0) {
		if (got == LINES_LONG) {
			(void)hf_error_set(&why, HF_ERANGE, 0, "longer than %u MiB", LINES_MAX >> 20);
			r = report_line(run, lines->number, &why, err);
		} else {
			r = push_message(run, lines, line, size, &pushed, err);
			note_times(run, lines);
		}
		if (r == HF_OK && (lines->number & 255) == 0)
			r = stopping(run->jsonl, err);
		if (r == HF_OK && page > 0 && pushed - last >= page) {
			last = pushed;
			cursor->offset = lines_tell(lines);
			cursor->line = lines->number;
			/* A line that failed must be told again, so nothing after it counts as read. */
			if (run->failed > 0)
				cursor->trusted = false;
			r = push_cursor(run->sink, cursor, err);
		}
		if (r != HF_OK)
			return r;
	}
	return got;
}

/* Reads a room's file, unless it is what the cursor was made from. */
static int
read_messages(struct run *run, int fd, const struct hf_query *query, struct hf_error *err)
{
	struct cursor cursor = {{0, 0, 0, 0}, 0, 0, true};
	struct lines lines;
	struct state after;
	int r;

	lines.fd = -1;
	lines.data = NULL;
	r = state_read(fd, run->path, &cursor.state, err);
	if (r != HF_OK)
		goto out;
	cursor.trusted = !state_is_racy(&cursor.state);
	if (cursor.trusted && cursor_holds(run->jsonl, &query->cursor, &cursor.state, &cursor) && cursor.offset == 0) {
		r = push_cursor(run->sink, &cursor, err);
		goto out;
	}
	r = lines_open(&lines, fd, run->path, cursor.offset, cursor.line, err);
	fd = -1;
	if (r == HF_OK)
		r = push_messages(run, &lines, &cursor, query->page, err);
	tell_times(run, run->path);
	if (r == HF_OK)
		r = state_read(lines.fd, run->path, &after, err);
	if (r != HF_OK)
		goto out;
	cursor.offset = cursor.line = 0;
	if (run->failed > 0 || !state_same(&cursor.state, &after))
		cursor.trusted = false;
	r = push_cursor(run->sink, &cursor, err);
out:
	if (fd >= 0)
		(void)close(fd);
	lines_close(&lines);
	return r;
}

static int
enumerate_messages(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	static const struct cursor nothing = {{-1, 0, 0, 0}, 0, 0, false};
	struct room_file file;
	int fd, r;

	if (query->room.data == NULL || !room_file_of(run->jsonl, query->room.data, (size_t)query->room.size, &file))
		return push_cursor(run->sink, &nothing, err);
	r = open_file(run->jsonl, file.name, file.path, &fd, err);
	if (r != HF_OK)
		return r;
	if (fd < 0)
		return push_cursor(run->sink, &nothing, err);
	run->path = file.path;
	r = read_messages(run, fd, query, err);
	run->path = NULL;
	return r;
}

/* Adds what the size of a room's file tells. */
static void
estimate(const struct jsonl *j, const char *id, size_t size, struct hf_room *room)
{
	struct room_file file;
	struct stat st;

	if (room_file_of(j, id, size, &file) && fstatat(j->folder, file.name, &st, 0) == 0 && S_ISREG(st.st_mode))
		room->estimated_bytes = (uint64_t)st.st_size;
	if (room->estimated_messages == 0 && room->estimated_bytes > 0)
		room->estimated_messages = room->estimated_bytes < LINE_BYTES ? 1 : room->estimated_bytes / LINE_BYTES;
}

/* Pushes the room on one line of rooms.jsonl, unless a later line has the same id. */
static int
push_room(struct run *run, const struct lines *lines, const char *line, size_t size, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	struct hf_json_value members;
	struct hf_room room;
	const char *id, *found;
	size_t id_size, found_size;
	uint64_t offset;
	int r;

	/* Lines that are no rooms were told of when the index was made. */
	if (record_room(&j->record, line, size, &room, &members, NULL) != HF_OK)
		return HF_OK;
	id = record_utf8(j->json, &room.id, &j->id, &j->id_capacity, &id_size);
	if (id == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", run->path);
	r = index_find(&j->rooms, id, id_size, &found, &found_size, &offset, err);
	if (r < 0 || (r > 0 && offset != lines->offset))
		return r < 0 ? r : HF_OK;
	estimate(j, id, id_size, &room);
	return run->sink->room(run->sink->ctx, &room, err);
}

static int
push_listed_rooms(struct run *run, struct hf_error *err)
{
	struct lines lines;
	const char *line;
	size_t size;
	int fd, r;

	r = open_file(run->jsonl, "rooms.jsonl", run->jsonl->rooms_path, &fd, err);
	if (r != HF_OK || fd < 0)
		return r;
	r = lines_open(&lines, fd, run->jsonl->rooms_path, 0, 0, err);
	while (r == HF_OK) {
		r = lines_next(&lines, &line, &size, err);
		if (r <= 0)
			break;
		r = r == LINES_ONE && !blank(line, size) ? push_room(run, &lines, line, size, err) : HF_OK;
		note_times(run, &lines);
		if (r == HF_OK)
			r = stopping(run->jsonl, err);
	}
	tell_times(run, run->jsonl->rooms_path);
	lines_close(&lines);
	return r;
}

/* Pushes the room of a file in messages that rooms.jsonl does not list. */
static int
push_found_room(struct run *run, const char *name, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	struct hf_error why = HF_ERROR_INIT;
	char id[NAME_MAX_SIZE + 1], canonical[NAME_MAX_SIZE + 1], where[1400];
	struct hf_room room;
	const char *found;
	size_t size, found_size;
	uint64_t offset;
	int r;

	memset(id, 0, sizeof(id));
	canonical[0] = '\0';
	size = id_of_name(name, id);
	if (size == 0)
		return HF_OK;
	(void)snprintf(where, sizeof(where), "%s/messages/%s", j->path, name);
	if (!value_is_utf8(name, strlen(name)) || !value_is_utf8(id, strlen(id))) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "the file's name is not UTF-8, so it names no room");
		return report(run, where, &why, err);
	}
	if (!name_of(id, size, canonical) || strcmp(canonical, name) != 0) {
		(void)hf_error_set(&why, HF_EINVAL, 0,
		    "a room's file must be named as its id is spelled: %s", canonical);
		return report(run, where, &why, err);
	}
	r = index_find(&j->rooms, id, size, &found, &found_size, &offset, err);
	if (r != 0)
		return r < 0 ? r : HF_OK;
	memset(&room, 0, sizeof(room));
	room.struct_size = sizeof(room);
	room.id = (struct hf_text){id, size, HF_TEXT_UTF8, 0};
	room.created_ns = room.updated_ns = HF_NO_TIME;
	estimate(j, id, size, &room);
	return run->sink->room(run->sink->ctx, &room, err);
}

static int
push_entry(void *ctx, int folder, const char *name, const char *path, struct hf_error *err)
{
	struct run *run = ctx;
	int r = push_found_room(run, name, err);

	(void)folder;
	(void)path;
	return r == HF_OK ? stopping(run->jsonl, err) : r;
}

static int
push_found_rooms(struct run *run, struct hf_error *err)
{
	struct stat st;

	if (fstatat(run->jsonl->folder, "messages", &st, 0) != 0 && errno == ENOENT)
		return HF_OK;
	return folder_each_in(run->jsonl->folder, "messages", run->jsonl->path, push_entry, run, err);
}

static int
load_rooms(struct run *run, bool again, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	int fd, r;

	if (j->rooms.fd >= 0 && !again)
		return HF_OK;
	run->path = j->rooms_path;
	r = open_file(j, "rooms.jsonl", j->rooms_path, &fd, err);
	return r == HF_OK ? index_load(&j->rooms, fd, report_line, run, err) : r;
}

static int
enumerate_rooms(struct run *run, struct hf_error *err)
{
	int r = load_rooms(run, true, err);

	if (r == HF_OK)
		r = push_listed_rooms(run, err);
	return r == HF_OK ? push_found_rooms(run, err) : r;
}

static int
load_people(struct run *run, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	int fd, r;

	if (j->people_loaded)
		return HF_OK;
	run->path = j->people_path;
	r = open_file(j, "participants.jsonl", j->people_path, &fd, err);
	if (r == HF_OK)
		r = index_load(&j->people, fd, report_line, run, err);
	j->people_loaded = r == HF_OK;
	return r;
}

/* Pushes the person with an id; one that participants.jsonl does not list has nothing but the id. */
static int
push_member(struct run *run, const struct hf_text *text, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	struct hf_participant person;
	const char *id, *line;
	size_t id_size, size;
	uint64_t offset;
	int r;

	id = record_utf8(j->json, text, &j->id, &j->id_capacity, &id_size);
	if (id == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", run->path);
	r = index_find(&j->people, id, id_size, &line, &size, &offset, err);
	if (r < 0)
		return r;
	if (r == 0 || record_participant(j->json, line, size, &person, NULL) != HF_OK) {
		memset(&person, 0, sizeof(person));
		person.struct_size = sizeof(person);
		person.id = *text;
	}
	return run->sink->participant(run->sink->ctx, &person, err);
}

static int
push_members(struct run *run, const struct hf_query *query, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	struct hf_json_value members, member;
	struct hf_room room;
	struct hf_text text;
	const char *line;
	uint64_t offset, pos = 0;
	size_t size;
	int r;

	r = load_rooms(run, false, err);
	if (r == HF_OK)
		r = load_people(run, err);
	if (r != HF_OK)
		return r;
	r = index_find(&j->rooms, query->room.data, (size_t)query->room.size, &line, &size, &offset, err);
	if (r <= 0)
		return r;
	r = record_room(&j->record, line, size, &room, &members, err);
	if (r != HF_OK || members.type != HF_JSON_ARRAY)
		return r;
	while ((r = j->json->next(&members, &pos, NULL, &member, err)) > 0) {
		text = record_text(&member);
		if (text.data != NULL && text.size > 0)
			r = push_member(run, &text, err);
		else
			r = HF_OK;
		if (r == HF_OK)
			r = stopping(j, err);
		if (r != HF_OK)
			return r;
	}
	return r;
}

static int
push_people(struct run *run, struct hf_error *err)
{
	struct jsonl *j = run->jsonl;
	struct hf_participant person;
	struct lines lines;
	const char *line;
	size_t size;
	int fd, r;

	r = load_people(run, err);
	if (r == HF_OK)
		r = open_file(j, "participants.jsonl", j->people_path, &fd, err);
	if (r != HF_OK || fd < 0)
		return r;
	r = lines_open(&lines, fd, j->people_path, 0, 0, err);
	while (r == HF_OK && (r = lines_next(&lines, &line, &size, err)) > 0) {
		if (r == LINES_ONE && record_participant(j->json, line, size, &person, NULL) == HF_OK)
			r = run->sink->participant(run->sink->ctx, &person, err);
		else
			r = HF_OK;
		if (r == HF_OK)
			r = stopping(j, err);
	}
	lines_close(&lines);
	return r;
}

static int
enumerate_account(struct run *run, struct hf_error *err)
{
	struct hf_account account;

	memset(&account, 0, sizeof(account));
	account.struct_size = sizeof(account);
	account.service = (struct hf_text){"jsonl", 5, HF_TEXT_UTF8, 0};
	return run->sink->account(run->sink->ctx, &account, err);
}

static int
jsonl_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct run run = {handle, sink, NULL, 0, 0};

	run.jsonl->record.unread_times = 0;
	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return enumerate_account(&run, err);
	case HF_QUERY_ROOMS:
		return enumerate_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		return query->room.data != NULL ? push_members(&run, query, err) : push_people(&run, err);
	case HF_QUERY_MESSAGES:
		return enumerate_messages(&run, query, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "jsonl does not know query %u", query->what);
}

static int
jsonl_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct jsonl *j = handle;

	return media_fetch(j->host, j->json, j->files, j->path, exchange, err);
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = jsonl_configure,
	.open = jsonl_open,
	.close = jsonl_close,
	.caps = source_caps_deletions,
	.enumerate = jsonl_enumerate,
	.fetch_media = jsonl_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "jsonl",
	.summary = "chats as JSON lines, the way to bring in anything else",
	.thread_model = HF_THREAD_PER_INSTANCE,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("jsonl", "source", "0.1.0", "BSD-2-Clause", components);
