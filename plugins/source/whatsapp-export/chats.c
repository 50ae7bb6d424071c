/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "../../common/folder.h"
#include "../../common/group.h"
#include "../../common/source.h"
#include "../../common/value.h"

#define DEPTH_MAX 4
/* So much of a text is looked through for a first message. */
#define LINES_MAX 20
#define CHAT_FILE "_chat.txt"

/* A look at all files. */
struct look {
	struct chats *chats;
	chats_broken_fn broken;
	void *ctx;
};

/* A look at the entries of a zip. */
struct listing {
	struct look *look;
	const char *path;
	const char *label; /* the name of a chat in it that has none */
	struct state state;
};

void
chats_init(struct chats *chats, const struct hf_host_write *write)
{
	memset(chats, 0, sizeof(*chats));
	chats->write = write;
	chats->fd = -1;
}

static void
release_chat(struct chat *chat)
{
	free(chat->name);
	free(chat->path);
	free(chat->entry);
}

static void
forget(struct chats *chats)
{
	size_t i;

	for (i = 0; i < chats->count; i++)
		release_chat(&chats->chats[i]);
	free(chats->chats);
	chats->chats = NULL;
	chats->count = chats->capacity = 0;
	chats->loaded = false;
}

void
chats_release(struct chats *chats)
{
	forget(chats);
	if (chats->fd >= 0)
		(void)close(chats->fd);
	chats->fd = -1;
	free(chats->path);
	free(chats->folder);
	free(chats->only);
	chats->path = chats->folder = chats->only = NULL;
}

int
chats_open(struct chats *chats, const char *path, const char *label, struct hf_error *err)
{
	char *real = realpath(path, NULL), *slash;
	struct stat st;

	chats->label = label;
	if (real == NULL || stat(real, &st) != 0) {
		free(real);
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s: %s; \"path\" must be a chat that WhatsApp exported, as text or zip, or a folder with them",
		    path, strerror(errno));
	}
	chats->path = strdup(path);
	chats->folder = real;
	if (!S_ISDIR(st.st_mode)) {
		slash = strrchr(real, '/');
		chats->only = strdup(slash + 1);
		slash[slash == real] = '\0';
	}
	if (chats->path == NULL || (!S_ISDIR(st.st_mode) && chats->only == NULL))
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return hf_error_set(err, HF_EINVAL, 0, "%s: neither a folder nor a file", path);
	chats->fd = open(chats->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (chats->fd < 0)
		return hf_error_set(err, errno == EACCES ? HF_EPERM : HF_EIO, errno, "%s: %s", chats->folder,
		    strerror(errno));
	return HF_OK;
}

/* ---- names ---- */

/* What WhatsApp puts before a chat's name. */
static const char *const prefixes[] = {"WhatsApp Chat with ", "WhatsApp Chat - ", "WhatsApp-Chat mit ",
    "WhatsApp Chat mit ", "Chat de WhatsApp con ", "Discussion WhatsApp avec ", "Chat WhatsApp con ",
    "Conversa do WhatsApp com ", "Conversa no WhatsApp com ", "WhatsApp-chat met ", "WhatsApp Chat met ",
    "Czat WhatsApp z ", "WhatsApp-chatt med ", "WhatsApp-chat med ",
    "\xd0\xa7\xd0\xb0\xd1\x82 WhatsApp \xd1\x81 ", "WhatsApp Sohbeti - "};

/* The last component of a path. */
static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* " (1)", which a browser adds to what is there already. */
static size_t
without_number(const char *name, size_t size)
{
	size_t i = size;

	if (size < 5 || name[size - 1] != ')')
		return size;
	for (i = size - 1; i > 0 && name[i - 1] >= '0' && name[i - 1] <= '9'; i--)
		;
	return i < size - 1 && i >= 3 && name[i - 1] == '(' && name[i - 2] == ' ' ? i - 2 : size;
}

