/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/json.h"
#include "base/unit.h"
#include "base/write.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#define TEXT(s)        {(s), sizeof(s) - 1, HF_TEXT_UTF8, 0}
#define CARD(uid, fn)  "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:" uid "\r\nFN:" fn "\r\nEND:VCARD\r\n"
#define FILES          5
#define SECOND         1000000000ll

static const struct hf_strategy_ops *strategy;

/* ---- a host ---- */

static int stop_now;
static char logged[600];

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	if (level == HF_LOG_WARNING)
		(void)snprintf(logged, sizeof(logged), "%.*s", (int)size, msg);
}

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return stop_now;
}

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	if (strcmp(id, HF_HOST_JSON) == 0)
		return &json_host_extension;
	return strcmp(id, HF_HOST_WRITE) == 0 ? &write_host_extension : NULL;
}

static const struct hf_host host = {.struct_size = sizeof(struct hf_host), .log = host_log,
    .stop_requested = host_stop, .get_extension = host_extension};

/* ---- a source: a script of what it pushes ---- */

struct step {
	char what; /* '+' card, '-' deleted, 'r' reset, 'f' failed, 'c' checkpoint; 0: the end */
	const char *id, *card, *revision;
	int64_t updated_ns;
};

static struct {
	const struct step *steps;
	int code; /* at the end */
	char cursor[64]; /* of the query */
	int asked;
} source;

static int
push(const struct step *step, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = sizeof(contact), .updated_ns = step->updated_ns};
	struct hf_error why = HF_ERROR_INIT;
	struct hf_blob cursor = {step->id, step->id == NULL ? 0 : strlen(step->id)};

	switch (step->what) {
	case 'r':
		return sink->reset(sink->ctx, err);
	case 'f':
		(void)hf_error_set(&why, HF_EIO, 0, "unreadable");
		return sink->failed(sink->ctx, step->id, &why, err);
	case 'c':
		return sink->checkpoint(sink->ctx, &cursor, err);
	default:
		contact.id = (struct hf_text){step->id, strlen(step->id), HF_TEXT_UTF8, 0};
		if (step->what == '-')
			contact.flags = HF_CONTACT_DELETED;
		if (step->card != NULL)
			contact.card = (struct hf_blob){step->card, strlen(step->card)};
		if (step->revision != NULL)
			contact.revision = (struct hf_text){step->revision, strlen(step->revision), HF_TEXT_UTF8, 0};
		return sink->contact(sink->ctx, &contact, err);
	}
}

static int
view_enumerate(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_account account = {sizeof(account), 0, TEXT("book"), {NULL, 0, 0, 0}, TEXT("A \"B\"")};
	const struct step *step;
	int r = HF_OK;

	(void)ctx;
	if (query->what == HF_QUERY_ACCOUNT)
		return sink->account(sink->ctx, &account, err);
	CU_ASSERT_EQUAL_FATAL(query->what, HF_QUERY_CONTACTS);
	(void)snprintf(source.cursor, sizeof(source.cursor), "%.*s", (int)query->cursor.size,
	    query->cursor.size == 0 ? "" : (const char *)query->cursor.data);
	source.asked++;
	for (step = source.steps; r == HF_OK && step->what != 0; step++)
		r = push(step, sink, err);
	return r != HF_OK || source.code == HF_OK ? r : hf_error_set(err, source.code, 13, "the door is shut");
}

static const struct hf_source_view view = {sizeof(struct hf_source_view), 0, NULL, "Family", "fake", NULL,
    view_enumerate, NULL};

/* ---- a snapshot ---- */

static struct file {
	char name[32];
	char *data;
	size_t size;
	int64_t mtime_ns;
} files[FILES], written[FILES];

static struct {
	int writes, failed, done, added, previous_code;
	char item[500], why[500];
	const char *missing; /* a file that is not there */
} seen;

static struct file *
find(struct file *list, const char *name)
{
	size_t i;

	for (i = 0; i < FILES && list[i].name[0] != '\0' && strcmp(list[i].name, name) != 0; i++)
		;
	CU_ASSERT_FATAL(i < FILES);
	return &list[i];
}

