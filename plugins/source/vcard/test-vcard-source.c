/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/buffer.h"
#include "base/path.h"
#include "base/unit.h"
#include "base/write.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <holdfast/plugin.h>

#define CARD(uid, rest) "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:" uid "\r\n" rest "END:VCARD\r\n"

static const struct hf_source_ops *source;
static void *handle;
static char top[] = "test-vcard-XXXXXX";
static char folder[64];

/* What the source pushed. */
static struct {
	struct buffer log; /* a line each */
	struct buffer cards;
	struct buffer cursor;
	int contacts, deleted, failed, resets;
} seen;

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	(void)level;
	(void)printf("%.*s\n", (int)size, msg);
}

static int32_t
host_stop(void *ctx)
{
	(void)ctx;
	return 0;
}

static const void *
host_extension(void *ctx, const char *id)
{
	(void)ctx;
	return strcmp(id, HF_HOST_WRITE) == 0 ? &write_host_extension : NULL;
}

static const struct hf_host host = {.struct_size = sizeof(struct hf_host), .log = host_log,
    .stop_requested = host_stop, .get_extension = host_extension};

static int
on_contact(void *ctx, const struct hf_contact *contact, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	if (contact->flags & HF_CONTACT_DELETED)
		seen.deleted++;
	else
		seen.contacts++;
	buffer_appendf(&seen.log, "%s%.*s\n", contact->flags & HF_CONTACT_DELETED ? "-" : "+", (int)contact->id.size,
	    contact->id.data);
	buffer_append(&seen.cards, contact->card.data, contact->card.size);
	return HF_OK;
}

static int
on_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.failed++;
	buffer_appendf(&seen.log, "!%s: %s\n", where, why->msg);
	return HF_OK;
}

static int
on_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	buffer_clear(&seen.cursor);
	buffer_append(&seen.cursor, cursor->data, cursor->size);
	return HF_OK;
}

static int
on_reset(void *ctx, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.resets++;
	return HF_OK;
}

static void
open_source(const char *path)
{
	static char kept[100];
	struct hf_value value = {HF_OPTION_PATH, 1, 0, kept};

	(void)snprintf(kept, sizeof(kept), "%s", path);
	if (handle != NULL)
		source->close(handle);
	handle = NULL;
	CU_ASSERT_EQUAL_FATAL(source->open(&host, &value, 1, &handle, NULL), HF_OK);
}

