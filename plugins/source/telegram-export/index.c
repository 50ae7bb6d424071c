/* SPDX-License-Identifier: BSD-2-Clause */
#include "index.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/group.h"
#include "../../common/value.h"

/* A chat's type and id are short. */
#define SHORT_MAX 4096u

/* Telegram's types of chats: whose ids they share, and what kind of room they are. */
static const struct type {
	const char *name;
	const char *prefix;
	const char *kind;
} types[] = {
	{"personal_chat", "user", "direct"}, {"bot_chat", "user", "direct"}, {"saved_messages", "user", "direct"},
	{"replies", "user", "direct"}, {"verify_codes", "user", "direct"}, {"private_group", "chat", "group"},
	{"private_supergroup", "channel", "group"}, {"public_supergroup", "channel", "group"},
	{"private_channel", "channel", "channel"}, {"public_channel", "channel", "channel"},
};

/* The pass over the file. */
struct pass {
	struct index *index;
	struct walk walk;
	index_broken_fn broken;
	void *ctx;
	bool known; /* something was there that only an export of Telegram has */
};

/* One object that may be a chat, while it is passed. */
struct candidate {
	struct chat chat;
	char type[64];
	char id[64];
	bool has_messages;
};

void
index_init(struct index *index, const struct hf_host_json *json, const struct hf_host_write *write)
{
	memset(index, 0, sizeof(*index));
	index->json = json;
	index->write = write;
	index->fd = -1;
}

void
index_release(struct index *index)
{
	size_t i;

	for (i = 0; i < index->count; i++)
		free(index->chats[i].id);
	free(index->chats);
	free(index->path);
	if (index->fd >= 0)
		(void)close(index->fd);
	index_init(index, index->json, index->write);
}

static int64_t
read_file(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	const struct index *index = ctx;

	return state_pread(index->fd, index->path, offset, data, size, err);
}

int
index_walk(const struct index *index, uint64_t offset, struct walk *walk, struct hf_error *err)
{
	int r = walk_open(walk, index->json, read_file, (void *)(uintptr_t)index, err);

	if (r == HF_OK)
		walk_seek(walk, offset);
	return r;
}

/* What can be told and left behind; all else ends the pass. */
static bool
is_broken(int r)
{
	return r == HF_ECORRUPT || r == HF_ERANGE;
}

static int
report(struct pass *pass, uint64_t offset, const struct hf_error *why, struct hf_error *err)
{
	pass->index->broken = true;
	return pass->broken(pass->ctx, offset, why, err);
}

/* A short string or number as UTF-8 into text; "" for everything else. */
static int
take_short(struct walk *walk, char *text, size_t size, struct hf_error *err)
{
	struct hf_json_value value = {NULL, 0, HF_JSON_NONE, 0};
	static const char *const names[] = {"v"};
	char object[SHORT_MAX + 16], *copy;
	struct hf_text found;
	const char *data;
	size_t length = 0;
	int r = walk_value(walk, SHORT_MAX, &data, &length, err);

	if (r == HF_ERANGE)
		return walk_skip(walk, err);
	if (r != HF_OK)
		return r;
	(void)snprintf(object, sizeof(object), "{\"v\":%.*s}", (int)length, data);
	if (walk->json->object(object, strlen(object), names, 1, &value, NULL) != HF_OK)
		return HF_OK;
	found = value_text(&value);
	if (found.data == NULL || found.size >= size)
		return HF_OK;
	copy = value_copy(walk->json, &found, &length);
	if (copy == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	if (strlen(copy) == length)
		(void)snprintf(text, size, "%s", copy);
	free(copy);
	return HF_OK;
}

static int
pass_messages(struct pass *pass, struct candidate *candidate, struct hf_error *err)
{
	struct walk *walk = &pass->walk;
	struct chat *chat = &candidate->chat;
	bool first = true;
	int r = walk_peek(walk, err), ended;

	if (r < 0)
		return r;
	if (r != '[')
		return walk_skip(walk, err);
	candidate->has_messages = true;
	chat->messages = walk_tell(walk);
	chat->count = 0;
	digest_begin(&pass->index->digest, pass->index->write);
	walk->digest = &pass->index->digest;
	r = walk_enter(walk, '[', err);
	while (r == HF_OK && (r = walk_next(walk, ']', &first, err)) > 0) {
		r = walk_skip(walk, err);
		chat->count += r == HF_OK;
	}
	walk->digest = NULL;
	chat->end = walk_tell(walk);
	chat->cut = r != HF_OK;
	ended = digest_end(&pass->index->digest, chat->digest, r == HF_OK ? err : NULL);
	return r == HF_OK ? ended : r;
}

/* Takes what makes a chat of an object; false: the member is none such. */
static bool
chat_member(struct pass *pass, const struct hf_text *name, struct candidate *candidate, int *ret_r,
    struct hf_error *err)
{
	if (value_text_is(name, "type"))
		*ret_r = take_short(&pass->walk, candidate->type, sizeof(candidate->type), err);
	else if (value_text_is(name, "id"))
		*ret_r = take_short(&pass->walk, candidate->id, sizeof(candidate->id), err);
	else if (value_text_is(name, "messages"))
		*ret_r = pass_messages(pass, candidate, err);
	else
		return false;
	return true;
}

static int
append_chat(struct index *index, const struct chat *chat, struct hf_error *err)
{
	size_t capacity = index->capacity == 0 ? 64 : index->capacity * 2;
	struct chat *chats;

	if (index->count == INDEX_CHATS_MAX)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s: more than %u chats", index->path, INDEX_CHATS_MAX);
	if (index->count == index->capacity) {
		chats = realloc(index->chats, capacity * sizeof(*chats));
		if (chats == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		index->chats = chats;
		index->capacity = capacity;
	}
	index->chats[index->count++] = *chat;
	return HF_OK;
}

/* Adds a candidate to the index, or tells why it is none. */
static int
add_chat(struct pass *pass, struct candidate *candidate, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *prefix = candidate->type[0] != '\0' ? candidate->type : "peer";
	char id[sizeof(candidate->type) + sizeof(candidate->id)];
	size_t i;
	int r;

	if (candidate->id[0] == '\0') {
		(void)hf_error_set(&why, HF_ECORRUPT, 0, "a chat without \"id\"");
		return report(pass, candidate->chat.object, &why, err);
	}
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].name, candidate->type) == 0) {
			prefix = types[i].prefix;
			candidate->chat.kind = types[i].kind;
		}
	(void)snprintf(id, sizeof(id), "%s%s", prefix, candidate->id);
	candidate->chat.id = strdup(id);
	if (candidate->chat.id == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = append_chat(pass->index, &candidate->chat, err);
	if (r != HF_OK)
		free(candidate->chat.id);
	return r;
}

