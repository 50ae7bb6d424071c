/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#define QUERY(name, help) {sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "queries." name, help, NULL, 0, 0}

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path", "the database file", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "copy",
	    "read a copy of it: auto, always, or never, which holds a lock meanwhile", "auto", 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "time",
	    "what times are: unix-s, unix-ms, unix-us, unix-ns, apple, iso", "unix-s", 0, 0},
	{sizeof(struct hf_option), HF_OPTION_PATH, 0, 1, "media_folder", "where paths of attachments begin",
	    NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_LIST, 1, "optional",
	    "TABLE.COLUMN that may be missing, and is NULL then", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_BOOL, 0, 1, "views",
	    "queries may use views and computed columns of the database", "false", 0, 0},
	{sizeof(struct hf_option), HF_OPTION_DURATION, 0, 1, "query_timeout", "how long a query may look for a row",
	    "10 min", 1, 86400000000000},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "identity.service",
	    "the chat system, as account.json has it", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "identity.id", "the account's id there", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "identity.name", "the account's name there", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_INT, 0, 1, "cursor.look_back",
	    "how far before the last cursor to begin, in what the column counts", "0", 0, INT64_MAX},
	{sizeof(struct hf_option), HF_OPTION_BOOL, 0, 1, "cursor.ordered", "messages come sorted by their cursor",
	    "false", 0, 0},
	QUERY("account", "one row: id, name, service"),
	QUERY("rooms", "conversations: id, name, kind, topic, created, updated, messages, bytes"),
	QUERY("participants", "people of the conversation :room: id, name"),
	QUERY("people", "all people: id, name"),
	QUERY("messages", "of :room: id, sender, kind, text, sent, edited, deleted, reply_to, thread, cursor, ..."),
	QUERY("attachments", "of the message :message: id, kind, name, mime, url, path, missing, size, ..."),
	QUERY("reactions", "to the message :message: key, sender, count"),
	QUERY("contacts", "address book: id, vcard; or id, name, phone, email, address, ..."),
	QUERY("version", "one row that changes with the conversation :room"),
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

/* ---- options ---- */

static const char *
text_of(const struct hf_value *values, uint32_t count, enum option option)
{
	return (uint32_t)option < count && values[option].set ? values[option].text : NULL;
}