/* Asks for contacts, from the last cursor or from the start. */
static int
ask(bool incremental, struct hf_error *err)
{
	const struct hf_record_sink sink = {.struct_size = sizeof(sink), .checkpoint = on_checkpoint,
	    .failed = on_failed, .contact = on_contact, .reset = on_reset};
	struct hf_query query = {.struct_size = sizeof(query), .what = HF_QUERY_CONTACTS};
	char *cursor = NULL;
	int r;

	if (incremental && seen.cursor.size > 0) {
		cursor = malloc(seen.cursor.size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(cursor);
		memcpy(cursor, seen.cursor.data, seen.cursor.size);
		query.cursor = (struct hf_blob){cursor, seen.cursor.size};
	}
	buffer_clear(&seen.log);
	buffer_clear(&seen.cards);
	seen.contacts = seen.deleted = seen.failed = seen.resets = 0;
	r = source->enumerate(handle, &query, &sink, err);
	free(cursor);
	return r;
}

static const char *
told(bool incremental)
{
	CU_ASSERT_EQUAL(ask(incremental, NULL), HF_OK);
	return buffer_string(&seen.log) == NULL ? "" : buffer_string(&seen.log);
}

static void
put_bytes(const char *name, const void *data, size_t size)
{
	const struct timespec times[2] = {{1700000000, 0}, {1700000000, 0}};
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	CU_ASSERT_EQUAL(path_write(path, data, size, 0600, NULL), HF_OK);
	(void)utimensat(AT_FDCWD, path, times, 0);
}

static void
put(const char *name, const char *text)
{
	put_bytes(name, text, strlen(text));
}

static void
take_away(const char *name)
{
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	CU_ASSERT_EQUAL(unlink(path), 0);
}

/* A new folder for each test. */
static void
begin(const char *name)
{
	(void)snprintf(folder, sizeof(folder), "%s/%s", top, name);
	CU_ASSERT_EQUAL_FATAL(mkdir(folder, 0700), 0);
	buffer_clear(&seen.cursor);
	open_source(folder);
}

/* Files younger than two seconds are read again. */
static void
grow_old(void)
{
	(void)nanosleep(&(struct timespec){2, 100000000}, NULL);
}

static void
test_folder(void)
{
	char path[200];

	begin("folder");
	CU_ASSERT_STRING_EQUAL(told(true), "");
	put("b.vcf", CARD("2", "") CARD("1", "") "BEGIN:VCARD\nFN:none\nEND:VCARD\n" CARD("1", "FN:x\r\n"));
	put("a b%#.VCARD", CARD("u i", ""));
	put("notes.txt", "no card");
	put(".hidden.vcf", CARD("9", ""));
	(void)snprintf(path, sizeof(path), "%s/sub", folder);
	(void)mkdir(path, 0700);
	put("sub/c.vcf", CARD("3", ""));
	CU_ASSERT_STRING_EQUAL(told(false), "+a%20b%25%23.VCARD#u%20i\n+b.vcf#2\n+b.vcf#1\n"
	    "+b.vcf##ebcfe5e0633080bf3bccfcc88240a1b1\n+b.vcf#1#2\n+sub/c.vcf#3\n");
	grow_old();
	(void)told(true);
	CU_ASSERT_STRING_EQUAL(told(true), "");
	put("b.vcf", CARD("1", "FN:changed\r\n"));
	take_away("sub/c.vcf");
	CU_ASSERT_STRING_EQUAL(told(true), "+b.vcf#1\n-b.vcf#2\n-b.vcf##ebcfe5e0633080bf3bccfcc88240a1b1\n-b.vcf#1#2\n"
	    "-sub/c.vcf#3\n");
	/* A cursor of something else. */
	buffer_clear(&seen.cursor);
	buffer_append_string(&seen.cursor, "something else\n");
	CU_ASSERT_STRING_EQUAL(told(true), "+a%20b%25%23.VCARD#u%20i\n+b.vcf#1\n");
	CU_ASSERT_EQUAL(seen.resets, 1);
}

static void
test_broken(void)
{
	begin("broken");
	put("a.vcf", "junk\nmore\n" CARD("1", "") "END:VCARD\nBEGIN:VCARD\nFN:no end\n" CARD("2", "") "\n" CARD("3", ""));
	CU_ASSERT_STRING_EQUAL(told(false), "!a.vcf:1: text that belongs to no card\n+a.vcf#1\n"
	    "!a.vcf:7: END:VCARD without a BEGIN:VCARD\n!a.vcf:8: its END:VCARD is missing\n+a.vcf#2\n+a.vcf#3\n");
	put("empty.vcf", "");
	/* What is in a file that cannot be read without a failure is not deleted by it. */
	put("a.vcf", CARD("1", "") "BEGIN:VCARD\n");
	CU_ASSERT_STRING_EQUAL(told(true), "+a.vcf#1\n!a.vcf:5: its END:VCARD is missing\n!empty.vcf: no card is in it\n");
	CU_ASSERT_STRING_EQUAL(told(true), "+a.vcf#1\n!a.vcf:5: its END:VCARD is missing\n!empty.vcf: no card is in it\n");
	put("a.vcf", CARD("1", ""));
	CU_ASSERT_STRING_EQUAL(told(true), "+a.vcf#1\n-a.vcf#2\n-a.vcf#3\n!empty.vcf: no card is in it\n");
}

static void
test_encodings(void)
{
	static const char little[] = "\xff\xfe" "B\0E\0G\0I\0N\0:\0V\0C\0A\0R\0D\0\n\0F\0N\0:\0\xe9\0=\xd8\x00\xde\n\0" "E\0N\0D\0:\0V\0C\0A\0R\0D\0";
	static const char big[] = "\0B\0E\0G\0I\0N\0:\0V\0C\0A\0R\0D\0\n\0E\0N\0D\0:\0V\0C\0A\0R\0D\0\n";

	begin("encodings");
	put_bytes("1.vcf", little, sizeof(little) - 1);
	put_bytes("2.vcf", big, sizeof(big) - 1);
	put("3.vcf", "\xef\xbb\xbf" CARD("bom", ""));
	put("4.vcf", "BEGIN:VCARD\rFN:J\xfcrgen\rEND:VCARD\rBEGIN:VCARD\rFN:2\rEND:VCARD");
	put("5.vcf", "BEGIN:VCARD\r\r\nFN:x\r\r\nEND:VCARD\r\r\n");
	CU_ASSERT_EQUAL(ask(false, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.failed, 0);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.cards),
	    "BEGIN:VCARD\nFN:\xc3\xa9\xf0\x9f\x98\x80\nEND:VCARD" "BEGIN:VCARD\nEND:VCARD\n" CARD("bom", "")
	    "BEGIN:VCARD\rFN:J\xfcrgen\rEND:VCARD\rBEGIN:VCARD\rFN:2\rEND:VCARD"
	    "BEGIN:VCARD\r\r\nFN:x\r\r\nEND:VCARD\r\r\n");
}

