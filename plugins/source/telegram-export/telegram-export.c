/* SPDX-License-Identifier: BSD-2-Clause */
#include "telegram.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#include "../../common/media.h"
#include "../../common/query.h"
#include "../../common/source.h"

#define FILE_NAME "result.json"

enum { OPTION_PATH, OPTION_TIMEZONE };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "the folder that Telegram Desktop exported to, or the result.json in it", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "timezone",
	    "where exports without time zone were made: Europe/Berlin, +01:00; else as this machine", NULL, 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static const char *
timezone_of(const struct hf_value *values, uint32_t count)
{
	return count > OPTION_TIMEZONE && values[OPTION_TIMEZONE].set ? values[OPTION_TIMEZONE].text : NULL;
}

static int
telegram_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the export's folder");
	return zone_check(timezone_of(values, count), err);
}

static void
telegram_close(void *handle)
{
	struct telegram *telegram = handle;

	people_clear(&telegram->people);
	record_release(&telegram->record);
	index_release(&telegram->index);
	zone_close(&telegram->zone);
	free(telegram->path);
	free(telegram->folder);
	free(telegram);
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

/* The folder of a file. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static bool
is_there(const char *folder, const char *name)
{
	char *path = join(folder, name);
	struct stat st;
	bool there = path != NULL && stat(path, &st) == 0;

	free(path);
	return there;
}

/* What to say of a folder without a result.json. */
static void
find_hint(const char *folder, char *hint, size_t size)
{
	struct dirent *entry;
	char *path, best[256] = "";
	DIR *dir;

	if (is_there(folder, "messages.html") || is_there(folder, "export_results.html")) {
		(void)snprintf(hint, size, "; this is an export in HTML: make one in \"Machine-readable JSON\"");
		return;
	}
	dir = opendir(folder);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof(best))
			continue;
		path = join(folder, entry->d_name);
		/* Names have the date in them: the last one by name is the newest. */
		if (path != NULL && is_there(path, FILE_NAME) && strcmp(entry->d_name, best) > 0)
			(void)snprintf(best, sizeof(best), "%s", entry->d_name);
		free(path);
	}
	(void)closedir(dir);
	if (best[0] != '\0')
		(void)snprintf(hint, size, "; there is one in its folder %s: give that one's path", best);
}

/* Finds result.json. */
static int
find_file(struct telegram *telegram, const char *path, struct hf_error *err)
{
	char hint[400] = "";
	struct stat st;

	if (stat(path, &st) != 0)
		return hf_error_set(err, errno == ENOENT ? HF_ENOTFOUND : errno == EACCES ? HF_EPERM : HF_EIO, errno,
		    "%s: %s; \"path\" must be the folder of an export of Telegram Desktop, or the result.json in it",
		    path, strerror(errno));
	if (S_ISDIR(st.st_mode)) {
		telegram->folder = strdup(path);
		telegram->path = join(path, FILE_NAME);
	} else {
		telegram->folder = folder_of(path);
		telegram->path = strdup(path);
	}
	if (telegram->folder == NULL || telegram->path == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", path);
	if (!S_ISDIR(st.st_mode) || is_there(path, FILE_NAME))
		return HF_OK;
	find_hint(path, hint, sizeof(hint));
	return hf_error_set(err, HF_EINVAL, 0, "%s: no " FILE_NAME " in it%s", path, hint);
}

static int
telegram_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct telegram *telegram;
	int r = telegram_configure(values, count, err);

	if (r != HF_OK)
		return r;
	telegram = calloc(1, sizeof(*telegram));
	if (telegram == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	telegram->host = host;
	telegram->json = host->get_extension(host->ctx, HF_HOST_JSON);
	telegram->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	telegram->files = host->get_extension(host->ctx, HF_HOST_FILES);
	telegram->record.json = telegram->json;
	telegram->record.zone = &telegram->zone;
	people_init(&telegram->people, telegram->json);
	index_init(&telegram->index, telegram->json, telegram->write);
	if (telegram->json == NULL || !HF_HAS(telegram->json, members) || telegram->write == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s and %s", HF_HOST_JSON, HF_HOST_WRITE);
	if (r == HF_OK)
		r = find_file(telegram, values[OPTION_PATH].text, err);
	if (r == HF_OK)
		r = zone_open(timezone_of(values, count), &telegram->zone, err);
	if (r != HF_OK)
		telegram_close(telegram);
	else
		*ret_handle = telegram;
	return r;
}

int
telegram_failed(struct run *run, uint64_t offset, const struct hf_error *why, struct hf_error *err)
{
	char where[1400];

	(void)snprintf(where, sizeof(where), "%s: byte %" PRIu64, run->telegram->path, offset);
	run->failed++;
	return source_failed(run->telegram->host, run->sink, where, why, err);
}

int
telegram_stopping(const struct telegram *telegram, struct hf_error *err)
{
	return source_go_on(telegram->host, telegram->path, err);
}

static int
on_broken(void *ctx, uint64_t offset, const struct hf_error *why, struct hf_error *err)
{
	return telegram_failed(ctx, offset, why, err);
}

int
telegram_index(struct run *run, struct hf_error *err)
{
	struct telegram *telegram = run->telegram;
	int fd, r;

	r = state_open_file(AT_FDCWD, telegram->path, 0, telegram->path, &fd, err);
	if (r != HF_OK)
		return r;
	people_clear(&telegram->people);
	return index_load(&telegram->index, fd, telegram->path, on_broken, run, err);
}

static int
telegram_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	struct telegram *telegram = handle;
	struct run run = {.telegram = telegram, .sink = sink};
	const struct query_source source = {&telegram_query_ops, telegram, telegram->host, telegram->json,
	    &telegram->people};

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return telegram_account(&run, err);
	case HF_QUERY_ROOMS:
		return telegram_rooms(&run, err);
	case HF_QUERY_PARTICIPANTS:
		return query->room.data != NULL ? query_members(&source, query, sink, err) : telegram_people(&run, err);
	case HF_QUERY_MESSAGES:
		return query_messages(&source, query, sink, err);
	case HF_QUERY_CONTACTS:
		return telegram_contacts(&run, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "telegram-export does not know query %u", query->what);
}

/* The media lie beside result.json, unless they were left out of the export. */
static int
telegram_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct telegram *telegram = handle;

	return media_push_files(telegram->host, telegram->files, telegram->folder, exchange, err);
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = telegram_configure,
	.open = telegram_open,
	.close = telegram_close,
	.caps = source_caps,
	.enumerate = telegram_enumerate,
	.fetch_media = telegram_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "telegram-export",
	.summary = "an export of Telegram Desktop in JSON: one chat, or the whole account",
	.flags = HF_SOURCE_CHATS | HF_SOURCE_CONTACTS,
	.thread_model = HF_THREAD_SERIAL,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("telegram-export", "source", "0.1.0", "BSD-2-Clause", components);
