/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_SOURCE_H
#define TEST_SOURCE_H

/* A host and sinks for the unit tests of source plugins: they note what the plugin under test pushes. */
#include "base/files.h"
#include "base/json.h"
#include "base/unit.h"
#include "base/write.h"

#include <sys/stat.h>

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <holdfast/files.h>
#include <holdfast/plugin.h>

static struct {
	int rooms, people, messages, checkpoints, failed, contacts;
	struct buffer log; /* what was pushed, a line each */
	struct buffer raw; /* the raw values, a line each */
	char cursor[4000];
	char first_cursor[4000];
	char where[2000];
	char why[480];
	char error[480]; /* of what was asked last; "": none */
	char warning[1024]; /* logged last */
	int warnings;
	int stop_after; /* messages; 0: never */
} seen;

static char folder[200];
static const struct hf_component *component;
static const struct hf_source_ops *source;

static inline void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	if (level == HF_LOG_WARNING) {
		seen.warnings++;
		(void)snprintf(seen.warning, sizeof(seen.warning), "%.*s", (int)size, msg);
	}
	(void)printf("%.*s\n", (int)size, msg);
}

static inline int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return seen.stop_after > 0 && seen.messages >= seen.stop_after;
}

static inline const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	if (strcmp(id, HF_HOST_FILES) == 0)
		return &files_host_extension;
	if (strcmp(id, HF_HOST_WRITE) == 0)
		return &write_host_extension;
	return strcmp(id, HF_HOST_JSON) == 0 ? &json_host_extension : NULL;
}

static const struct hf_host host = {
	.struct_size = sizeof(struct hf_host),
	.log = host_log,
	.stop_requested = host_stop,
	.get_extension = host_extension,
};

static inline void
note(const char *name, const struct hf_text *text)
{
	buffer_appendf(&seen.log, " %s=", name);
	json_put_text(&seen.log, text);
}

/* The same, but only where there is one. */
static inline void
note_some(const char *name, const struct hf_text *text)
{
	if (text->data != NULL)
		note(name, text);
}

static inline void
note_time(const char *name, int64_t ns)
{
	if (ns != HF_NO_TIME)
		buffer_appendf(&seen.log, " %s=%lld", name, (long long)ns);
}

static inline void
note_raw(const struct hf_blob *raw)
{
	json_put_compact(&seen.raw, raw->data, raw->size);
	buffer_append_byte(&seen.raw, '\n');
}

static inline int
on_account(void *ctx, const struct hf_account *account, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	note("service", &account->service);
	note_some("id", &account->id);
	note_some("name", &account->name);
	return HF_OK;
}

static inline int
on_room(void *ctx, const struct hf_room *room, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.rooms++;
	buffer_append_string(&seen.log, "room");
	note("id", &room->id);
	note("name", &room->name);
	note("kind", &room->kind);
	note_some("topic", &room->topic);
	note_time("created", room->created_ns);
	buffer_appendf(&seen.log, " count=%llu bytes=%llu\n", (unsigned long long)room->estimated_messages,
	    (unsigned long long)room->estimated_bytes);
	note_raw(&room->raw);
	return HF_OK;
}

static inline int
on_participant(void *ctx, const struct hf_participant *participant, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.people++;
	buffer_append_string(&seen.log, "person");
	note("id", &participant->id);
	note("name", &participant->name);
	buffer_append_byte(&seen.log, '\n');
	note_raw(&participant->raw);
	return HF_OK;
}

static inline void
note_reaction(const struct hf_reaction *reaction)
{
	uint64_t i;

	note("key", &reaction->key);
	buffer_appendf(&seen.log, "*%llu", (unsigned long long)reaction->count);
	for (i = 0; i < reaction->sender_count; i++)
		note("by", &reaction->senders[i]);
}

static inline void
note_attachment(const struct hf_attachment *a)
{
	note_some("file", &a->name);
	note_some("is", &a->kind);
	note("url", &a->url);
	note_some("path", &a->path);
	note_some("missing", &a->missing);
	note("mime", &a->mime);
	buffer_appendf(&seen.log, " %lldb %lldx%lld", (long long)a->size, (long long)a->width, (long long)a->height);
	if (a->duration_ms >= 0)
		buffer_appendf(&seen.log, " %lldms", (long long)a->duration_ms);
}