static void
keep(struct file *file, const char *name, const void *data, size_t size, int64_t mtime_ns)
{
	free(file->data);
	(void)snprintf(file->name, sizeof(file->name), "%s", name);
	file->data = malloc(size + 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(file->data);
	if (size > 0)
		memcpy(file->data, data, size);
	file->data[size] = '\0';
	file->size = size;
	file->mtime_ns = mtime_ns;
}

static int
emit_previous(void *ctx, const char *path, const struct hf_sink *sink, struct hf_error *err)
{
	struct file *file = find(files, path);
	size_t at, n;
	int r = HF_OK;

	(void)ctx;
	if (file->data == NULL || (seen.missing != NULL && strcmp(seen.missing, path) == 0))
		return hf_error_set(err, HF_ENOTFOUND, 0, "none");
	/* In pieces of a size that fits nothing. */
	for (at = 0; r == HF_OK && at < file->size; at += n) {
		n = file->size - at < 7 ? file->size - at : 7;
		r = sink->write(sink->ctx, file->data + at, n, err);
	}
	return r;
}

static int
emit_file(void *ctx, const char *path, const struct hf_blob *data, int64_t mtime_ns, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.writes++;
	keep(find(written, path), path, data->data, data->size, mtime_ns);
	return HF_OK;
}

static int
emit_file_from(void *ctx, const char *path, const struct hf_reader *reader, int64_t mtime_ns, struct hf_error *err)
{
	char *data = malloc(reader->length + 1);
	struct hf_blob blob = {data, reader->length};
	uint64_t at = 0;
	int64_t n;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	CU_ASSERT_EQUAL(reader->rewind(reader->ctx, err), HF_OK);
	while ((n = reader->read(reader->ctx, data + at, reader->length + 1 - at, err)) > 0)
		at += (uint64_t)n;
	CU_ASSERT_EQUAL(at, reader->length);
	(void)emit_file(ctx, path, &blob, mtime_ns, err);
	free(data);
	return HF_OK;
}

static int
emit_done(void *ctx, uint64_t items, uint64_t bytes, struct hf_error *err)
{
	(void)ctx;
	(void)bytes;
	(void)err;
	seen.done += (int)items;
	return HF_OK;
}

static int
emit_added(void *ctx, uint64_t records, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.added += (int)records;
	return HF_OK;
}

static int
emit_failed(void *ctx, const char *item, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.failed++;
	(void)snprintf(seen.item, sizeof(seen.item), "%s", item);
	(void)snprintf(seen.why, sizeof(seen.why), "%s", why->msg);
	return HF_OK;
}

static bool old_host; /* without file_from and added */

static int
run(const struct step *steps, uint32_t flags, struct hf_error *err)
{
	struct hf_emitter emitter = {.struct_size = sizeof(emitter), .previous = emit_previous, .file = emit_file,
	    .done = emit_done, .failed = emit_failed, .file_from = old_host ? NULL : emit_file_from,
	    .added = old_host ? NULL : emit_added};
	const struct hf_unit unit = {sizeof(unit), 0, TEXT("contacts"), "/contacts/%46amily", {NULL, 0}, 0, 0};
	const struct hf_run how = {sizeof(how), flags, {NULL, 0}};
	void *handle = NULL;
	size_t i;
	int r;

	for (i = 0; i < FILES; i++) {
		free(written[i].data);
		memset(&written[i], 0, sizeof(written[i]));
	}
	seen.writes = seen.failed = seen.done = seen.added = 0;
	source.steps = steps;
	CU_ASSERT_EQUAL_FATAL(strategy->open(&host, NULL, 0, &handle, err), HF_OK);
	r = strategy->execute(handle, &view, &unit, &how, &emitter, err);
	strategy->close(handle);
	/* Only a unit that ends well changes the snapshot. */
	for (i = 0; r == HF_OK && i < FILES; i++) {
		if (written[i].data != NULL)
			keep(find(files, written[i].name), written[i].name, written[i].data, written[i].size,
			    written[i].mtime_ns);
	}
	return r;
}

static const char *
content(const char *name)
{
	struct file *file = find(files, name);

	return file->data == NULL ? "(none)" : file->data;
}

static void
begin(void)
{
	size_t i;

	for (i = 0; i < FILES; i++) {
		free(files[i].data);
		memset(&files[i], 0, sizeof(files[i]));
	}
	memset(&seen, 0, sizeof(seen));
	memset(&source, 0, sizeof(source));
	logged[0] = '\0';
}

static const struct step three[] = {{'+', "b", CARD("b", "B"), "1", 5 * SECOND},
    {'+', "a", "BEGIN:VCARD\nPHOTO:x\nFN:A\nEND:VCARD", NULL, HF_NO_TIME}, {'+', "c", CARD("c", "C"), "1", 3 * SECOND},
    {'c', "cursor 1", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};

static void
test_first(void)
{
	begin();
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(source.cursor, "");
	CU_ASSERT_EQUAL(seen.done, 3);
	CU_ASSERT_EQUAL(seen.added, 3);
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), "BEGIN:VCARD\nFN:A\nEND:VCARD\n" CARD("b", "B") CARD("c", "C"));
	CU_ASSERT_STRING_EQUAL(content("contacts.json"),
	    "[\n[\"vcard\",[[\"version\",{},\"text\",\"4.0\"],[\"fn\",{},\"text\",\"A\"]]],\n"
	    "[\"vcard\",[[\"version\",{},\"text\",\"4.0\"],[\"uid\",{},\"text\",\"b\"],[\"fn\",{},\"text\",\"B\"]]],\n"
	    "[\"vcard\",[[\"version\",{},\"text\",\"4.0\"],[\"uid\",{},\"text\",\"c\"],[\"fn\",{},\"text\",\"C\"]]]\n]\n");
	CU_ASSERT_STRING_EQUAL(content("index.jsonl"), "{\"id\":\"a\",\"size\":27}\n"
	    "{\"id\":\"b\",\"size\":50,\"revision\":\"1\",\"updated_at\":\"1970-01-01T00:00:05Z\"}\n"
	    "{\"id\":\"c\",\"size\":50,\"revision\":\"1\",\"updated_at\":\"1970-01-01T00:00:03Z\"}\n");
	CU_ASSERT_STRING_EQUAL(content("account.json"), "{\"schema\":\"holdfast.contacts/1\",\"account\":\"Family\","
	    "\"source\":\"fake\",\"service\":\"book\",\"name\":\"A \\\"B\\\"\",\"cards\":3}\n");
	CU_ASSERT_STRING_EQUAL(content("cursor"), "cursor 1");
	CU_ASSERT_EQUAL(find(files, "contacts.vcf")->mtime_ns, 5 * SECOND);
	CU_ASSERT_EQUAL(find(files, "cursor")->mtime_ns, 5 * SECOND);
}

