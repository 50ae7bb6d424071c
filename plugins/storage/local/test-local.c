/* SPDX-License-Identifier: BSD-2-Clause */
#define _XOPEN_SOURCE 700

#include <holdfast/plugin.h>

#include <CUnit/Basic.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

const struct hf_plugin *holdfast_plugin_v1(void);

static const struct hf_storage_ops *ops;
static char root[4000], base[3000];
static void *storage;

/* ---- help ---- */

struct source {
	const char *data;
	size_t size, at, fail_at;
};

static int64_t
source_read(void *ctx, void *data, uint64_t size, struct hf_error *err)
{
	struct source *source = ctx;
	size_t part = source->size - source->at;

	if (source->fail_at != 0 && source->at >= source->fail_at)
		return hf_error_set(err, HF_ENET, 0, "gone");
	if (part > size)
		part = (size_t)size;
	if (part > 7)
		part = 7; /* pieces of any size must do */
	memcpy(data, source->data + source->at, part);
	source->at += part;
	return (int64_t)part;
}

static int
put(uint32_t type, const char *name, const char *text, size_t length, size_t fail_at, uint32_t flags,
    struct hf_error *err)
{
	struct hf_object_key key = {type, 0, name};
	struct source source = {text, strlen(text), 0, fail_at};
	struct hf_reader reader = {(uint32_t)sizeof(reader), 0, &source, source_read, NULL, length};

	return ops->put(storage, &key, &reader, NULL, flags, err);
}

static char got[1000];

static int
sink_write(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	strncat(got, data, (size_t)size);
	return HF_OK;
}

static int
get(uint32_t type, const char *name, uint64_t offset, uint64_t length, struct hf_error *err)
{
	struct hf_object_key key = {type, 0, name};
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, NULL, sink_write};

	got[0] = '\0';
	return ops->get(storage, &key, offset, length, &sink, err);
}

static int
count_one(void *ctx, const char *name, uint64_t size, struct hf_error *err)
{
	unsigned *count = ctx;

	(void)name;
	(void)size;
	(void)err;
	++*count;
	return HF_OK;
}

/* The number of objects of a type, or a negative code. */
static int
count_objects(uint32_t type)
{
	unsigned count = 0;
	int r = ops->list(storage, type, count_one, &count, NULL);

	return r == HF_OK ? (int)count : r;
}

static mode_t
mode_of(const char *name)
{
	char path[4200];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	return stat(path, &st) == 0 ? st.st_mode & 0777 : 0;
}

static void
make_file(const char *name)
{
	char path[4200];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	CU_ASSERT_FATAL(fd >= 0);
	(void)close(fd);
}