static inline int
on_message(void *ctx, const struct hf_message *m, struct hf_error *err)
{
	size_t before;
	uint64_t i;

	(void)ctx;
	(void)err;
	seen.messages++;
	buffer_append_string(&seen.log, "message");
	note("id", &m->id);
	note("sender", &m->sender);
	note("kind", &m->kind);
	note("text", &m->text);
	note("reply", &m->reply_to);
	note("thread", &m->thread);
	note_time("sent", m->sent_ns);
	note_time("edited", m->edited_ns);
	note_time("deleted", m->deleted_ns);
	buffer_appendf(&seen.log, " flags=%u", m->flags);
	for (i = 0; i < m->reaction_count; i++)
		note_reaction(&m->reactions[i]);
	for (i = 0; i < m->attachment_count; i++)
		note_attachment(&m->attachments[i]);
	buffer_append_byte(&seen.log, '\n');
	before = seen.raw.size;
	note_raw(&m->raw);
	/* What is told to be compact has to be. */
	if (m->flags & HF_MESSAGE_RAW_COMPACT)
		CU_ASSERT_EQUAL(seen.raw.size - before, m->raw.size + 1);
	return HF_OK;
}

static inline int
on_contact(void *ctx, const struct hf_contact *contact, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.contacts++;
	CU_ASSERT_EQUAL(contact->id.encoding, HF_TEXT_UTF8);
	buffer_append_string(&seen.log, "contact");
	note("id", &contact->id);
	note_some("revision", &contact->revision);
	note_time("updated", contact->updated_ns);
	buffer_append_byte(&seen.log, '\n');
	buffer_append(&seen.log, contact->card.data, contact->card.size);
	return HF_OK;
}

static inline int
on_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	CU_ASSERT_FATAL(cursor->size < sizeof(seen.cursor));
	memcpy(seen.cursor, cursor->data, cursor->size);
	seen.cursor[cursor->size] = '\0';
	if (seen.checkpoints++ == 0)
		memcpy(seen.first_cursor, seen.cursor, sizeof(seen.cursor));
	return HF_OK;
}

static inline int
on_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.failed++;
	(void)snprintf(seen.where, sizeof(seen.where), "%s", where);
	(void)snprintf(seen.why, sizeof(seen.why), "%s", why->msg);
	return HF_OK;
}

static const struct hf_record_sink sink = {.struct_size = sizeof(struct hf_record_sink), .account = on_account,
    .room = on_room, .participant = on_participant, .message = on_message, .checkpoint = on_checkpoint,
    .failed = on_failed, .contact = on_contact};

static inline void
forget(void)
{
	seen.rooms = seen.people = seen.messages = seen.checkpoints = seen.failed = seen.contacts = seen.warnings = 0;
	seen.warning[0] = seen.where[0] = seen.why[0] = seen.error[0] = seen.cursor[0] = '\0';
	buffer_clear(&seen.log);
	buffer_clear(&seen.raw);
}

/* Opens the source with its first option, "path", and others as they are in the table. */
static inline void *
open_with(const char *path, const struct hf_value *more, uint32_t count)
{
	struct hf_value values[8] = {{HF_OPTION_PATH, 1, 0, path}};
	struct hf_error err = HF_ERROR_INIT;
	void *handle = NULL;

	CU_ASSERT_FATAL(count < 8);
	if (count > 0)
		memcpy(values + 1, more, count * sizeof(*more));
	if (source->open(&host, values, count + 1, &handle, &err) != HF_OK)
		(void)printf("%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(handle);
	return handle;
}

static inline void *
open_at(const char *path)
{
	return open_with(path, NULL, 0);
}

/* Whether a path is refused with a code, and a sentence that has a word in it. */
static inline bool
refuses(const char *path, int code, const char *word)
{
	struct hf_value value = {HF_OPTION_PATH, 1, 0, path};
	struct hf_error err = HF_ERROR_INIT;
	void *handle = NULL;
	int r = source->open(&host, &value, 1, &handle, &err);

	if (r == HF_OK)
		source->close(handle);
	(void)printf("%s\n", err.msg);
	return r == code && strstr(err.msg, word) != NULL;
}

static inline int
ask(void *handle, uint32_t what, const char *room, const char *cursor, uint32_t page)
{
	struct hf_query query = {.struct_size = sizeof(query), .what = what, .page = page};
	struct hf_error err = HF_ERROR_INIT;
	char kept[sizeof(seen.cursor)] = "";
	int r;

	if (room != NULL)
		query.room = (struct hf_text){room, strlen(room), HF_TEXT_UTF8, 0};
	if (cursor != NULL) {
		(void)snprintf(kept, sizeof(kept), "%s", cursor);
		query.cursor = (struct hf_blob){kept, strlen(kept)};
	}
	forget();
	r = source->enumerate(handle, &query, &sink, &err);
	if (r != HF_OK) {
		(void)printf("%s\n", err.msg);
		(void)snprintf(seen.why, sizeof(seen.why), "%s", err.msg);
		(void)snprintf(seen.error, sizeof(seen.error), "%s", err.msg);
	}
	return r;
}

static inline bool
logged(const char *expect)
{
	bool found = strstr(buffer_string(&seen.log), expect) != NULL;

	if (!found)
		(void)printf("not there: %s\nin: %.2000s\n", expect, buffer_string(&seen.log));
	return found;
}

static inline bool
has_raw(const char *expect)
{
	bool found = strstr(buffer_string(&seen.raw), expect) != NULL;

	if (!found)
		(void)printf("not there: %s\nin: %.2000s\n", expect, buffer_string(&seen.raw));
	return found;
}

/* ---- media ---- */

static struct {
	const struct hf_attachment *attachment; /* asked for next; NULL: none */
	struct buffer bytes;
	int code;
	int ends;
	int64_t size;
} media;

static inline int
media_next(void *ctx, struct hf_media_request *request, struct hf_error *err)
{
	(void)ctx;
	if (media.attachment == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0, "no more");
	request->token = 1;
	request->attachment = media.attachment;
	media.attachment = NULL;
	return HF_OK;
}

static inline int
media_begin(void *ctx, uint64_t token, const struct hf_media_info *info, struct hf_error *err)
{
	(void)ctx;
	(void)token;
	(void)err;
	media.size = info->size;
	buffer_clear(&media.bytes);
	return HF_OK;
}

static inline int
media_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	(void)ctx;
	(void)token;
	(void)err;
	buffer_append(&media.bytes, data, size);
	return HF_OK;
}

