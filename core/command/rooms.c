/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/session.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/path.h"
#include "base/shell.h"
#include "base/time.h"
#include "repository/walk.h"

#define DOCUMENT_MAX ((size_t)8 << 20) /* room.json, with all that its source wrote into it */
#define NUMBER_MAX   19u               /* digits of a count that are believed */

/* How deep a directory lies: /chats/ACCOUNT/rooms/ROOM */
enum { DEPTH_CHATS = 1, DEPTH_ACCOUNT, DEPTH_ROOMS, DEPTH_ROOM };

/* The members of room.json that are shown, in this order. */
enum { ID, NAME, KIND, COUNTS, NEWEST_AT, COMPLETE, MEMBERS };
static const char *const member_names[] = {"id", "name", "kind", "counts", "newest_at", "complete"};

struct rooms {
	struct repository *repository;
	const char *account; /* only this one; NULL: all */
	bool json;
	bool found;         /* the account */
	bool failed;        /* something could not be read */
	bool in_room, told; /* where the walk is; whether the room there was listed */
	uint64_t count;
	char current[PATH_COMPONENT_MAX + 1]; /* folder of the account */
	struct buffer document, text, out;
};

/* ---- one room ---- */

static bool
is_string(const struct hf_json_value *value)
{
	return value->type == HF_JSON_STRING && value->size > 0;
}

/* A string of room.json for a person, padded; its id where there is no name. */
static void
put_column(struct rooms *rooms, const struct hf_json_value *value, size_t width)
{
	size_t i, shown = 0;

	buffer_clear(&rooms->text);
	if (is_string(value) && buffer_reserve(&rooms->text, (size_t)value->size) == HF_OK)
		rooms->text.size = (size_t)json_decode(value->data, value->size, (char *)rooms->text.data);
	if (rooms->text.size == 0)
		buffer_append_string(&rooms->text, "-");
	common_put(stdout, (const char *)rooms->text.data, rooms->text.size);
	/* Characters, not bytes: names are in all languages. */
	for (i = 0; i < rooms->text.size; i++)
		shown += (rooms->text.data[i] & 0xc0) != 0x80;
	for (; shown < width; shown++)
		(void)putchar(' ');
	(void)fputs("  ", stdout);
}

static void
put_line(struct rooms *rooms, const char *path, const struct hf_json_value *values,
    const struct hf_json_value *messages)
{
	char time[COMMON_TIME_SIZE] = "-";
	int64_t newest;
	bool known;

	if (rooms->count == 0)
		(void)printf("%-12s  %-24s  %-8s  %9s  %-19s  %s\n", "ACCOUNT", "NAME", "KIND", "MESSAGES", "NEWEST",
		    "FOLDER");
	common_put(stdout, rooms->current, strlen(rooms->current));
	(void)printf("%*s  ", strlen(rooms->current) < 12 ? (int)(12 - strlen(rooms->current)) : 0, "");
	put_column(rooms, is_string(&values[NAME]) ? &values[NAME] : &values[ID], 24);
	put_column(rooms, &values[KIND], 8);
	if (is_string(&values[NEWEST_AT]) &&
	    time_parse(values[NEWEST_AT].data, (size_t)values[NEWEST_AT].size, &newest) == HF_OK)
		(void)common_time(newest, time);
	known = messages->type == HF_JSON_NUMBER && messages->size <= NUMBER_MAX;
	(void)printf("%9.*s  %-19s  ", known ? (int)messages->size : 1, known ? messages->data : "-", time);
	common_put(stdout, path, strlen(path));
	(void)putchar('\n');
}

/* The value as room.json spells it, for it was valid there. */
static void
put_member(struct buffer *out, const char *name, const struct hf_json_value *value)
{
	const char *quote = value->type == HF_JSON_STRING ? "\"" : "";

	if (value->type != HF_JSON_STRING && value->type != HF_JSON_NUMBER && value->type != HF_JSON_TRUE &&
	    value->type != HF_JSON_FALSE)
		return;
	buffer_appendf(out, ",\"%s\":%s", name, quote);
	buffer_append(out, value->data, (size_t)value->size);
	buffer_append_string(out, quote);
}

