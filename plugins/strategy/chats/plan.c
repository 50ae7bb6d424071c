/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

#include "idset.h"
#include "state.h"

#define DATA_MAX    (1u << 20)  /* of a unit */
#define ID_MAX      (64u << 10) /* of a room */
#define ACCOUNT_MAX (12u << 20)
#define CURSOR_MAX  (4u << 20)  /* of the query of rooms */
#define PATH_SIZE   (2 * HF_COMPONENT_SIZE + 32)

struct plan {
	const struct chats *chats;
	const struct hf_source_view *view;
	const struct hf_planner *planner;
	char folder[HF_COMPONENT_SIZE + 16]; /* "/chats/ACCOUNT" */
	struct idset rooms;
	struct out account; /* account.json but for its end */
	struct out id;
	struct out data;
	struct out cursor; /* of the query of rooms: that of the last snapshot, then the one for the next */
	int64_t newest_ns;
	uint64_t room_count; /* failed ones too */
	bool told; /* the account */
	bool rate_limited; /* what the source gave is not to be asked for twice */
};

/* ---- the account ---- */

static void
put_account_member(struct out *out, const char *name, const struct hf_text *text)
{
	if (text->data == NULL)
		return;
	out_literal(out, ",\"");
	out_string(out, name);
	out_literal(out, "\":");
	out_text(out, text);
}

static int
plan_identity(void *ctx, const struct hf_account *account, struct hf_error *err)
{
	struct plan *plan = ctx;

	if (plan->told)
		return HF_OK;
	plan->told = true;
	put_account_member(&plan->account, "service", &account->service);
	put_account_member(&plan->account, "id", &account->id);
	put_account_member(&plan->account, "name", &account->name);
	return out_status(&plan->account, "account.json", err);
}

static int
plan_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	struct plan *plan = ctx;

	return plan->planner->failed(plan->planner->ctx, where, why, err);
}

static int
describe_account(struct plan *plan, struct hf_error *err)
{
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = plan,
	    .account = plan_identity, .failed = plan_failed};
	struct hf_query query = {sizeof(query), HF_QUERY_ACCOUNT, 0, 0, {NULL, 0, HF_TEXT_UTF8, 0}, {NULL, 0}};
	struct hf_text account = {plan->view->account, strlen(plan->view->account), HF_TEXT_UTF8, 0};
	struct hf_text source = {plan->view->source, strlen(plan->view->source), HF_TEXT_UTF8, 0};
	int r;

	out_literal(&plan->account, "{\"schema\":\"holdfast.account/1\"");
	put_account_member(&plan->account, "account", &account);
	put_account_member(&plan->account, "source", &source);
	r = plan->view->enumerate(plan->view->ctx, &query, &sink, err);
	return r == HF_ENOTSUP ? HF_OK : r;
}

static int
write_account(struct plan *plan, struct hf_error *err)
{
	char path[PATH_SIZE];
	struct hf_blob blob;
	int r;

	state_put_cursor(&plan->cursor, "cursor", &plan->account);
	out_literal(&plan->account, "}\n");
	r = out_status(&plan->account, "account.json", err);
	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "%s/account.json", plan->folder);
	blob = (struct hf_blob){plan->account.data, plan->account.size};
	return plan->planner->file(plan->planner->ctx, path, &blob,
	    plan->newest_ns == HF_NO_TIME ? 0 : plan->newest_ns, err);
}

/* ---- units ---- */

static int
push_people(struct plan *plan, struct hf_error *err)
{
	char path[PATH_SIZE];
	struct hf_unit unit = {sizeof(unit), 0, {"people", 6, HF_TEXT_UTF8, 0}, path, {NULL, 0}, 0, 0};

	(void)snprintf(path, sizeof(path), "%s/people", plan->folder);
	return plan->planner->unit(plan->planner->ctx, &unit, err);
}