static inline int
media_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)token;
	(void)err;
	media.code = code;
	media.ends++;
	if (code != HF_OK)
		(void)printf("media: %s\n", why->msg);
	return HF_OK;
}

/* Asks for the bytes of an attachment, which go into media; its code. */
static inline int
fetch(void *handle, const char *path, const char *url)
{
	static const struct hf_media_exchange exchange = {.struct_size = sizeof(struct hf_media_exchange), .parallel = 1,
	    .next = media_next, .begin = media_begin, .write = media_write, .end = media_end};
	struct hf_attachment attachment;
	struct hf_error err = HF_ERROR_INIT;

	memset(&attachment, 0, sizeof(attachment));
	if (path != NULL)
		attachment.path = (struct hf_text){path, strlen(path), HF_TEXT_UTF8, 0};
	if (url != NULL)
		attachment.url = (struct hf_text){url, strlen(url), HF_TEXT_UTF8, 0};
	media.attachment = &attachment;
	media.ends = 0;
	media.code = 1;
	media.bytes.max = 16u << 20;
	buffer_clear(&media.bytes);
	CU_ASSERT_EQUAL(source->fetch_media(handle, &exchange, &err), HF_OK);
	CU_ASSERT_EQUAL(media.ends, 1);
	return media.code;
}

/* ---- files ---- */

static inline char *
path_of(const char *name)
{
	static char path[500];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline void
make_folder(void)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(folder, sizeof(folder), "%s/test-source.XXXXXX", tmp != NULL ? tmp : "/tmp");
	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static inline void
remove_folder(void)
{
	char command[300];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	CU_ASSERT_EQUAL(system(command), 0);
}

/* Writes a file, and the folder it is in. */
static inline void
write_bytes(const char *name, const void *data, size_t size)
{
	const char *slash = strrchr(name, '/');
	char parent[300];
	FILE *file;

	if (slash != NULL) {
		(void)snprintf(parent, sizeof(parent), "%.*s", (int)(slash - name), name);
		(void)mkdir(path_of(parent), 0700);
	}
	file = fopen(path_of(name), "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(data, 1, size, file), size);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

static inline void
write_text(const char *name, const char *text)
{
	write_bytes(name, text, strlen(text));
}

/* The bytes of a file and a NUL; to be freed. */
static inline char *
slurp(const char *path, size_t *ret_size)
{
	struct stat st;
	char *data;
	FILE *file = fopen(path, "r");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL_FATAL(fstat(fileno(file), &st), 0);
	data = malloc((size_t)st.st_size + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	*ret_size = fread(data, 1, (size_t)st.st_size, file);
	data[*ret_size] = '\0';
	(void)fclose(file);
	return data;
}

/* ---- main ---- */

/* Loads the plugin and runs the tests. */
static inline int
source_run(const char *name, const char *plugin, CU_TestInfo *tests)
{
	const struct hf_plugin *(*entry)(void);
	void *module = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
	int failed;

	if (module == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		return 1;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	if (entry == NULL) {
		(void)dlclose(module);
		return 1;
	}
	component = entry()->components[0];
	source = component->ops;
	seen.raw.max = 64u << 20;
	seen.log.max = 64u << 20;
	failed = unit_run(name, tests);
	buffer_release(&seen.log);
	buffer_release(&seen.raw);
	buffer_release(&media.bytes);
	(void)dlclose(module);
	return failed;
}

#endif