static int
put_json(struct rooms *rooms, const char *path, const struct hf_json_value *values,
    const struct hf_json_value *messages)
{
	struct buffer *out = &rooms->out;

	buffer_append_string(out, "{");
	common_json_string(out, "account", rooms->current, strlen(rooms->current));
	put_member(out, "id", &values[ID]);
	put_member(out, "name", &values[NAME]);
	put_member(out, "kind", &values[KIND]);
	put_member(out, "messages", messages);
	put_member(out, "newest_at", &values[NEWEST_AT]);
	put_member(out, "complete", &values[COMPLETE]);
	common_json_string(out, "path", path, strlen(path));
	buffer_append_string(out, "}\n");
	return common_flush(out) == STATUS_DONE ? HF_OK : HF_ESTOP;
}

static int
take_bytes(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct rooms *rooms = ctx;

	buffer_append(&rooms->document, data, (size_t)size);
	return buffer_status(&rooms->document, "room.json", err);
}

/* Lists the room whose room.json is node; folder is its directory. */
static int
show_room(struct rooms *rooms, const char *folder, const struct node *node, struct hf_error *err)
{
	static const char *const messages_name[] = {"messages"};
	struct hf_json_value values[MEMBERS], messages = {NULL, 0, HF_JSON_NONE, 0};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, rooms, take_bytes};
	int r = HF_OK;

	buffer_clear(&rooms->document);
	if (node->type != NODE_FILE || node->size > DOCUMENT_MAX)
		return hf_error_set(err, HF_ECORRUPT, 0, "room.json is no file of at most %zu bytes", DOCUMENT_MAX);
	r = repository_dump(rooms->repository, node, &sink, err);
	if (r == HF_OK)
		r = json_slice_object((const char *)rooms->document.data, rooms->document.size, member_names, MEMBERS,
		    values, err);
	if (r == HF_OK && values[COUNTS].type == HF_JSON_OBJECT)
		r = json_slice_object(values[COUNTS].data, values[COUNTS].size, messages_name, 1, &messages, err);
	if (r != HF_OK)
		return r;
	if (rooms->json)
		r = put_json(rooms, folder, values, &messages);
	else
		put_line(rooms, folder, values, &messages);
	rooms->count++;
	return r != HF_OK || ferror(stdout) ? HF_ESTOP : HF_OK;
}

/* ---- the walk ---- */

/* One room is told of and left out; what would go wrong with every other one as well ends the walk. */
static int
pass_over(struct rooms *rooms, const char *path, const struct hf_error *why, struct hf_error *err)
{
	if (why->code == HF_ESTOP || why->code == HF_ENOMEM || HF_IS_TRANSIENT(why->code) ||
	    HF_IS_CONTROL(why->code)) {
		*err = *why;
		return why->code;
	}
	common_message("%s: %s", path, why->msg);
	rooms->failed = true;
	return HF_OK;
}

static int
enter(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	struct rooms *rooms = ctx;

	(void)err;
	rooms->in_room = directory->depth == DEPTH_ROOM;
	if (rooms->in_room)
		rooms->told = false;
	switch (directory->depth) {
	case DEPTH_CHATS:
		return strcmp(directory->name, "chats") == 0 ? HF_OK : WALK_SKIP;
	case DEPTH_ACCOUNT:
		if (rooms->account != NULL && strcmp(directory->name, rooms->account) != 0)
			return WALK_SKIP;
		rooms->found = true;
		(void)snprintf(rooms->current, sizeof(rooms->current), "%s", directory->name);
		return HF_OK;
	case DEPTH_ROOMS:
		return strcmp(directory->name, "rooms") == 0 ? HF_OK : WALK_SKIP;
	default:
		return directory->depth > DEPTH_ROOM ? WALK_SKIP : HF_OK;
	}
}