static void
put_room(struct out *data, const struct hf_room *room, bool with_raw)
{
	out_clear(data);
	out_literal(data, "{\"id\":");
	out_id(data, &room->id);
	put_account_member(data, "name", &room->name);
	put_account_member(data, "kind", &room->kind);
	put_account_member(data, "topic", &room->topic);
	if (room->created_ns != HF_NO_TIME) {
		out_literal(data, ",\"created_at\":");
		out_time(data, room->created_ns);
	}
	if (with_raw && room->raw.size > 0) {
		out_literal(data, ",\"raw\":");
		out_json(data, &room->raw);
	}
	out_literal(data, "}");
}

static int
fail_room(struct plan *plan, const struct hf_room *room, const struct hf_error *why, struct hf_error *err)
{
	const struct hf_text *label = room->id.data != NULL && room->id.size > 0 ? &room->id : &room->name;
	char name[800];

	return plan_failed(plan, item_name(plan->folder, "room", label, name, sizeof(name)), why, err);
}

/* What room_execute needs, into plan->data; a raw value that does not fit is told and left out. */
static int
describe_room(struct plan *plan, const struct hf_room *room, struct hf_error *why, struct hf_error *err)
{
	struct hf_error problem = HF_ERROR_INIT;
	int r;

	put_room(&plan->data, room, true);
	r = out_status(&plan->data, "the room's raw value is not kept", &problem);
	if (r != HF_ERANGE && r != HF_ECORRUPT)
		return out_status(&plan->data, "the room", why);
	put_room(&plan->data, room, false);
	r = out_status(&plan->data, "the room's description", why);
	return r == HF_OK ? fail_room(plan, room, &problem, err) : r;
}

static int
push_room(struct plan *plan, const struct hf_room *room, struct hf_error *err)
{
	struct hf_unit unit = {.struct_size = sizeof(unit)};
	char name[HF_COMPONENT_SIZE], path[PATH_SIZE];
	int r = plan->chats->tools.write->component(plan->id.data, plan->id.size, name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "%s/rooms/%s", plan->folder, name);
	unit.id = (struct hf_text){plan->id.data, plan->id.size, HF_TEXT_UTF8, 0};
	unit.path = path;
	unit.data = (struct hf_blob){plan->data.data, plan->data.size};
	unit.flags = plan->rate_limited ? HF_UNIT_RESUMABLE : 0;
	unit.items = room->estimated_messages;
	unit.bytes = room->estimated_bytes;
	return plan->planner->unit(plan->planner->ctx, &unit, err);
}

static int
plan_room(void *ctx, const struct hf_room *room, struct hf_error *err)
{
	struct plan *plan = ctx;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	plan->room_count++;
	if (room->id.data == NULL || room->id.size == 0) {
		(void)hf_error_set(&why, HF_EINVAL, 0, "a room without an id cannot be backed up");
		return fail_room(plan, room, &why, err);
	}
	out_clear(&plan->id);
	out_utf8(&plan->id, &room->id);
	r = out_status(&plan->id, "the room's id", &why);
	if (r == HF_OK)
		r = idset_add(&plan->rooms, &plan->chats->tools, plan->id.data, plan->id.size, &why);
	if (r == HF_OK)
		r = describe_room(plan, room, &why, &why);
	if (r == HF_ERANGE || r == HF_EEXIST)
		return fail_room(plan, room, &why, err);
	if (r != HF_OK)
		return hf_error_set(err, r, 0, "%s: %s", plan->folder, why.msg);
	if (room->created_ns > plan->newest_ns)
		plan->newest_ns = room->created_ns;
	if (room->updated_ns > plan->newest_ns)
		plan->newest_ns = room->updated_ns;
	return push_room(plan, room, err);
}

