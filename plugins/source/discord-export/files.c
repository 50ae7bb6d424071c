/* SPDX-License-Identifier: BSD-2-Clause */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../common/folder.h"
#include "../../common/group.h"
#include "../../common/source.h"
#include "../../common/value.h"

#define DEPTH_MAX 8
/* What stands before the messages: a guild and a channel. */
#define HEAD_MAX (256u << 10)

/* A look at all files. */
struct look {
	struct files *files;
	files_broken_fn broken;
	void *ctx;
};

void
files_init(struct files *files, const struct hf_host_json *json, const struct hf_host_write *write)
{
	memset(files, 0, sizeof(*files));
	files->json = json;
	files->write = write;
	files->fd = -1;
}

static void
forget(struct files *files)
{
	size_t i;

	for (i = 0; i < files->count; i++) {
		free(files->files[i].path);
		free(files->files[i].channel);
	}
	free(files->files);
	files->files = NULL;
	files->count = files->capacity = 0;
	files->loaded = files->html = false;
}

void
files_release(struct files *files)
{
	forget(files);
	if (files->fd >= 0)
		(void)close(files->fd);
	files->fd = -1;
	free(files->folder);
	free(files->only);
	files->folder = files->only = NULL;
}

static int
split_path(struct files *files, const char *path, bool is_folder)
{
	const char *slash = strrchr(path, '/');

	if (is_folder) {
		files->folder = strdup(path);
		return files->folder != NULL ? HF_OK : HF_ENOMEM;
	}
	files->folder = slash == NULL ? strdup(".")
	    : slash == path           ? strdup("/")
	                              : strndup(path, (size_t)(slash - path));
	files->only = strdup(slash == NULL ? path : slash + 1);
	return files->folder != NULL && files->only != NULL ? HF_OK : HF_ENOMEM;
}

int
files_open(struct files *files, const char *path, struct hf_error *err)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s: %s; \"path\" must be a JSON file of DiscordChatExporter, or the folder with such files", path,
		    strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return hf_error_set(err, HF_EINVAL, 0, "%s: neither a folder nor a file", path);
	if (split_path(files, path, S_ISDIR(st.st_mode)) != HF_OK)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	files->fd = open(files->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->fd < 0)
		return hf_error_set(err, errno == EACCES ? HF_EPERM : HF_EIO, errno, "%s: %s", files->folder,
		    strerror(errno));
	return HF_OK;
}

/* ---- one file ---- */

static int64_t
read_opened(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err)
{
	const struct opened *opened = ctx;

	return state_pread(opened->fd, opened->path, offset, data, size, err);
}

static int
open_path(const struct files *files, const char *path, struct opened *opened, struct hf_error *err)
{
	int r;

	opened->fd = -1;
	opened->walk.data = NULL;
	(void)snprintf(opened->path, sizeof(opened->path), "%s/%s", files->folder, path);
	r = state_open_file(files->fd, path, files->only == NULL ? O_NOFOLLOW : 0, opened->path, &opened->fd, err);
	return r == HF_OK ? walk_open(&opened->walk, files->json, read_opened, opened, err) : r;
}

int
files_read(const struct files *files, const struct file *file, struct opened *opened, struct hf_error *err)
{
	int r = open_path(files, file->path, opened, err);

	if (r == HF_OK)
		walk_seek(&opened->walk, file->messages);
	return r;
}

void
files_close(struct opened *opened)
{
	walk_close(&opened->walk);
	if (opened->fd >= 0)
		(void)close(opened->fd);
	opened->fd = -1;
}

bool
files_is_current(const struct files *files, const struct file *file)
{
	return state_is_current(files->fd, file->path, files->only == NULL ? AT_SYMLINK_NOFOLLOW : 0, &file->state);
}

/* What a file's head has told so far. */
struct head {
	struct file file;
	bool guild;
	bool channel;
};

/* A copy of an object's text member; NULL where there is none. */
static int
copy_member(const struct files *files, const char *text, size_t size, const char *name, char **ret_copy,
    struct hf_error *err)
{
	struct hf_json_value value;
	struct hf_text id;
	size_t length;
	int r = files->json->object(text, size, &name, 1, &value, err);