static void
reopen(void)
{
	struct hf_value path = {HF_OPTION_PATH, 1, 0, root};

	ops->close(storage);
	storage = NULL;
	CU_ASSERT_EQUAL_FATAL(ops->open(NULL, &path, 1, &storage, NULL), HF_OK);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

/* Each test has a place of its own, two levels below a folder that is there. */
static void
set_up(void)
{
	char here[2000];
	struct hf_value path = {HF_OPTION_PATH, 1, 0, root};

	if (getcwd(here, sizeof(here)) == NULL)
		abort();
	(void)snprintf(base, sizeof(base), "%s/test-local-XXXXXX", here);
	if (mkdtemp(base) == NULL)
		abort();
	(void)snprintf(root, sizeof(root), "%s/a/b", base);
	if (ops->open(NULL, &path, 1, &storage, NULL) != HF_OK)
		abort();
}

static void
tear_down(void)
{
	ops->close(storage);
	storage = NULL;
	(void)nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- tests ---- */

static void
test_configure(void)
{
	struct hf_value value = {HF_OPTION_PATH, 0, 0, NULL};
	static char longest[5000];
	struct hf_error err = HF_ERROR_INIT;

	CU_ASSERT_EQUAL(ops->configure(&value, 1, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(ops->configure(&value, 0, &err), HF_EINVAL);
	value.set = 1;
	value.text = "relative";
	CU_ASSERT_EQUAL(ops->configure(&value, 1, &err), HF_EINVAL);
	memset(longest, '/', sizeof(longest) - 1);
	value.text = longest;
	CU_ASSERT_EQUAL(ops->configure(&value, 1, &err), HF_EINVAL);
	value.text = "/somewhere";
	CU_ASSERT_EQUAL(ops->configure(&value, 1, &err), HF_OK);
}

static void
test_create(void)
{
	struct hf_error err = HF_ERROR_INIT;

	/* Before it is made there is no repository, which is not an empty one. */
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_KEY), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(put(HF_OBJECT_KEY, ID, "x", 1, 0, 0, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(put(HF_OBJECT_CONFIG, "config", "x", 1, 0, 0, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(access(root, F_OK), -1);
	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	CU_ASSERT_EQUAL(ops->create(storage, &err), HF_OK);
	CU_ASSERT_EQUAL(mode_of(""), 0700);
	CU_ASSERT_EQUAL(mode_of("keys"), 0700);
	CU_ASSERT_EQUAL(mode_of("data/00"), 0700);
	CU_ASSERT_EQUAL(mode_of("data/ff"), 0700);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), 0);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_CONFIG), 0);
}

static void
test_objects(void)
{
	struct hf_object_key key = {HF_OBJECT_DATA, 0, ID};
	struct hf_error err = HF_ERROR_INIT;
	uint64_t size = 0;

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, ID, "hello repository", 16, 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(mode_of("data/00/" ID), 0400);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 0, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got, "hello repository");
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 6, 4, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got, "repo");
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 6, 10, &err), HF_OK);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 6, 11, &err), HF_ERANGE);
	CU_ASSERT_STRING_EQUAL(got, "");
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 17, 0, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, UINT64_MAX, 2, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 2, UINT64_MAX, &err), HF_ERANGE);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 16, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(ops->stat(storage, &key, &size, &err), HF_OK);
	CU_ASSERT_EQUAL(size, 16);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), 1);
	/* The same again replaces a file that nobody may write. */
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, ID, "hello", 5, 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, ID, "other", 5, 0, HF_PUT_NOREPLACE, &err), HF_EEXIST);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 0, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got, "hello");
	CU_ASSERT_EQUAL(ops->remove(storage, &key, &err), HF_OK);
	CU_ASSERT_EQUAL(ops->remove(storage, &key, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, ID, 0, 0, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(ops->stat(storage, &key, &size, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(put(HF_OBJECT_CONFIG, "config", "", 0, 0, HF_PUT_NOREPLACE, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_CONFIG, "config", "x", 1, 0, HF_PUT_NOREPLACE, &err), HF_EEXIST);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_CONFIG), 1);
}

/* A put that fails leaves neither the object nor a trace. */
static void
test_failed_put(void)
{
	struct hf_error err = HF_ERROR_INIT;
	char path[4200];

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_INDEX, ID, "hello repository", 16, 10, 0, &err), HF_ENET);
	CU_ASSERT_EQUAL(put(HF_OBJECT_INDEX, ID, "short", 16, 0, 0, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_INDEX), 0);
	(void)snprintf(path, sizeof(path), "%s/index", root);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	/* The folder comes back when it is needed. */
	CU_ASSERT_EQUAL(put(HF_OBJECT_INDEX, ID, "hello", 5, 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(mode_of("index"), 0700);
}

static void
test_names(void)
{
	static const char *const names[] = {"", "..", "config", "../config", ID "0", ID "/",
	    "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"};
	struct hf_error err = HF_ERROR_INIT;
	size_t i;

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		CU_ASSERT_EQUAL(put(HF_OBJECT_KEY, names[i], "x", 1, 0, 0, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(put(HF_OBJECT_CONFIG, ID, "x", 1, 0, 0, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(put(0, ID, "x", 1, 0, 0, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(put(99, ID, "x", 1, 0, 0, &err), HF_EINVAL);
	make_file("keys/README");
	make_file("keys/" ID "-tmp-1");
	make_file("data/" ID);
	make_file("data/01/" ID); /* not where it would be looked for */
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_KEY), 0);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), 0);
	CU_ASSERT_EQUAL(count_objects(99), HF_EINVAL);
}

static void
test_missing_folders(void)
{
	struct hf_error err = HF_ERROR_INIT;
	char path[4200];

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, ID, "hello", 5, 0, 0, &err), HF_OK);
	(void)snprintf(path, sizeof(path), "%s/locks", root);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_LOCK), HF_ENOTFOUND);
	make_file("config");
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_LOCK), 0);
	(void)snprintf(path, sizeof(path), "%s/data/01", root);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), 1);
	make_file("data/01");
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), HF_EIO);
	CU_ASSERT_EQUAL(unlink(path), 0);
	if (geteuid() != 0) { /* root reads everything */
		CU_ASSERT_EQUAL(mkdir(path, 0), 0);
		CU_ASSERT_EQUAL(count_objects(HF_OBJECT_DATA), HF_EPERM);
		CU_ASSERT_EQUAL(chmod(path, 0700), 0);
	}
}