/* Nothing is deleted because it cannot be seen. */
static void
test_absent(void)
{
	struct hf_error err = HF_ERROR_INIT;
	char path[200], other[200];

	begin("absent");
	put("a.vcf", CARD("1", ""));
	put("b.vcf", CARD("2", ""));
	CU_ASSERT_EQUAL(ask(false, NULL), HF_OK);
	take_away("a.vcf");
	take_away("b.vcf");
	CU_ASSERT_EQUAL(ask(true, &err), HF_EIO);
	CU_ASSERT_EQUAL(seen.deleted, 0);
	/* A link that has taken a file's place is not followed, and the file's cards are not gone. */
	put("b.vcf", CARD("2", ""));
	(void)snprintf(path, sizeof(path), "%s/a.vcf", folder);
	CU_ASSERT_EQUAL(symlink("b.vcf", path), 0);
	CU_ASSERT_STRING_EQUAL(told(true), "!a.vcf: a symbolic link is not followed\n+b.vcf#2\n");
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_STRING_EQUAL(told(true), "!a.vcf: not a regular file\n+b.vcf#2\n");
	CU_ASSERT_EQUAL(unlink(path), 0);
	(void)snprintf(other, sizeof(other), "%s-gone", folder);
	CU_ASSERT_EQUAL(rename(folder, other), 0);
	CU_ASSERT_EQUAL(ask(true, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(seen.deleted, 0);
	CU_ASSERT_EQUAL(rename(other, folder), 0);
	CU_ASSERT_STRING_EQUAL(told(true), "-a.vcf#1\n+b.vcf#2\n");
	if (geteuid() == 0)
		return;
	CU_ASSERT_EQUAL(chmod(folder, 0), 0);
	CU_ASSERT_EQUAL(ask(true, &err), HF_EPERM);
	CU_ASSERT_EQUAL(chmod(folder, 0700), 0);
}

static void
test_file(void)
{
	char path[200];

	begin("file");
	put("phone", CARD("1", "") CARD("2", ""));
	(void)snprintf(path, sizeof(path), "%s/phone", folder);
	open_source(path);
	CU_ASSERT_STRING_EQUAL(told(false), "+#1\n+#2\n");
	put("phone", CARD("2", "") "x\n");
	CU_ASSERT_EQUAL(ask(true, NULL), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&seen.log), "file/phone:5: text that belongs to no card\n"));
	put("phone", CARD("2", ""));
	CU_ASSERT_STRING_EQUAL(told(true), "+#2\n-#1\n");
}