	if (r != HF_OK)
		return r;
	id = value_text(&value);
	if (id.data == NULL)
		return HF_OK;
	free(*ret_copy);
	*ret_copy = value_copy(files->json, &id, &length);
	if (*ret_copy == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	/* A NUL would make another id of it. */
	if (strlen(*ret_copy) != length) {
		free(*ret_copy);
		*ret_copy = NULL;
	}
	return HF_OK;
}

/* The id of the first message, by which parts are put in order. */
static int
take_first(struct walk *walk, const struct files *files, struct head *head)
{
	struct hf_error why = HF_ERROR_INIT;
	const char *text;
	bool first = true;
	char *id = NULL;
	size_t size;
	int r = walk_peek(walk, &why);

	if (r < 0)
		return r;
	head->file.messages = walk_tell(walk);
	r = walk_enter(walk, '[', &why);
	if (r == HF_OK)
		r = walk_next(walk, ']', &first, &why);
	if (r <= 0 || walk_value(walk, WALK_MAX, &text, &size, &why) != HF_OK)
		return HF_OK;
	/* What is wrong with it is told when messages are read. */
	if (copy_member(files, text, size, "id", &id, &why) == HF_OK && id != NULL &&
	    strlen(id) < sizeof(head->file.first))
		(void)snprintf(head->file.first, sizeof(head->file.first), "%s", id);
	free(id);
	return HF_OK;
}

static int
take_member(struct walk *walk, const struct files *files, const struct hf_text *name, struct head *head,
    struct hf_error *err)
{
	const char *text;
	size_t size;
	int64_t ns;
	int r = walk_value(walk, HEAD_MAX, &text, &size, err);

