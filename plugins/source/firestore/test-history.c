/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Random histories of an app, whose people write, edit and delete before, between and in the middle of backups that are
 * cut off, refused and told wrong things.  The service has no reading times here, so that every page tells of another
 * moment.  What must hold: whatever was there for the whole of a backup of its room is saved by it, in the state of
 * that time or a later one; and after one more backup in peace everything is.
 */
#include "test-fake.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/unit.h"

#define ROOT      "projects/p/databases/(default)/documents"
#define ROOMS     3
#define DOCS      24
#define LOOK_BACK 2000000 /* microseconds */
#define LOOK_BACK_OPTION "2000000000" /* the same in ns */

struct doc {
	bool there;
	bool plain;       /* without a time of update */
	int64_t updated;  /* what the app says, microseconds */
	int64_t commit;   /* when the service took it */
	unsigned version;
	unsigned saved;   /* the newest version that was pushed; 0: none */
	unsigned begin;   /* the version when the backup began; 0: it was not there */
};

static struct {
	struct doc docs[ROOMS][DOCS];
	int64_t now;
	uint64_t random;
	bool quiet;      /* nobody writes, nothing fails */
	bool reading;    /* a backup is under way */
	bool all_known;  /* every document has its time of update */
	unsigned budget; /* requests until the backup is cut off; 0: it is not */
	unsigned limit;
	struct buffer cursors[ROOMS], account;
	struct buffer answer;
	unsigned room;   /* that is being backed up */
	int answered;    /* the room of the last answer; -1: all */
} app;

static uint32_t
roll(uint32_t n)
{
	app.random = app.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(app.random >> 33) % n;
}

/* ---- people ---- */

static void
write_one(void)
{
	struct doc *doc = &app.docs[roll(ROOMS)][roll(DOCS)];

	app.now += 1 + roll(300000);
	doc->there = true;
	doc->version++;
	doc->commit = app.now;
	/*
	 * Somebody's message may take its time on the way.  But nobody turns a message's time back under a backup that
	 * has no reading time to hold on to: only the next one finds that.
	 */
	doc->updated = app.now - (roll(4) == 0 && (doc->version == 1 || !app.reading) ? roll(LOOK_BACK - 400000) : 0);
	if (doc->version == 1)
		doc->plain = !app.all_known && roll(5) == 0;
}

static void
write_some(unsigned n)
{
	while (n-- > 0)
		write_one();
}

/* ---- the service ---- */

static void
put_time(struct buffer *out, int64_t us)
{
	int64_t s = us / 1000000;

	buffer_appendf(out, "2024-01-%02dT%02d:%02d:%02d.%06dZ", (int)(s / 86400 + 1), (int)(s / 3600 % 24),
	    (int)(s / 60 % 60), (int)(s % 60), (int)(us % 1000000));
}