static int
copy_mode_of(const char *name)
{
	static const char *const names[] = {"auto", "always", "never"};
	int i;

	for (i = 0; i < 3; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

static int
sqlite_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	const char *copy = text_of(values, count, OPTION_COPY), *time = text_of(values, count, OPTION_TIME);
	const char *path = text_of(values, count, OPTION_PATH);
	const char *rooms = text_of(values, count, OPTION_QUERIES + QUERY_ROOMS);
	const char *messages = text_of(values, count, OPTION_QUERIES + QUERY_MESSAGES);

	if (path == NULL || path[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name the database file");
	if (copy != NULL && copy_mode_of(copy) < 0)
		return hf_error_set(err, HF_EINVAL, 0, "copy: it is auto, always or never");
	if (time != NULL && time_format_of(time) < 0)
		return hf_error_set(err, HF_EINVAL, 0, "time: it is unix-s, unix-ms, unix-us, unix-ns, apple or iso");
	if ((rooms == NULL) != (messages == NULL))
		return hf_error_set(err, HF_EINVAL, 0, "queries.rooms and queries.messages need each other");
	if (rooms == NULL && text_of(values, count, OPTION_QUERIES + QUERY_CONTACTS) == NULL)
		return hf_error_set(err, HF_EINVAL, 0,
		    "no queries: set a preset, or queries.rooms and queries.messages, or queries.contacts");
	return HF_OK;
}

static uint64_t
mix(uint64_t hash, const char *text)
{
	/* FNV-1a, the end included */
	do
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	while (*text++ != '\0');
	return hash;
}

/* Of what says which messages there are and what they are like; where the file lies does not. */
static uint64_t
fingerprint(const struct source *source)
{
	uint64_t hash = 0xcbf29ce484222325u;
	int i;

	for (i = 0; i < OPTION_COUNT; i++)
		if (i == OPTION_TIME || i == OPTION_OPTIONAL || i == OPTION_QUERIES + QUERY_MESSAGES ||
		    i == OPTION_QUERIES + QUERY_ATTACHMENTS || i == OPTION_QUERIES + QUERY_REACTIONS)
			hash = mix(hash, source->texts[i] != NULL ? source->texts[i] : "");
	return hash;
}

static int
take_options(struct source *source, const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	const char *text;
	uint32_t i;

	for (i = 0; i < OPTION_COUNT && i < count; i++) {
		source->numbers[i] = values[i].set ? values[i].number : 0;
		text = text_of(values, count, (enum option)i);
		if (text != NULL && (source->texts[i] = strdup(text)) == NULL)
			return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	}
	text = source->texts[OPTION_TIME];
	source->time = (enum time_format)time_format_of(text != NULL ? text : "unix-s");
	source->fingerprint = fingerprint(source);
	return HF_OK;
}

/* ---- life ---- */

static void
close_database(struct source *source)
{
	int i;

	for (i = 0; i < QUERY_COUNT; i++)
		query_close(&source->queries[i]);
	database_close(source->database);
	source->database = NULL;
}

static void
sqlite_close(void *handle)
{
	struct source *source = handle;
	int i;

	close_database(source);
	for (i = 0; i < OPTION_COUNT; i++)
		free(source->texts[i]);
	text_release(&source->raw);
	pool_release(&source->pool);
	free(source);
}

static int
sqlite_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct source *source;
	int r = sqlite_configure(values, count, err);

	if (r != HF_OK)
		return r;
	source = calloc(1, sizeof(*source));
	if (source == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	source->host = host;
	source->raw = (struct text)TEXT_INIT(RAW_MAX);
	source->json = host->get_extension(host->ctx, HF_HOST_JSON);
	source->files = host->get_extension(host->ctx, HF_HOST_FILES);
	if (source->json == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_JSON);
	else
		r = take_options(source, values, count, err);
	if (r != HF_OK)
		sqlite_close(source);
	else
		*ret_handle = source;
	return r;
}

/* The file is opened, or copied, once for all that is asked for, so that it is all of one state. */
static int
open_database(struct source *source, struct hf_error *err)
{
	const char *copy = source->texts[OPTION_COPY], *sql;
	struct database_options how = {source->texts[OPTION_PATH],
	    (enum copy_mode)copy_mode_of(copy != NULL ? copy : "auto"), source->numbers[OPTION_VIEWS] != 0,
	    source->texts[OPTION_OPTIONAL], source->numbers[OPTION_QUERY_TIMEOUT]};
	int i, r;

	if (source->database != NULL)
		return HF_OK;
	r = database_open(&how, source->host, &source->database, err);
	/* A query that is wrong is told at once, and not for each room. */
	for (i = 0; i < QUERY_COUNT && r == HF_OK; i++) {
		sql = source->texts[OPTION_QUERIES + i];
		if (sql != NULL)
			r = query_open(source->database, options[OPTION_QUERIES + i].name, sql, record_fields[i],
			    &source->queries[i], err);
	}
	if (r != HF_OK)
		close_database(source);
	return r;
}

static int
sqlite_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	const struct source *source = handle;

	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = HF_YES;
	caps->rate_limited = HF_NO;
	if (HF_HAS(caps, has_contacts)) {
		caps->has_chats = source->texts[OPTION_QUERIES + QUERY_ROOMS] != NULL ? HF_YES : HF_NO;
		caps->has_contacts = source->texts[OPTION_QUERIES + QUERY_CONTACTS] != NULL ? HF_YES : HF_NO;
	}
	return HF_OK;
}

/* ---- running ---- */

bool
is_item_failure(int code)
{
	return HF_IS_PERMANENT(code) && code != HF_ENOMEM;
}

int
run_failed(struct run *run, const char *where, const struct hf_error *why, struct hf_error *err)
{
	run->failed++;
	if (run->sink->failed != NULL)
		return run->sink->failed(run->sink->ctx, where, why, err);
	hf_log(run->source->host, HF_LOG_WARNING, "%s: %s", where, why->msg);
	return HF_OK;
}

int
run_go_on(struct run *run, struct hf_error *err)
{
	if ((++run->pushed & 63) == 0 && run->source->host->stop_requested(run->source->host->ctx) != 0)
		return hf_error_set(err, HF_ESTOPPING, 0, "told to stop");
	return HF_OK;
}

/* Gives one row to the sink. */
typedef int (*row_fn)(struct run *run, struct hf_error *why, struct hf_error *err);

/* A row that is no record is a failed item; what ends the query ends all, as more rows may be there. */
static int
each_row(struct run *run, enum which which, const struct hf_text *room, row_fn fn, struct hf_error *err)
{
	struct query *query = &run->source->queries[which];
	struct hf_error why = HF_ERROR_INIT;
	char where[80];
	int r = HF_OK, got = 0;
	uint64_t row = 0;

	query_begin(query);
	if (room != NULL)
		query_bind_text(query, ":room", room);
	while (r == HF_OK && (got = query_step(query, err)) > 0) {
		row++;
		why.code = HF_OK;
		r = fn(run, &why, err);
		if (r != HF_OK && why.code == r && is_item_failure(r)) {
			(void)snprintf(where, sizeof(where), "%s: row %" PRIu64, query->name, row);
			r = run_failed(run, where, &why, err);
		} else if (r != HF_OK && why.code == r && err != NULL) {
			*err = why;
		}
		if (r == HF_OK)
			r = run_go_on(run, err);
	}
	query_end(query);
	return r == HF_OK && got < 0 ? got : r;
}

static int
account_row(struct run *run, struct hf_error *why, struct hf_error *err)
{
	struct hf_account account;
	int r = record_account(run->source, &account, why);
	const char *service = run->source->texts[OPTION_SERVICE];

	(void)err;
	if (r == HF_OK && account.service.data == NULL && service != NULL)
		account.service = (struct hf_text){service, strlen(service), HF_TEXT_UTF8, 0};
	if (r == HF_OK)
		r = run->sink->account(run->sink->ctx, &account, err);
	return r == HF_OK ? HF_ESTOP : r;
}

static struct hf_text
option_text(const struct source *source, enum option option)
{
	const char *text = source->texts[option];

	return (struct hf_text){text, text != NULL ? strlen(text) : 0, HF_TEXT_UTF8, 0};
}

/* What the options say, else what the first row of the query says. */
static int
enumerate_account(struct run *run, struct hf_error *err)
{
	struct hf_account account = {.struct_size = sizeof(account)};
	struct source *source = run->source;
	int r;

	if (source->queries[QUERY_ACCOUNT].stmt != NULL && source->texts[OPTION_ID] == NULL) {
		r = each_row(run, QUERY_ACCOUNT, NULL, account_row, err);
		if (r != HF_OK)
			return r == HF_ESTOP ? HF_OK : r;
	}
	account.service = option_text(source, OPTION_SERVICE);
	if (account.service.data == NULL)
		account.service = (struct hf_text){"sqlite", 6, HF_TEXT_UTF8, 0};
	account.id = option_text(source, OPTION_ID);
	account.name = option_text(source, OPTION_NAME);
	return run->sink->account(run->sink->ctx, &account, err);
}

static int
room_row(struct run *run, struct hf_error *why, struct hf_error *err)
{
	struct hf_room room;
	int r = record_room(run->source, &room, why);

	return r == HF_OK ? run->sink->room(run->sink->ctx, &room, err) : r;
}

static int
participant_row(struct run *run, struct hf_error *why, struct hf_error *err)
{
	struct hf_participant person;
	int r = record_participant(run->source, QUERY_PARTICIPANTS, &person, why);

	return r == HF_OK ? run->sink->participant(run->sink->ctx, &person, err) : r;
}

static int
person_row(struct run *run, struct hf_error *why, struct hf_error *err)
{
	struct hf_participant person;
	int r = record_participant(run->source, QUERY_PEOPLE, &person, why);

	return r == HF_OK ? run->sink->participant(run->sink->ctx, &person, err) : r;
}

static int
contact_row(struct run *run, struct hf_error *why, struct hf_error *err)
{
	struct hf_contact contact;
	int r = record_contact(run->source, &contact, why);

	return r == HF_OK ? run->sink->contact(run->sink->ctx, &contact, err) : r;
}

static int
enumerate_rows(struct run *run, enum which which, const struct hf_text *room, row_fn fn, struct hf_error *err)
{
	if (run->source->queries[which].stmt == NULL)
		return hf_error_set(err, HF_ENOTSUP, 0, "%s is not set", options[OPTION_QUERIES + which].name);
	return each_row(run, which, room, fn, err);
}

static int
sqlite_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct run run = {handle, sink, 0, 0};
	int r = open_database(handle, err);

	if (r != HF_OK)
		return r;
	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return enumerate_account(&run, err);
	case HF_QUERY_ROOMS:
		return enumerate_rows(&run, QUERY_ROOMS, NULL, room_row, err);
	case HF_QUERY_PARTICIPANTS:
		if (query->room.data == NULL)
			return enumerate_rows(&run, QUERY_PEOPLE, NULL, person_row, err);
		return enumerate_rows(&run, QUERY_PARTICIPANTS, &query->room, participant_row, err);
	case HF_QUERY_MESSAGES:
		return messages_enumerate(&run, query, err);
	case HF_QUERY_CONTACTS:
		return enumerate_rows(&run, QUERY_CONTACTS, NULL, contact_row, err);
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "sqlite does not know query %u", query->what);
}