/* A chat's name as a file, a zip or a folder tells it; NULL: out of memory. */
static char *
name_of(const char *file)
{
	size_t size = strlen(file), i, n;

	if (folder_ends_with(file, ".txt") || folder_ends_with(file, ".zip"))
		size -= 4;
	size = without_number(file, size);
	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		n = strlen(prefixes[i]);
		if (size > n && memcmp(file, prefixes[i], n) == 0)
			return strndup(file + n, size - n);
	}
	return strndup(file, size);
}

/* "_chat.txt" has the name of what it lies in. */
static char *
name_of_text(const struct chats *chats, const char *file, const char *around)
{
	if (chats->label != NULL)
		return strdup(chats->label);
	return name_of(strcasecmp(file, CHAT_FILE) == 0 ? around : file);
}

/* ---- reading ---- */

static int64_t
read_file(void *ctx, void *data, size_t size, struct hf_error *err)
{
	struct opened *opened = ctx;
	int64_t n;

	if (opened->zip != NULL)
		return zip_stream_read(opened->zip, data, size, err);
	n = state_pread(opened->fd, opened->path, opened->offset, data, size, err);
	opened->offset += n > 0 ? (uint64_t)n : 0;
	return n;
}

int
chats_read(const struct chats *chats, const struct chat *chat, struct opened *opened, struct hf_error *err)
{
	int r;

	memset(opened, 0, sizeof(*opened));
	opened->fd = -1;
	(void)snprintf(opened->path, sizeof(opened->path), "%s/%s%s%s", chats->folder, chat->path,
	    chat->entry != NULL ? "/" : "", chat->entry != NULL ? chat->entry : "");
	r = state_open_file(chats->fd, chat->path, chats->only == NULL ? O_NOFOLLOW : 0, opened->path, &opened->fd,
	    err);
	if (r == HF_OK && chat->entry != NULL)
		r = zip_stream_open(opened->fd, chat->offset, opened->path, &opened->zip, err);
	return r == HF_OK ? parts_open(&opened->parts, read_file, opened, err) : r;
}

void
chats_close(struct opened *opened)
{
	parts_close(&opened->parts);
	zip_stream_close(opened->zip);
	if (opened->fd >= 0)
		(void)close(opened->fd);
	opened->fd = -1;
	opened->zip = NULL;
}

int
chats_open_zip(const struct chats *chats, const char *path, int *ret_fd, struct state *ret_state,
    struct hf_error *err)
{
	int fd, r = state_open_file(chats->fd, path, chats->only == NULL ? O_NOFOLLOW : 0, path, &fd, err);

	if (r != HF_OK)
		return r;
	r = state_read(fd, path, ret_state, err);
	if (r != HF_OK)
		(void)close(fd);
	else
		*ret_fd = fd;
	return r;
}

bool
chats_is_current(const struct chats *chats, const struct chat *chat)
{
	return state_is_current(chats->fd, chat->path, chats->only == NULL ? AT_SYMLINK_NOFOLLOW : 0, &chat->state);
}

/* Notes what one stamp says of the order of dates; before: the times of the stamp before, both ways. */
static void
note_stamp(struct evidence *e, const struct stamp *stamp, int64_t before[2])
{
	int64_t dmy = stamp_local(stamp, ORDER_DMY), mdy = stamp_local(stamp, ORDER_MDY);

	e->messages++;
	e->unknown += stamp->order == ORDER_UNKNOWN;
	e->dmy += stamp->order == ORDER_DMY && stamp->date[0] > 12;
	e->mdy += stamp->order == ORDER_MDY;
	e->dmy_back += dmy < before[0];
	e->mdy_back += mdy < before[1];
	before[0] = dmy;
	before[1] = mdy;
}