static int
look_at_node(void *ctx, const char *path, const struct node *node, struct hf_error *err)
{
	struct rooms *rooms = ctx;
	struct hf_error why = HF_ERROR_INIT;
	char *folder;
	int r;

	if (!rooms->in_room || node->name_size != strlen("room.json") ||
	    memcmp(node->name, "room.json", node->name_size) != 0)
		return HF_OK;
	rooms->told = true;
	folder = strndup(path, strlen(path) - strlen("/room.json"));
	if (folder == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = show_room(rooms, folder, node, &why);
	if (r == HF_ESTOP)
		why.code = HF_ESTOP;
	if (r != HF_OK)
		r = pass_over(rooms, path, &why, err);
	free(folder);
	return r;
}

/* Below a room nothing is entered, so its nodes were the last ones. */
static int
leave(void *ctx, const struct walk_directory *directory, struct hf_error *err)
{
	struct rooms *rooms = ctx;

	(void)err;
	if (directory->depth == DEPTH_ROOM && !rooms->told) {
		common_message("%s: there is no room.json in it", directory->path);
		rooms->failed = true;
	}
	return HF_OK;
}

static int
directory_failed(void *ctx, const struct walk_directory *directory, const struct hf_error *why, struct hf_error *err)
{
	struct rooms *rooms = ctx;

	rooms->told = true;
	return pass_over(rooms, directory->path, why, err);
}

static const struct walk_ops rooms_ops = {enter, look_at_node, leave, directory_failed};

/* ---- the command ---- */

static int
list_rooms(struct session *session, struct rooms *rooms, const char *name)
{
	struct hf_error err = HF_ERROR_INIT;
	struct walk_directory start = {.path = "/", .name = "", .depth = 0};
	char command[COMMON_HINT_SIZE];
	struct shell_word word;
	struct snapshot snapshot;
	int r;

	rooms->repository = session->repository;
	r = repository_find_snapshot(session->repository, name, &snapshot, &err);
	if (r != HF_OK)
		return session_error(&err);
	r = session_load_index(session, &err);
	start.tree = snapshot.tree;
	if (r == HF_OK)
		r = repository_walk(session->repository, &start, &rooms_ops, rooms, &err);
	snapshot_release(&snapshot);
	if (r == HF_ESTOP)
		return STATUS_FAILED;
	if (r != HF_OK)
		return session_error(&err);
	if (rooms->account != NULL && !rooms->found) {
		common_message("snapshot %s has no chats of an account %s; \"%s %s\" shows what is there", name,
		    rooms->account, common_hint(&session->common, "rooms", command), shell_quote(&word, name));
		return STATUS_FAILED;
	}
	if (rooms->count == 0 && !rooms->failed && !rooms->json)
		common_message("no rooms in snapshot %s", name);
	return rooms->failed ? STATUS_FAILED : STATUS_DONE;
}

static int
rooms_run(int argc, char **argv)
{
	struct rooms rooms = {.document = BUFFER_INIT(DOCUMENT_MAX), .text = BUFFER_INIT(DOCUMENT_MAX + 1),
	    .out = BUFFER_INIT((size_t)16 << 20)};
	const struct command_option options[] = {
	    {"account", 'a', "NAME", "only the rooms of this account", &rooms.account}, {NULL, 0, NULL, NULL, NULL}};
	struct session session;
	struct common common;
	int status;

	status = common_parse(&command_rooms, COMMON_JSON | COMMON_REPOSITORY, options, 0, 1, &argc, argv, &common);
	if (status != COMMON_GO_ON)
		return status;
	rooms.json = common.json;
	status = session_open(&session, &common, SESSION_LOCK);
	if (status == STATUS_DONE)
		status = list_rooms(&session, &rooms, argc > 1 ? argv[1] : "latest");
	buffer_release(&rooms.document);
	buffer_release(&rooms.text);
	buffer_release(&rooms.out);
	session_close(&session);
	return status;
}

const struct command command_rooms = {"rooms", "[-c FILE] [-r NAME] [--account NAME] [--json] [SNAPSHOT]",
    "List the rooms in a snapshot with their names and folders", rooms_run};