/* Passes one element of a list of chats. */
static int
pass_chat(struct pass *pass, struct hf_error *err)
{
	struct candidate candidate;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_text name;
	bool first = true;
	int c = walk_peek(&pass->walk, err), r, added;

	if (c != '{')
		return c < 0 ? c : walk_skip(&pass->walk, err);
	memset(&candidate, 0, sizeof(candidate));
	candidate.chat.object = walk_tell(&pass->walk);
	r = walk_enter(&pass->walk, '{', err);
	while (r == HF_OK && (r = walk_next(&pass->walk, '}', &first, err)) > 0) {
		r = walk_name(&pass->walk, &name, err);
		if (r == HF_OK && !chat_member(pass, &name, &candidate, &r, err))
			r = walk_skip(&pass->walk, err);
	}
	/* What was there before the file ended is worth having. */
	if (r != HF_OK && !(is_broken(r) && candidate.has_messages))
		return r;
	added = add_chat(pass, &candidate, &why);
	if (added != HF_OK)
		*err = why;
	return added != HF_OK ? added : r;
}

static int
pass_chats(struct pass *pass, struct hf_error *err)
{
	bool first = true;
	int c = walk_peek(&pass->walk, err), r;

	if (c != '[')
		return c < 0 ? c : walk_skip(&pass->walk, err);
	r = walk_enter(&pass->walk, '[', err);
	while (r == HF_OK && (r = walk_next(&pass->walk, ']', &first, err)) > 0)
		r = pass_chat(pass, err);
	return r;
}

/* {"about": "...", "list": [...]}: goes through the list's chats, or notes where the list is. */
static int
pass_list(struct pass *pass, uint64_t *ret_offset, struct hf_error *err)
{
	struct hf_text name;
	bool first = true;
	int c = walk_peek(&pass->walk, err), r;

	if (c != '{')
		return c < 0 ? c : walk_skip(&pass->walk, err);
	pass->known = true;
	r = walk_enter(&pass->walk, '{', err);
	while (r == HF_OK && (r = walk_next(&pass->walk, '}', &first, err)) > 0) {
		r = walk_name(&pass->walk, &name, err);
		if (r != HF_OK)
			break;
		if (!value_text_is(&name, "list")) {
			r = walk_skip(&pass->walk, err);
			continue;
		}
		if (ret_offset == NULL) {
			r = pass_chats(pass, err);
			continue;
		}
		c = walk_peek(&pass->walk, err);
		*ret_offset = c == '[' ? walk_tell(&pass->walk) : 0;
		r = c < 0 ? c : walk_skip(&pass->walk, err);
	}
	return r;
}