	if (r == HF_ERANGE)
		return walk_skip(walk, err);
	if (r != HF_OK)
		return r;
	if (value_text_is(name, "guild")) {
		head->guild = true;
	} else if (value_text_is(name, "channel")) {
		head->channel = true;
		return copy_member(files, text, size, "id", &head->file.channel, err);
	} else if (value_text_is(name, "exportedAt") && size > 2 && text[0] == '"') {
		ns = files->write->parse_time(text + 1, size - 2);
		head->file.exported_ns = ns > 0 ? ns : 0;
	}
	return HF_OK;
}

/* Reads a file up to its messages.  1: it is an export; 0: it is something else; or what is wrong with it. */
static int
read_head(const struct files *files, struct opened *opened, struct head *head, struct hf_error *err)
{
	struct walk *walk = &opened->walk;
	struct hf_text name;
	bool first = true, messages = false;
	int r = walk_begin(walk, err), c;

	c = r == HF_OK ? walk_peek(walk, err) : r;
	if (c == 0)
		return hf_error_set(err, HF_ECORRUPT, 0, "the file is empty: was the export interrupted?");
	if (c != '{')
		return c < 0 ? c : 0;
	r = walk_enter(walk, '{', err);
	while (r == HF_OK && !messages && (r = walk_next(walk, '}', &first, err)) > 0) {
		r = walk_name(walk, &name, err);
		messages = r == HF_OK && value_text_is(&name, "messages");
		if (r == HF_OK && !messages)
			r = take_member(walk, files, &name, head, err);
	}
	if (!head->guild && !head->channel)
		return r == HF_OK || r == HF_ECORRUPT ? 0 : r;
	if (r == HF_OK && !messages)
		return hf_error_set(err, HF_ECORRUPT, 0, "there are no \"messages\" in it");
	if (r != HF_OK)
		return r;
	if (head->file.channel == NULL)
		return hf_error_set(err, HF_ECORRUPT, 0, "the channel has no \"id\"");
	r = take_first(walk, files, head);
	return r == HF_OK ? 1 : r;
}

static int
add_file(struct files *files, const struct file *file, struct hf_error *err)
{
	size_t capacity = files->capacity == 0 ? 64 : files->capacity * 2;
	struct file *grown;

	if (files->count == FILES_MAX)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s: more than %u files", files->folder, FILES_MAX);
	if (files->count == files->capacity) {
		grown = realloc(files->files, capacity * sizeof(*grown));
		if (grown == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
		files->files = grown;
		files->capacity = capacity;
	}
	files->files[files->count++] = *file;
	return HF_OK;
}

static int
look_at_file(struct look *look, const char *path, struct hf_error *err)
{
	struct files *files = look->files;
	struct hf_error why = HF_ERROR_INIT;
	struct opened opened;
	struct head head;
	int r, told;

	memset(&head, 0, sizeof(head));
	r = open_path(files, path, &opened, &why);
	if (r == HF_OK)
		r = state_read(opened.fd, opened.path, &head.file.state, &why);
	if (r == HF_OK)
		r = read_head(files, &opened, &head, &why);
	files_close(&opened);
	told = r < 0 ? (source_is_item_failure(r) ? look->broken(look->ctx, opened.path, &why, err)
	                                          : hf_error_set(err, r, why.os_errno, "%s", why.msg))
	             : HF_OK;
	/* Of a file that is cut off before its messages at least the channel is known. */
	if (told == HF_OK && r != 0 && head.file.channel != NULL) {
		head.file.path = strdup(path);
		told = head.file.path == NULL ? hf_error_set(err, HF_ENOMEM, 0, "out of memory")
		                              : add_file(files, &head.file, err);
		if (told == HF_OK)
			return HF_OK;
	}
	free(head.file.path);
	free(head.file.channel);
	return told;
}

/* ---- all files ---- */

/* A folder that is looked through. */
struct inside {
	struct look *look;
	int depth;
};

static int look_into(const struct inside *inside, int parent, const char *name, const char *path,
    struct hf_error *err);

static int
look_at_entry(void *ctx, int folder, const char *name, const char *path, struct hf_error *err)
{
	const struct inside *inside = ctx;
	struct look *look = inside->look;
	struct stat st;

	if (name[0] == '.' || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return HF_OK;
	/* The folders with the media of an export are called after it. */
	if (S_ISDIR(st.st_mode))
		return inside->depth == DEPTH_MAX || folder_ends_with(name, "_Files")
		    ? HF_OK
		    : look_into(inside, folder, name, path, err);
	if (folder_ends_with(name, ".html") || folder_ends_with(name, ".csv") || folder_ends_with(name, ".txt"))
		look->files->html = true;
	if (!S_ISREG(st.st_mode) || !folder_ends_with(name, ".json"))
		return HF_OK;
	return look_at_file(look, path, err);
}

static int
look_into(const struct inside *inside, int parent, const char *name, const char *path, struct hf_error *err)
{
	struct look *look = inside->look;
	struct inside deeper = {look, inside->depth + 1};
	struct hf_error why = HF_ERROR_INIT;
	char full[FOLDER_PATH + 1024];
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0)
		return folder_each(fd, look->files->folder, path, look_at_entry, &deeper, err);
	(void)hf_error_set(&why, errno == EACCES ? HF_EPERM : HF_EIO, errno, "%s", strerror(errno));
	(void)snprintf(full, sizeof(full), "%s/%s", look->files->folder, path);
	return look->broken(look->ctx, full, &why, err);
}

/* Ids are numbers of any length: the shorter is the smaller. */
static int
compare_ids(const char *a, const char *b)
{
	size_t x = strlen(a), y = strlen(b);

	return x != y ? (x < y ? -1 : 1) : strcmp(a, b);
}

/* What was exported later says what is so now, and so is read last. */
static int
compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	int order = strcmp(x->channel, y->channel);

	if (order == 0 && x->exported_ns != y->exported_ns)
		order = x->exported_ns < y->exported_ns ? -1 : 1;
	if (order == 0)
		order = compare_ids(x->first, y->first);
	return order != 0 ? order : strcmp(x->path, y->path);
}

static int
check_any(const struct files *files, struct hf_error *err)
{
	const char *what = files->only != NULL ? files->only : "";

	if (files->count > 0)
		return HF_OK;
	return hf_error_set(err, HF_EINVAL, 0, "%s/%s: no export of DiscordChatExporter in JSON%s%s", files->folder,
	    what, files->only != NULL ? "" : " in it",
	    files->html ? "; there are files of another format: choose the format JSON" : "");
}

int
files_load(struct files *files, files_broken_fn broken, void *ctx, struct hf_error *err)
{
	struct look look = {files, broken, ctx};
	struct inside top = {&look, 0};
	int r;

	forget(files);
	if (files->only != NULL)
		r = look_at_file(&look, files->only, err);
	else
		r = folder_each_in(files->fd, ".", files->folder, look_at_entry, &top, err);
	if (r == HF_OK)
		r = check_any(files, err);
	if (r == HF_OK)
		qsort(files->files, files->count, sizeof(files->files[0]), compare_files);
	files->loaded = r == HF_OK;
	return r;
}

size_t
files_find(const struct files *files, const char *channel, size_t size, const struct file **ret_first)
{
	size_t at = 0, found = group_find(files->files, files->count, sizeof(*files->files), channel, size, &at);

	if (found > 0)
		*ret_first = &files->files[at];
	return found;
}