static void
test_unchanged(void)
{
	static const struct step nothing[] = {{'c', "cursor 1", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step moved[] = {{'c', "cursor 2", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step again[] = {{'r', NULL, NULL, NULL, 0}, {'+', "b", CARD("b", "B"), "1", 9 * SECOND},
	    {'+', "a", "BEGIN:VCARD\nFN:A\nEND:VCARD", NULL, HF_NO_TIME}, {'+', "c", CARD("c", "C"), "1", 3 * SECOND},
	    {'c', "cursor 1", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};

	begin();
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(run(nothing, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(source.cursor, "cursor 1");
	CU_ASSERT_EQUAL(seen.added, 0);
	CU_ASSERT_EQUAL(seen.writes, 0);
	CU_ASSERT_EQUAL(run(moved, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.writes, 1);
	CU_ASSERT_EQUAL(find(files, "cursor")->mtime_ns, 5 * SECOND);
	CU_ASSERT_EQUAL(run(moved, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.writes, 0);
	/* Read in full, and all is the same. */
	CU_ASSERT_EQUAL(run(again, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.added, 0);
	CU_ASSERT_EQUAL(seen.writes, 1);
	CU_ASSERT_EQUAL(run(three, HF_RUN_FULL, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(source.cursor, "");
	CU_ASSERT_STRING_EQUAL(content("cursor"), "cursor 1");
	CU_ASSERT(find(written, "contacts.vcf")->data == NULL && find(written, "index.jsonl")->data == NULL);
}

static void
test_changes(void)
{
	static const struct step changes[] = {{'-', "a", NULL, NULL, 0}, {'+', "b", CARD("b", "BB"), "2", 9 * SECOND},
	    {'+', "d", CARD("d", "D"), NULL, HF_NO_TIME}, {'+', "0", CARD("0", "first"), NULL, HF_NO_TIME},
	    {'-', "d", NULL, NULL, 0}, {'+', "d", CARD("d", "D2"), NULL, HF_NO_TIME}, {'-', "none", NULL, NULL, 0},
	    {'c', "cursor 2", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step all_gone[] = {{'-', "0", NULL, NULL, 0}, {'-', "b", NULL, NULL, 0},
	    {'-', "c", NULL, NULL, 0}, {'-', "d", NULL, NULL, 0}, {'c', "cursor 3", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};

	begin();
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(run(changes, 0, NULL), HF_OK);
	/* "0" and "d" are new, "b" is changed, "a" is deleted. */
	CU_ASSERT_EQUAL(seen.added, 4);
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), CARD("0", "first") CARD("b", "BB") CARD("c", "C") CARD("d", "D2"));
	CU_ASSERT_STRING_EQUAL(content("index.jsonl"), "{\"id\":\"0\",\"size\":54}\n"
	    "{\"id\":\"b\",\"size\":51,\"revision\":\"2\",\"updated_at\":\"1970-01-01T00:00:09Z\"}\n"
	    "{\"id\":\"c\",\"size\":50,\"revision\":\"1\",\"updated_at\":\"1970-01-01T00:00:03Z\"}\n"
	    "{\"id\":\"d\",\"size\":51}\n");
	/* The source says that each of them is gone. */
	CU_ASSERT_EQUAL(run(all_gone, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.added, 4);
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), "");
	CU_ASSERT_STRING_EQUAL(content("contacts.json"), "[]\n");
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(run(changes, 0, NULL), HF_OK);
	old_host = true;
	CU_ASSERT_EQUAL(run(all_gone, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	old_host = false;
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), "BEGIN:VCARD\nFN:A\nEND:VCARD\n" CARD("b", "B") CARD("c", "C"));
}

/* Absence is not deletion. */
static void
test_absent(void)
{
	static const struct step none[] = {{'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step reset[] = {{'+', "z", CARD("z", "Z"), NULL, 0}, {'r', NULL, NULL, NULL, 0},
	    {'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step one[] = {{'r', NULL, NULL, NULL, 0}, {'+', "c", CARD("c", "C"), "1", 3 * SECOND},
	    {'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const struct step partly[] = {{'r', NULL, NULL, NULL, 0}, {'+', "c", CARD("c", "C"), "1", 3 * SECOND},
	    {'f', "b", NULL, NULL, 0}, {'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	struct hf_error err = HF_ERROR_INIT;

	begin();
	CU_ASSERT_EQUAL(run(none, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(content("contacts.json"), "[]\n");
	CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(run(none, HF_RUN_FULL, &err), HF_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "there were 3"));
	CU_ASSERT_EQUAL(run(reset, 0, &err), HF_EIO);
	CU_ASSERT_EQUAL(seen.writes, 0);
	/* A listing with a failure in it says nothing of what is not in it. */
	CU_ASSERT_EQUAL(run(partly, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 1);
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), "BEGIN:VCARD\nFN:A\nEND:VCARD\n" CARD("b", "B") CARD("c", "C"));
	CU_ASSERT_EQUAL(run(one, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), CARD("c", "C"));
}

static void
test_refused(void)
{
	static const struct step nothing[] = {{0, NULL, NULL, NULL, 0}};
	static const struct step bad[] = {{'+', "a", "no card", NULL, 0}, {'+', "\x1b[2J", "BEGIN:VCARD\n", NULL, 0},
	    {'+', "", CARD("x", "X"), NULL, 0}, {'+', "ok", CARD("ok", "OK"), NULL, HF_NO_TIME},
	    {'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	struct hf_error err = HF_ERROR_INIT;

	begin();
	source.code = HF_EPERM;
	CU_ASSERT_EQUAL(run(nothing, 0, &err), HF_EPERM);
	CU_ASSERT_STRING_EQUAL(err.msg, "no permission to read the contacts: the door is shut");
	CU_ASSERT_EQUAL(err.os_errno, 13);
	source.code = HF_EAUTH;
	CU_ASSERT_EQUAL(run(three, 0, &err), HF_EAUTH);
	CU_ASSERT_EQUAL(seen.writes, 0);
	source.code = HF_ENET;
	CU_ASSERT_EQUAL(run(three, 0, &err), HF_ENET);
	CU_ASSERT_STRING_EQUAL(err.msg, "the door is shut");
	source.code = HF_OK;
	CU_ASSERT_EQUAL(run(bad, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 3);
	CU_ASSERT_EQUAL(seen.done, 1);
	CU_ASSERT_STRING_EQUAL(seen.item, "a card without id");
	CU_ASSERT_STRING_EQUAL(content("contacts.vcf"), CARD("ok", "OK"));
	/* What was refused is asked for again: all, or what came since the last time. */
	CU_ASSERT_STRING_EQUAL(content("cursor"), "");
	CU_ASSERT_EQUAL(run(three, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(source.cursor, "");
	CU_ASSERT_STRING_EQUAL(content("cursor"), "cursor 1");
	CU_ASSERT_EQUAL(run(bad, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(content("cursor"), "cursor 1");
	/* Asked to stop. */
	begin();
	stop_now = 1;
	CU_ASSERT_EQUAL(run(three, 0, &err), HF_ESTOPPING);
	stop_now = 0;
}

/* What the last snapshot has and cannot be used is made anew, from the source. */
static void
test_damaged(void)
{
	static const char *const names[] = {"contacts.vcf", "index.jsonl", "account.json", "cursor"};
	static const struct step change[] = {{'+', "c", CARD("c", "CC"), "2", HF_NO_TIME}, {'+', "a",
	    "BEGIN:VCARD\nFN:A\nEND:VCARD\n", NULL, HF_NO_TIME}, {'+', "b", CARD("b", "B"), "1", 5 * SECOND},
	    {'c', "x", NULL, NULL, 0}, {0, NULL, NULL, NULL, 0}};
	static const char *const junk[] = {"", "{}\n", "{\"id\":\"a\",\"size\":1}\n", "\xff\xff", "{\"id\":\"b\",\"size\":99999999999}\n"};
	struct hf_error err = HF_ERROR_INIT;
	struct file *file;
	size_t i, k;

	for (i = 0; i < 4; i++) {
		for (k = 0; k <= 5; k++) {
			begin();
			CU_ASSERT_EQUAL(run(three, 0, NULL), HF_OK);
			file = find(files, names[i]);
			if (k < 5)
				keep(file, names[i], junk[k], strlen(junk[k]), 0);
			else
				seen.missing = names[i];
			CU_ASSERT_EQUAL(run(change, 0, &err), HF_OK);
			CU_ASSERT_STRING_EQUAL(content("contacts.vcf"),
			    "BEGIN:VCARD\nFN:A\nEND:VCARD\n" CARD("b", "B") CARD("c", "CC"));
		}
	}
}

/* The same cards in any order, at once or one by one, end in the same bytes. */
static int
compare_steps(const void *a, const void *b)
{
	return strcmp(((const struct step *)a)->id, ((const struct step *)b)->id);
}

static void
test_order(void)
{
	struct step steps[40], one[3];
	char ids[32][8], cards[32][100], *whole;
	size_t i, k;

	begin();
	srand(7);
	memset(steps, 0, sizeof(steps));
	for (i = 0; i < 32; i++) {
		(void)snprintf(ids[i], sizeof(ids[i]), "%c%zu", (char)('a' + rand() % 26), i);
		(void)snprintf(cards[i], sizeof(cards[i]), CARD("%s", "x"), ids[i]);
		steps[i] = (struct step){'+', ids[i], cards[i], NULL, (int64_t)i};
	}
	steps[32] = (struct step){'c', "x", NULL, NULL, 0};
	CU_ASSERT_EQUAL(run(steps, 0, NULL), HF_OK);
	whole = strdup(content("index.jsonl"));
	CU_ASSERT_PTR_NOT_NULL_FATAL(whole);
	begin();
	for (i = 0; i < 32; i++) {
		k = (i * 13) % 32;
		one[0] = steps[k];
		one[1] = steps[32];
		memset(&one[2], 0, sizeof(one[2]));
		CU_ASSERT_EQUAL(run(one, 0, NULL), HF_OK);
	}
	CU_ASSERT_STRING_EQUAL(content("index.jsonl"), whole);
	CU_ASSERT_EQUAL(find(files, "contacts.vcf")->mtime_ns, 31);
	/* In order, in order but for the last, and in order with one that comes twice. */
	begin();
	qsort(steps, 32, sizeof(steps[0]), compare_steps);
	CU_ASSERT_EQUAL(run(steps, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(content("index.jsonl"), whole);
	begin();
	one[0] = steps[0];
	memmove(&steps[0], &steps[1], 31 * sizeof(steps[0]));
	steps[31] = one[0];
	CU_ASSERT_EQUAL(run(steps, 0, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(content("index.jsonl"), whole);
	begin();
	steps[31] = steps[30];
	steps[30].card = CARD("x", "older");
	steps[33] = (struct step){0, NULL, NULL, NULL, 0};
	CU_ASSERT_EQUAL(run(steps, 0, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.added, 31);
	CU_ASSERT_PTR_NULL(strstr(content("contacts.vcf"), "older"));
	free(whole);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"first", test_first}, {"unchanged", test_unchanged}, {"changes", test_changes},
	    {"absent", test_absent}, {"refused", test_refused}, {"damaged", test_damaged}, {"order", test_order},
	    CU_TEST_INFO_NULL};
	void *module = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	const struct hf_plugin *(*entry)(void);
	size_t i;
	int r;

	if (module == NULL) {
		(void)printf("%s\n", dlerror());
		return 99;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	strategy = entry()->components[0]->ops;
	r = unit_run("contacts", tests);
	for (i = 0; i < FILES; i++) {
		free(files[i].data);
		free(written[i].data);
	}
	(void)dlclose(module);
	return r;
}