/* ---- media ---- */

static int
answer(const struct source *source, const struct hf_media_request *request, const struct hf_media_exchange *exchange,
    struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	const struct hf_attachment *a = request->attachment;
	const char *folder = source->texts[OPTION_MEDIA_FOLDER];

	if (a->path.data != NULL && folder != NULL && source->files != NULL)
		return source->files->push(source->host->ctx, folder, &a->path, request, exchange, err);
	/* Its address is the host's to get. */
	if (a->url.data != NULL || a->path.data == NULL)
		(void)hf_error_set(&why, HF_ENOTSUP, 0, "it is no file beside the database");
	else
		(void)hf_error_set(&why, HF_ENOTFOUND, 0, "media_folder is not set, so its file is not looked for");
	return exchange->end(exchange->ctx, request->token, why.code, &why, err);
}

static int
sqlite_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	const struct source *source = handle;
	struct hf_media_request request;
	struct hf_error why = HF_ERROR_INIT;
	int r = HF_OK;

	while (r == HF_OK) {
		memset(&request, 0, sizeof(request));
		request.struct_size = sizeof(request);
		r = exchange->next(exchange->ctx, &request, &why);
		if (r == HF_ENOTFOUND)
			return HF_OK;
		if (r != HF_OK)
			return hf_error_set(err, r, why.os_errno, "%s", why.msg);
		r = answer(source, &request, exchange, err);
	}
	return r;
}

static const struct hf_source_ops ops = {
	.struct_size = sizeof(struct hf_source_ops),
	.configure = sqlite_configure,
	.open = sqlite_open,
	.close = sqlite_close,
	.caps = sqlite_caps,
	.enumerate = sqlite_enumerate,
	.fetch_media = sqlite_fetch_media,
};

static const struct hf_component component = {
	.struct_size = sizeof(struct hf_component),
	.kind = HF_KIND_SOURCE,
	.name = "sqlite",
	.summary = "a SQLite database, such as a chat program's, by queries",
	.flags = HF_SOURCE_CHATS | HF_SOURCE_CONTACTS,
	.thread_model = HF_THREAD_PER_INSTANCE,
	.options = options,
	.ops = &ops,
};

static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("sqlite", "source", "0.1.0", "BSD-2-Clause", components);