static void
test_group(void)
{
	struct hf_error err = HF_ERROR_INIT;
	char path[4200];

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	make_file("config");
	(void)snprintf(path, sizeof(path), "%s/config", root);
	CU_ASSERT_EQUAL(chmod(path, 0440), 0);
	(void)snprintf(path, sizeof(path), "%s/data/00", root);
	CU_ASSERT_EQUAL(rmdir(path), 0);
	reopen();
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, ID, "hello", 5, 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(mode_of("data/00"), 0770);
	CU_ASSERT_EQUAL(mode_of("data/00/" ID), 0440);
}

static void
test_links(void)
{
	struct hf_error err = HF_ERROR_INIT;
	struct hf_object_key key = {HF_OBJECT_KEY, 0, ID};
	uint64_t size;
	char path[4200];

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	(void)snprintf(path, sizeof(path), "%s/keys/" ID, root);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", path), 0);
	CU_ASSERT_NOT_EQUAL(get(HF_OBJECT_KEY, ID, 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(ops->stat(storage, &key, &size, &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(get(HF_OBJECT_KEY, ID, 0, 0, &err), HF_ECORRUPT);
	CU_ASSERT_EQUAL(count_objects(HF_OBJECT_KEY), 0);
}

/* More packs than are kept open, read by turns; what is put or removed is never read from before. */
static void
test_packs_kept_open(void)
{
	char name[13][sizeof(ID)], text[16];
	struct hf_error err = HF_ERROR_INIT;
	unsigned i, round;

	CU_ASSERT_EQUAL_FATAL(ops->create(storage, &err), HF_OK);
	for (i = 0; i < 13; i++) {
		memcpy(name[i], ID, sizeof(ID));
		name[i][0] = name[i][63] = "0123456789abc"[i];
		(void)snprintf(text, sizeof(text), "pack %u", i);
		CU_ASSERT_EQUAL_FATAL(put(HF_OBJECT_DATA, name[i], text, strlen(text), SIZE_MAX, 0, &err), HF_OK);
	}
	for (round = 0; round < 100; round++) {
		i = round * round % 13;
		(void)snprintf(text, sizeof(text), "ck %u", i);
		CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, name[i], 2, 0, &err), HF_OK);
		CU_ASSERT_STRING_EQUAL(got, text);
		CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, name[i], 3, 9, &err), HF_ERANGE);
	}
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, name[1], 0, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(put(HF_OBJECT_DATA, name[1], "another", 7, SIZE_MAX, 0, &err), HF_OK);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, name[1], 0, 0, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(got, "another");
	CU_ASSERT_EQUAL(ops->remove(storage, &(struct hf_object_key){HF_OBJECT_DATA, 0, name[1]}, &err), HF_OK);
	CU_ASSERT_EQUAL(get(HF_OBJECT_DATA, name[1], 0, 0, &err), HF_ENOTFOUND);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"configure", test_configure}, {"create", test_create}, {"objects", test_objects},
	    {"packs kept open", test_packs_kept_open},
	    {"failed put", test_failed_put}, {"names", test_names}, {"missing folders", test_missing_folders},
	    {"group", test_group}, {"links", test_links}, CU_TEST_INFO_NULL};
	CU_SuiteInfo suites[] = {{"local", NULL, NULL, set_up, tear_down, tests}, CU_SUITE_INFO_NULL};
	const struct hf_plugin *plugin = holdfast_plugin_v1();
	unsigned failures, run;

	(void)umask(077);
	ops = plugin->components[0]->ops;
	if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
		return 99;
	CU_basic_set_mode(CU_BRM_VERBOSE);
	(void)CU_basic_run_tests();
	failures = CU_get_number_of_failures();
	run = CU_get_number_of_tests_run();
	CU_cleanup_registry();
	return failures == 0 && run > 0 ? 0 : 1;
}