/* What the last snapshot says of where the source of all rooms was; without it, it is told anew. */
static int
read_cursor(struct plan *plan, struct hf_error *err)
{
	const struct hf_snapshot_view *snapshot = HF_HAS(plan->planner, snapshot) ? plan->planner->snapshot : NULL;
	struct out json = OUT_INIT(&plan->chats->tools, ACCOUNT_MAX);
	struct hf_sink sink = out_sink(&json);
	struct hf_error why = HF_ERROR_INIT;
	char path[PATH_SIZE];
	int r = HF_ENOTFOUND;

	(void)snprintf(path, sizeof(path), "%s/account.json", plan->folder);
	if (snapshot != NULL)
		r = snapshot->file(snapshot->ctx, path, &sink, &why);
	if (r == HF_OK)
		r = state_take_account(&plan->cursor, &json, plan->view->source, &why);
	out_release(&json);
	if (r == HF_OK || r == HF_ENOTFOUND)
		return HF_OK;
	if (r != HF_ECORRUPT && r != HF_ERANGE)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	hf_log(plan->chats->host, HF_LOG_WARNING, "%s of the last snapshot is not used: %s", path, why.msg);
	out_clear(&plan->cursor);
	return HF_OK;
}

/* Kept even where rooms fail later: their own cursors say how far they are. */
static int
plan_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct plan *plan = ctx;

	out_clear(&plan->cursor);
	if (cursor->size > CURSOR_MAX) {
		hf_log(plan->chats->host, HF_LOG_WARNING, "%s: the source's cursor is too long to be kept",
		    plan->folder);
		return HF_OK;
	}
	out_put(&plan->cursor, cursor->data, (size_t)cursor->size);
	return out_status(&plan->cursor, "the source's cursor", err);
}

static int
push_rooms(struct plan *plan, struct hf_error *err)
{
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .ctx = plan,
	    .room = plan_room, .failed = plan_failed, .checkpoint = plan_checkpoint};
	struct hf_query query = {sizeof(query), HF_QUERY_ROOMS, 0, 0, {NULL, 0, HF_TEXT_UTF8, 0}, {NULL, 0}};
	struct out before = OUT_INIT(&plan->chats->tools, CURSOR_MAX);
	int r = read_cursor(plan, err);

	/* The source reads its cursor while it pushes the next one: that goes elsewhere. */
	if (r == HF_OK) {
		out_put(&before, plan->cursor.data, plan->cursor.size);
		out_clear(&plan->cursor);
		query.cursor = (struct hf_blob){before.data, before.size};
		r = out_status(&before, "the source's cursor", err);
	}
	if (r == HF_OK)
		r = plan->view->enumerate(plan->view->ctx, &query, &sink, err);
	out_release(&before);
	return r;
}

int
plan_account(const struct chats *chats, const struct hf_source_view *view, const struct hf_planner *planner,
    struct hf_error *err)
{
	struct plan plan = {.chats = chats,
		.view = view,
		.planner = planner,
		.account = OUT_INIT(&chats->tools, ACCOUNT_MAX),
		.id = OUT_INIT(&chats->tools, ID_MAX),
		.data = OUT_INIT(&chats->tools, DATA_MAX),
		.cursor = OUT_INIT(&chats->tools, CURSOR_MAX),
		.newest_ns = HF_NO_TIME};
	char name[HF_COMPONENT_SIZE];
	struct hf_source_caps caps = {.struct_size = (uint32_t)sizeof(caps), .rate_limited = HF_UNKNOWN};
	int r = chats->tools.write->component(view->account, strlen(view->account), name, err);

	if (r == HF_OK && view->caps(view->ctx, &caps, NULL) == HF_OK)
		plan.rate_limited = caps.rate_limited == HF_YES;
	if (r == HF_OK) {
		(void)snprintf(plan.folder, sizeof(plan.folder), "/chats/%s", name);
		r = describe_account(&plan, err);
	}
	if (r == HF_OK)
		r = push_people(&plan, err);
	if (r == HF_OK)
		r = push_rooms(&plan, err);
	/* Where there never was any that is no failure, but more often a mistake than the truth. */
	if (r == HF_OK && plan.room_count == 0)
		hf_log(chats->host, HF_LOG_WARNING, "account %s: no conversation was found; if there should be some, "
		    "are its options right?", view->account);
	if (r == HF_OK)
		r = write_account(&plan, err);
	idset_release(&plan.rooms);
	out_release(&plan.account);
	out_release(&plan.id);
	out_release(&plan.data);
	out_release(&plan.cursor);
	return r;
}