/* Reads a text once; its evidence has no messages when it is no chat. */
static int
survey(struct chats *chats, struct chat *chat, struct hf_error *err)
{
	int64_t before[2] = {INT64_MIN, INT64_MIN};
	struct opened opened;
	struct stamp stamp;
	const char *text;
	size_t size;
	int r = chats_read(chats, chat, &opened, err), got = 0;

	digest_begin(&chats->digest, chats->write);
	opened.parts.digest = &chats->digest;
	while (r == HF_OK && (got = parts_next(&opened.parts, &text, &size, err)) > 0) {
		if (stamp_read(text, size, &stamp) > 0)
			note_stamp(&chat->evidence, &stamp, before);
		else if (opened.parts.next_line > LINES_MAX && chat->evidence.messages == 0)
			break;
	}
	chats_close(&opened);
	if (r == HF_OK && got < 0)
		r = got;
	return r == HF_OK ? digest_end(&chats->digest, chat->digest, err) : r;
}

/* ---- listing ---- */

static int
append(struct chats *chats, const struct chat *chat, struct hf_error *err)
{
	size_t capacity = chats->capacity == 0 ? 16 : chats->capacity * 2;
	struct chat *grown;

	if (chats->count == CHATS_MAX)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s: more than %u chats", chats->path, CHATS_MAX);
	if (chats->count == chats->capacity) {
		grown = realloc(chats->chats, capacity * sizeof(*grown));
		if (grown == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		chats->chats = grown;
		chats->capacity = capacity;
	}
	chats->chats[chats->count++] = *chat;
	return HF_OK;
}

static int
report(struct look *look, const char *path, const struct hf_error *why, struct hf_error *err)
{
	char full[FOLDER_PATH + 1024];

	(void)snprintf(full, sizeof(full), "%s/%s", look->chats->folder, path);
	return look->broken(look->ctx, full, why, err);
}

/* Adds a text when it is a chat; it is taken over. */
static int
add_text(struct look *look, struct chat *chat, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	bool named = chat->name != NULL && chat->path != NULL;
	int r = named ? survey(look->chats, chat, &why) : hf_error_set(&why, HF_ENOMEM, 0, "out of memory");

	/* Half of a text that is damaged may still be had. */
	if (r == HF_OK ? chat->evidence.messages > 0 : source_is_item_failure(r) && chat->evidence.messages > 0) {
		r = append(look->chats, chat, err);
		if (r == HF_OK)
			return HF_OK;
	} else if (source_is_item_failure(r)) {
		r = report(look, chat->path, &why, err);
	} else if (r != HF_OK) {
		r = hf_error_set(err, r, why.os_errno, "%s", why.msg);
	}
	release_chat(chat);
	return r;
}

/* A chat's name must be UTF-8, as it is the room's id. */
static int
check_name(struct look *look, const struct chat *chat, bool *ret_good, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;

	*ret_good = chat->name == NULL || (chat->name[0] != '\0' && value_is_utf8(chat->name, strlen(chat->name)));
	if (*ret_good)
		return HF_OK;
	(void)hf_error_set(&why, HF_EINVAL, 0, "the name is not UTF-8, so it names no chat");
	return report(look, chat->path, &why, err);
}

static int
look_at_text(struct look *look, const char *path, const struct stat *st, const char *around, struct hf_error *err)
{
	struct chat chat;
	bool good;
	int r;

	memset(&chat, 0, sizeof(chat));
	chat.name = name_of_text(look->chats, base_of(path), around);
	chat.path = strdup(path);
	chat.state = state_of(st);
	chat.size = (uint64_t)st->st_size;
	r = check_name(look, &chat, &good, err);
	if (r == HF_OK && good)
		return add_text(look, &chat, err);
	release_chat(&chat);
	return r;
}

static int
look_at_entry(void *ctx, const char *name, uint64_t offset, uint64_t size, struct hf_error *err)
{
	const struct listing *listing = ctx;
	struct look *look = listing->look;
	const char *base = base_of(name);
	struct chat chat;
	bool good;
	int r;

	/* The doubles that macOS adds. */
	if (!folder_ends_with(name, ".txt") || strncmp(base, "._", 2) == 0 || strncmp(name, "__MACOSX/", 9) == 0)
		return HF_OK;
	memset(&chat, 0, sizeof(chat));
	chat.name = name_of_text(look->chats, base, listing->label);
	chat.path = strdup(listing->path);
	chat.entry = strdup(name);
	chat.offset = offset;
	chat.state = listing->state;
	chat.size = size == ZIP_NO_SIZE ? 0 : size;
	r = chat.entry == NULL ? hf_error_set(err, HF_ENOMEM, 0, "out of memory") : check_name(look, &chat, &good, err);
	if (r == HF_OK && good)
		return add_text(look, &chat, err);
	release_chat(&chat);
	return r;
}

static int
look_at_zip(struct look *look, const char *path, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	char *label = name_of(base_of(path));
	struct listing listing = {.look = look, .path = path, .label = label};
	int fd = -1, r;

	if (label == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = chats_open_zip(look->chats, path, &fd, &listing.state, &why);
	if (r == HF_OK) {
		r = zip_list(fd, path, look_at_entry, &listing, &why);
		(void)close(fd);
	}
	free(label);
	if (source_is_item_failure(r))
		return report(look, path, &why, err);
	return r == HF_OK ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

/* A folder that is looked through. */
struct inside {
	struct look *look;
	const char *name; /* its own */
	int depth;
};

static int
look_at(void *ctx, int folder, const char *name, const char *path, struct hf_error *err)
{
	const struct inside *inside = ctx;
	struct look *look = inside->look;
	struct inside deeper = {look, name, inside->depth + 1};
	struct stat st;
	int fd;

	if (name[0] == '.' || fstatat(folder, name, &st, look->chats->only == NULL ? AT_SYMLINK_NOFOLLOW : 0) != 0)
		return HF_OK;
	if (S_ISDIR(st.st_mode)) {
		fd = inside->depth < DEPTH_MAX ? openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
		                               : -1;
		return fd >= 0 ? folder_each(fd, look->chats->folder, path, look_at, &deeper, err) : HF_OK;
	}
	if (!S_ISREG(st.st_mode))
		return HF_OK;
	if (folder_ends_with(name, ".zip"))
		return look_at_zip(look, path, err);
	if (!folder_ends_with(name, ".txt") && look->chats->only == NULL)
		return HF_OK;
	return look_at_text(look, path, &st, inside->name, err);
}

static int
compare_chats(const void *a, const void *b)
{
	const struct chat *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	if (order == 0 && x->state.mtime_ns != y->state.mtime_ns)
		order = x->state.mtime_ns < y->state.mtime_ns ? -1 : 1;
	if (order == 0)
		order = strcmp(x->path, y->path);
	return order != 0 ? order : x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int
check_all(const struct chats *chats, struct hf_error *err)
{
	if (chats->count == 0)
		return hf_error_set(err, HF_EINVAL, 0,
		    "%s: no chat that WhatsApp exported: no line in it begins as \"[31/12/2024, 23:59:59] \" or "
		    "\"31/12/24, 23:59 - \" does",
		    chats->path);
	if (chats->label != NULL && chats->count > 1)
		return hf_error_set(err, HF_EINVAL, 0, "%s: \"chat\" names one chat, but %zu are there", chats->path,
		    chats->count);
	return HF_OK;
}

int
chats_load(struct chats *chats, chats_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct look look = {.chats = chats, .broken = broken, .ctx = ctx};
	struct inside top = {&look, base_of(chats->folder), 0};
	int r;

	forget(chats);
	if (chats->only != NULL)
		r = look_at(&top, chats->fd, chats->only, chats->only, err);
	else
		r = folder_each_in(chats->fd, ".", chats->folder, look_at, &top, err);
	if (r == HF_OK)
		r = check_all(chats, err);
	if (r == HF_OK)
		qsort(chats->chats, chats->count, sizeof(chats->chats[0]), compare_chats);
	chats->loaded = r == HF_OK;
	return r;
}

size_t
chats_find(const struct chats *chats, const char *name, size_t size, const struct chat **ret_first)
{
	size_t at = 0, found = group_find(chats->chats, chats->count, sizeof(*chats->chats), name, size, &at);

	if (found > 0)
		*ret_first = &chats->chats[at];
	return found;
}