static int
put_card(const char *card, uint32_t flags, uint32_t *done, struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = sizeof(contact), .id = {"x", 1, HF_TEXT_UTF8, 0},
	    .card = {card, strlen(card)}};

	*done = 0;
	return source->put_contact(handle, &contact, flags, done, err);
}

static void
test_put(void)
{
	static const char one[] = CARD("1", "FN:one\r\n"), two[] = CARD("a/../b", "FN:two\r\n");
	struct hf_error err = HF_ERROR_INIT;
	uint32_t done;
	char path[200];

	begin("put");
	put("mine.vcf", CARD("1", "FN:other\r\nPHOTO;ENCODING=b:AAAA\r\n"));
	put("several.vcf", CARD("7", "") CARD("8", ""));
	CU_ASSERT_EQUAL(put_card(two, HF_PUT_DRY_RUN, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_CREATED);
	CU_ASSERT_EQUAL(put_card(one, HF_PUT_DRY_RUN, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_REPLACED);
	CU_ASSERT_EQUAL(ask(false, NULL), HF_OK);
	CU_ASSERT_EQUAL(seen.contacts, 3);
	CU_ASSERT_EQUAL(put_card(one, 0, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_REPLACED);
	CU_ASSERT_EQUAL(put_card(one, 0, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	CU_ASSERT_EQUAL(put_card(two, 0, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_CREATED);
	CU_ASSERT_EQUAL(put_card(CARD("7", ""), 0, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	CU_ASSERT_EQUAL(put_card(CARD("7", "FN:x\r\n"), 0, &done, &err), HF_EEXIST);
	CU_ASSERT_EQUAL(put_card("no card", 0, &done, &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(ask(false, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&seen.log),
	    "+a%252F..%252Fb.vcf#a/../b\n+mine.vcf#1\n+several.vcf#7\n+several.vcf#8\n");
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&seen.cards), "FN:one\r\nPHOTO;ENCODING=b:AAAA\r\nEND:VCARD"));
	/* A new process finds the same. */
	open_source(folder);
	CU_ASSERT_EQUAL(put_card(two, 0, &done, &err), HF_OK);
	CU_ASSERT_EQUAL(done, HF_PUT_SAME);
	/* Nothing is written over what came in between. */
	CU_ASSERT_EQUAL(put_card(CARD("1", "FN:third\r\n"), HF_PUT_DRY_RUN, &done, &err), HF_OK);
	put("mine.vcf", CARD("1", "FN:quick\r\n"));
	CU_ASSERT_EQUAL(put_card(CARD("1", "FN:third\r\n"), 0, &done, &err), HF_EAGAIN);
	put("4.vcf", CARD("44", ""));
	CU_ASSERT_EQUAL(put_card(CARD("4", ""), 0, &done, &err), HF_EEXIST);
	(void)snprintf(path, sizeof(path), "%s/4.vcf", folder);
	open_source(path);
	CU_ASSERT_EQUAL(put_card(one, 0, &done, &err), HF_ENOTSUP);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"folder", test_folder}, {"broken", test_broken}, {"encodings", test_encodings},
	    {"absent", test_absent}, {"file", test_file}, {"put", test_put}, CU_TEST_INFO_NULL};
	void *module = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	const struct hf_plugin *(*entry)(void);
	char line[128];
	int r;

	if (module == NULL || mkdtemp(top) == NULL) {
		(void)printf("%s\n", module == NULL ? dlerror() : "no folder");
		return 99;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	source = entry()->components[0]->ops;
	seen.log.max = seen.cards.max = seen.cursor.max = 1u << 24;
	r = unit_run("vcard-source", tests);
	if (handle != NULL)
		source->close(handle);
	buffer_release(&seen.log);
	buffer_release(&seen.cards);
	buffer_release(&seen.cursor);
	(void)dlclose(module);
	(void)snprintf(line, sizeof(line), "rm -rf ./%s", top);
	return system(line) != 0 ? 99 : r;
}