/* The file itself is a list of many things, or one chat. */
static int
pass_member(struct pass *pass, const struct hf_text *name, struct candidate *whole, struct hf_error *err)
{
	int r = HF_OK, c;

	if (value_text_is(name, "chats") || value_text_is(name, "left_chats"))
		return pass_list(pass, NULL, err);
	if (value_text_is(name, "contacts"))
		return pass_list(pass, &pass->index->contacts, err);
	if (value_text_is(name, "frequent_contacts"))
		return pass_list(pass, &pass->index->frequent, err);
	if (chat_member(pass, name, whole, &r, err))
		return r;
	c = walk_peek(&pass->walk, err);
	if (c == '{' && value_text_is(name, "personal_information")) {
		pass->index->personal = walk_tell(&pass->walk);
		pass->known = true;
	}
	return c < 0 ? c : walk_skip(&pass->walk, err);
}

static int
pass_file(struct pass *pass, struct hf_error *err)
{
	struct candidate whole;
	struct hf_error why = HF_ERROR_INIT;
	struct hf_text name;
	bool first = true;
	int r = walk_begin(&pass->walk, err), c, added;

	memset(&whole, 0, sizeof(whole));
	if (r == HF_OK)
		r = walk_peek(&pass->walk, err);
	if (r < 0)
		return r;
	whole.chat.object = walk_tell(&pass->walk);
	r = walk_enter(&pass->walk, '{', err);
	while (r == HF_OK && (r = walk_next(&pass->walk, '}', &first, err)) > 0) {
		r = walk_name(&pass->walk, &name, err);
		if (r == HF_OK)
			r = pass_member(pass, &name, &whole, err);
	}
	if (whole.has_messages && (r == HF_OK || is_broken(r))) {
		pass->known = true;
		added = add_chat(pass, &whole, &why);
		if (added != HF_OK) {
			*err = why;
			return added;
		}
	}
	c = r == HF_OK ? walk_peek(&pass->walk, err) : 0;
	if (c > 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "something follows the end (at byte %" PRIu64 ")",
		    walk_tell(&pass->walk));
	return c < 0 ? c : r;
}

static int
compare_chats(const void *a, const void *b)
{
	const struct chat *x = a, *y = b;
	int order = strcmp(x->id, y->id);

	return order != 0 ? order : x->object < y->object ? -1 : x->object > y->object;
}

bool
index_is_current(const struct index *index)
{
	struct state now;

	return index->fd >= 0 && state_read(index->fd, index->path, &now, NULL) == HF_OK &&
	    state_same(&now, &index->state);
}

static int
take_file(struct index *index, int fd, const char *path, struct hf_error *err)
{
	index->fd = fd;
	index->path = strdup(path);
	if (index->path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	if (state_read(fd, path, &index->state, err) != HF_OK)
		return HF_EIO;
	index->settled = !state_is_racy(&index->state);
	return HF_OK;
}

/* Whether an open file is the one that is loaded. */
static bool
is_loaded(const struct index *index, int fd, const char *path)
{
	struct state now;

	return index->fd >= 0 && index->settled && !index->broken && state_read(fd, path, &now, NULL) == HF_OK &&
	    state_same(&now, &index->state);
}

/* How the pass ended: a file that is something else must not pass for an export without chats. */
static int
judge(struct pass *pass, int r, const struct hf_error *why, struct hf_error *err)
{
	const char *path = pass->index->path;

	if (r != HF_OK && !is_broken(r))
		return hf_error_set(err, r, why->os_errno, "%s", why->msg);
	if (!pass->known && r != HF_OK)
		return hf_error_set(err, HF_EINVAL, 0, "%s: not an export of Telegram Desktop in JSON: %.300s", path,
		    why->msg);
	if (!pass->known)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: not an export of Telegram Desktop in JSON: neither \"chats\" nor \"messages\" in it", path);
	return r == HF_OK ? HF_OK : report(pass, walk_tell(&pass->walk), why, err);
}

int
index_load(struct index *index, int fd, const char *path, index_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct pass pass = {.index = index, .broken = broken, .ctx = ctx};
	struct hf_error why = HF_ERROR_INIT;
	int r;

	if (is_loaded(index, fd, path)) {
		(void)close(fd);
		return HF_OK;
	}
	index_release(index);
	r = take_file(index, fd, path, err);
	if (r == HF_OK)
		r = index_walk(index, 0, &pass.walk, err);
	if (r == HF_OK) {
		r = pass_file(&pass, &why);
		r = judge(&pass, r, &why, err);
	}
	if (r == HF_OK && index->count > 1)
		qsort(index->chats, index->count, sizeof(index->chats[0]), compare_chats);
	walk_close(&pass.walk);
	if (r != HF_OK)
		index_release(index);
	return r;
}

size_t
index_find(const struct index *index, const char *id, size_t size, const struct chat **ret_first)
{
	size_t at = 0, found = group_find(index->chats, index->count, sizeof(*index->chats), id, size, &at);

	if (found > 0)
		*ret_first = &index->chats[at];
	return found;
}