static int
number_at(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* text: "/rooms/rROOM/messages/mDOC" and more. */
static bool
name_at(const char *text, int *ret_room, int *ret_doc)
{
	static const char room[] = "/rooms/r", messages[] = "/messages/m";
	char *end;

	if (strncmp(text, room, sizeof(room) - 1) != 0)
		return false;
	*ret_room = (int)strtol(text + sizeof(room) - 1, &end, 10);
	if (strncmp(end, messages, sizeof(messages) - 1) != 0)
		return false;
	*ret_doc = number_at(end + sizeof(messages) - 1);
	return true;
}

/* The time behind a mark in the request, or -1. */
static int64_t
time_in(const char *text, const char *mark)
{
	const char *p = strstr(text, mark);
	char fraction[8] = "000000";
	int d, h, m, s;
	size_t i;

	if (p == NULL || strncmp(p + strlen(mark), "2024-", 5) != 0)
		return p == NULL ? -1 : 0; /* before the year: before everything */
	p += strlen(mark);
	d = number_at(p + 8);
	h = number_at(p + 11);
	m = number_at(p + 14);
	s = number_at(p + 17);
	p += 19;
	if (*p == '.')
		for (i = 0, p++; i < 6 && *p >= '0' && *p <= '9'; i++)
			fraction[i] = *p++;
	return (((int64_t)(d - 1) * 86400 + h * 3600 + m * 60 + s) * 1000000) + number_at(fraction);
}

struct ask {
	int room; /* -1: of all */
	bool by_time, before, get;
	int64_t from;
	int from_room, from_doc; /* -1: no name */
	unsigned limit;
};

static void
parse(const struct fake_request *request, struct ask *ask)
{
	const char *start = strstr(request->body, "\"startAt\""), *p;

	memset(ask, 0, sizeof(*ask));
	ask->room = ask->from_room = ask->from_doc = -1;
	ask->from = -1;
	if ((p = strstr(request->url, "/rooms/r")) != NULL)
		ask->room = number_at(p + 8);
	ask->by_time = strstr(request->body, "\"orderBy\":[{\"field\":{\"fieldPath\":\"at\"}") != NULL;
	p = strstr(request->body, "\"limit\":");
	ask->limit = p == NULL ? 0 : (unsigned)number_at(p + 8);
	if (start == NULL)
		return;
	ask->before = strstr(start, "\"before\":true") != NULL;
	ask->from = time_in(start, "\"timestampValue\":\"");
	if ((p = strstr(start, "\"referenceValue\":\"" ROOT "/rooms/r")) != NULL)
		(void)name_at(strstr(p, "/rooms/r"), &ask->from_room, &ask->from_doc);
}

/* Negative, 0, positive: where a document stands to the start. */
static int
compare_start(const struct ask *ask, int room, int n)
{
	const struct doc *doc = &app.docs[room][n];

	if (ask->by_time && doc->updated != ask->from)
		return doc->updated < ask->from ? -1 : 1;
	if (ask->from_doc < 0)
		return 0;
	if (room != ask->from_room)
		return room < ask->from_room ? -1 : 1;
	return n < ask->from_doc ? -1 : n > ask->from_doc;
}

/* The next document behind the last one of an answer, or that where it starts. */
static bool
find_next(const struct ask *ask, int *ret_room, int *ret_doc)
{
	bool found = false;
	int room, n, order;

	for (room = 0; room < ROOMS; room++) {
		for (n = 0; n < DOCS; n++) {
			if ((ask->room >= 0 && room != ask->room) || !app.docs[room][n].there ||
			    (ask->by_time && app.docs[room][n].plain))
				continue;
			order = ask->from < 0 && ask->from_doc < 0 ? 1 : compare_start(ask, room, n);
			if (order < 0 || (order == 0 && !ask->before))
				continue;
			if (found && (ask->by_time && app.docs[room][n].updated != app.docs[*ret_room][*ret_doc].updated
			    ? app.docs[room][n].updated > app.docs[*ret_room][*ret_doc].updated
			    : true))
				continue;
			*ret_room = room;
			*ret_doc = n;
			found = true;
		}
	}
	return found;
}

static void
put_document(int room, int n, const char *comma)
{
	const struct doc *doc = &app.docs[room][n];

	buffer_appendf(&app.answer, "%s{\"document\":{\"name\":\"" ROOT "/rooms/r%d/messages/m%02d\",\"fields\":{\"v\":"
	    "{\"integerValue\":\"%u\"}", comma, room, n, doc->version);
	if (!doc->plain) {
		buffer_append_string(&app.answer, ",\"at\":{\"timestampValue\":\"");
		put_time(&app.answer, doc->updated);
		buffer_append_string(&app.answer, "\"}");
	}
	buffer_append_string(&app.answer, "},\"updateTime\":\"");
	put_time(&app.answer, doc->commit);
	buffer_append_string(&app.answer, "\"},\"readTime\":\"");
	put_time(&app.answer, app.now);
	buffer_append_string(&app.answer, "\"}");
}

static void
answer_query(struct ask ask)
{
	unsigned count = 0;
	int room = 0, n = 0;

	buffer_clear(&app.answer);
	buffer_append_string(&app.answer, "[");
	while (count < ask.limit && find_next(&ask, &room, &n)) {
		put_document(room, n, count > 0 ? "," : "");
		ask.from = app.docs[room][n].updated;
		ask.from_room = room;
		ask.from_doc = n;
		ask.before = false;
		count++;
	}
	if (count == 0) {
		buffer_append_string(&app.answer, "{\"readTime\":\"");
		put_time(&app.answer, app.now);
		buffer_append_string(&app.answer, "\"}");
	}
	buffer_append_string(&app.answer, "]");
}

static void
answer_count(bool by_time)
{
	unsigned count = 0;
	int room, n;

	for (room = 0; room < ROOMS; room++)
		for (n = 0; n < DOCS; n++)
			count += app.docs[room][n].there && !(by_time && app.docs[room][n].plain);
	buffer_clear(&app.answer);
	buffer_appendf(&app.answer, "[{\"result\":{\"aggregateFields\":{\"n\":{\"integerValue\":\"%u\"}}}}]", count);
}

static void
answer_get(const char *body)
{
	static const char mark[] = "/rooms/r";
	const char *comma = "", *p = body;
	char *found;
	int room, n;

	buffer_clear(&app.answer);
	buffer_append_string(&app.answer, "[");
	while ((p = strstr(p, mark)) != NULL && name_at(p, &room, &n)) {
		put_document(room, n, comma);
		comma = ",";
		p += sizeof(mark);
	}
	buffer_append_string(&app.answer, "]");
	/* What a query calls a document is found here. */
	for (found = (char *)app.answer.data; (found = strstr(found, "{\"document\":")) != NULL; found++)
		memcpy(found, "{   \"found\":", 12);
}

static void
answer_rooms(void)
{
	int room;

	buffer_clear(&app.answer);
	for (room = 0; room < ROOMS; room++)
		buffer_appendf(&app.answer, "%c{\"document\":{\"name\":\"" ROOT "/rooms/r%d\",\"fields\":{}}}",
		    room == 0 ? '[' : ',', room);
	buffer_append_string(&app.answer, "]");
}

static int
answer(void *ctx, const struct fake_request *request, const char **ret_body)
{
	struct ask ask;

	(void)ctx;
	if (strstr(request->url, "/token") != NULL) {
		*ret_body = "{\"id_token\":\"t\",\"expires_in\":\"3600\"}";
		return 200;
	}
	/* As without reading times. */
	if (strstr(request->body, "\"readTime\"") != NULL)
		return 400;
	if (!app.quiet) {
		if (app.budget > 0 && --app.budget == 0)
			return HF_ESTOPPING;
		if (roll(3) == 0)
			write_some(1 + roll(3));
		if (roll(12) == 0)
			return 401;
		if (roll(30) == 0)
			return HF_EAGAIN;
	}
	if (strstr(request->url, "runAggregationQuery") != NULL) {
		answer_count(strstr(request->body, "\"fieldPath\":\"at\"") != NULL);
	} else if (strstr(request->url, ":batchGet") != NULL) {
		answer_get(request->body);
	} else if (strstr(request->body, "\"collectionId\":\"rooms\"") != NULL) {
		answer_rooms();
	} else {
		parse(request, &ask);
		/* The answer to another question, where that can be told, or half of one. */
		if (!app.quiet && app.answer.size > 0 && strstr(buffer_string(&app.answer), "/messages/") != NULL &&
		    (ask.from_doc >= 0 || ask.room != app.answered) && ask.room >= 0 && roll(20) == 0) {
			*ret_body = buffer_string(&app.answer);
			return 200;
		}
		app.answered = ask.room;
		answer_query(ask);
		if (!app.quiet && roll(20) == 0) {
			app.answer.size /= 2;
			*ret_body = buffer_string(&app.answer);
			return 200;
		}
	}
	*ret_body = buffer_string(&app.answer);
	return 200;
}

/* ---- backups ---- */

static int
on_message(const struct hf_message *m)
{
	const char *raw = m->raw.data, *p = strstr(raw, "/messages/m"), *v = strstr(raw, "\"integerValue\":\"");
	struct doc *doc;
	unsigned version;

	if (p == NULL || v == NULL)
		return HF_EINVAL;
	doc = &app.docs[app.room][number_at(p + 11)];
	version = (unsigned)number_at(v + 16);
	if (version > doc->saved)
		doc->saved = version;
	return HF_OK;
}

/* What the strategy does with one room: its cursor is kept only where the room was backed up whole. */
static int
back_up_room(void *handle, unsigned room, struct hf_error *err)
{
	char id[8];
	int r;

	app.room = room;
	(void)snprintf(id, sizeof(id), "r%u", room);
	buffer_clear(&fake.room_cursor);
	buffer_append(&fake.room_cursor, app.cursors[room].data, app.cursors[room].size);
	r = fake_ask(handle, HF_QUERY_MESSAGES, id, &app.cursors[room], err);
	if (r != HF_OK && roll(2) == 0)
		return r; /* nothing of it is kept */
	/* Else the job was cut off, and goes on from its last checkpoint. */
	buffer_clear(&app.cursors[room]);
	buffer_append(&app.cursors[room], fake.room_cursor.data, fake.room_cursor.size);
	return r;
}

/* Documents of a room that was backed up and that are not saved as they were when that began. */
static unsigned
missing_in(unsigned room, bool whole)
{
	unsigned missing = 0;
	int n;

	for (n = 0; n < DOCS; n++) {
		/* What has no time of update is found by a room's first pass only. */
		if (app.docs[room][n].begin == 0 || (app.docs[room][n].plain && !whole))
			continue;
		missing += app.docs[room][n].saved < app.docs[room][n].begin;
	}
	return missing;
}

static const char *const with_group[] = {"project", "p", "api_key", "k", "refresh_token", "r",
    "messages.fields.updated", "at",
    "look_back", LOOK_BACK_OPTION, "page_size", "3", NULL};
static const char *const with_each[] = {"project", "p", "api_key", "k", "refresh_token", "r",
    "messages.fields.updated", "at",
    "look_back", LOOK_BACK_OPTION, "page_size", "4", "messages.changes", "each", NULL};
static const char *const without[] = {"project", "p", "api_key", "k", "refresh_token", "r", "messages.fields.updated",
    "",
    "page_size", "3", NULL};

static unsigned
fail(const char *what, const struct hf_error *err)
{
	(void)printf("%s: %d %s\n", what, err->code, err->msg);
	return 1000;
}

static unsigned
back_up(const char *const *options, bool full)
{
	struct hf_error err = HF_ERROR_INIT;
	unsigned room, n, missing = 0;
	void *handle;
	bool first[ROOMS];

	for (room = 0; room < ROOMS; room++)
		for (n = 0; n < DOCS; n++)
			app.docs[room][n].begin = app.docs[room][n].there ? app.docs[room][n].version : 0;
	fake_clear();
	fake.on_message = on_message;
	if (fake_open(options, &handle, &err) != HF_OK)
		return 1;
	app.reading = true;
	if (fake_ask(handle, HF_QUERY_ROOMS, NULL, &app.account, &err) == HF_OK) {
		buffer_clear(&app.account);
		buffer_append(&app.account, fake.room_cursor.data, fake.room_cursor.size);
		for (room = 0; room < ROOMS; room++) {
			first[room] = app.cursors[room].size == 0;
			if (full)
				buffer_clear(&app.cursors[room]);
			if (back_up_room(handle, room, &err) == HF_OK)
				missing += missing_in(room, first[room] || full || options == without);
			else if (app.quiet)
				missing += fail("a room", &err);
		}
	} else if (app.quiet) {
		missing += fail("all rooms", &err);
	}
	fake_source->close(handle);
	app.reading = false;
	return missing;
}

/* One history: how many messages it lost. */
static unsigned
history(uint64_t seed, const char *const *options)
{
	unsigned runs, missing = 0, room;

	memset(app.docs, 0, sizeof(app.docs));
	for (room = 0; room < ROOMS; room++)
		buffer_clear(&app.cursors[room]);
	buffer_clear(&app.account);
	buffer_clear(&app.answer);
	app.answered = -1;
	app.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	app.now = 3600 * INT64_C(1000000);
	app.all_known = roll(2) == 0;
	write_some(roll(60));
	for (runs = 1 + roll(4); runs > 0 && missing == 0; runs--) {
		app.quiet = false;
		app.budget = roll(2) == 0 ? 1 + roll(30) : 0;
		app.now += roll(8) * 1000000;
		missing += back_up(options, roll(8) == 0);
		write_some(roll(10));
	}
	app.quiet = true;
	app.now += 1000000;
	missing += back_up(options, false);
	/* And what was written a little before that, late. */
	write_some(3);
	missing += back_up(options, false);
	/* Nothing is lost for good, whatever it lacks. */
	missing += back_up(options, true);
	return missing;
}

static void
run(const char *name, const char *const *options)
{
	const char *count = getenv("HISTORIES"), *first = getenv("SEED");
	uint64_t n = count == NULL ? 500 : strtoull(count, NULL, 10), seed = first == NULL ? 1 : strtoull(first, NULL,
	    10),
		 end = seed + n, lost = 0;

	fake.answer = answer;
	for (; seed < end; seed++) {
		if (history(seed, options) != 0 && lost++ < 5)
			(void)printf("%s: messages were lost, seed %" PRIu64 "\n", name, seed);
	}
	CU_ASSERT_EQUAL(lost, 0);
}

static void
test_group(void)
{
	run("group", with_group);
}

static void
test_each(void)
{
	run("each", with_each);
}

static void
test_without(void)
{
	run("without", without);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"one query for all rooms", test_group}, {"a query a room", test_each},
	    {"no time of update", test_without}, CU_TEST_INFO_NULL};
	static const char *const secrets[] = {"refresh_token", "r", "api_key", "k", NULL};
	unsigned room;
	int failed = 1;

	memcpy(fake.secrets, secrets, sizeof(secrets));
	app.answer.max = app.account.max = 1u << 20;
	for (room = 0; room < ROOMS; room++)
		app.cursors[room].max = 1u << 20;
	if (fake_load())
		failed = unit_run("history", tests);
	fake_release();
	buffer_release(&app.answer);
	buffer_release(&app.account);
	for (room = 0; room < ROOMS; room++)
		buffer_release(&app.cursors[room]);
	return failed;
}
