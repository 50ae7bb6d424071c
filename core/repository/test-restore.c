/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "base/unit.h"
#include "repository/target.h"
#include "repository/test-craft.h"
#include "repository/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A repository, a target beside it, and what was reported. */
struct fixture {
	struct test_place place;
	struct repository *repository;
	struct craft craft;
	struct snapshot snapshot;
	struct buffer reports;
	struct restore_stats stats;
	char target[1200], outside[1200];
};

static void
setup(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	test_place_open(&f->place);
	f->repository = test_place_weak_repository(&f->place);
	f->reports.max = (size_t)1 << 20;
	craft_open(&f->craft, f->repository);
	(void)snprintf(f->target, sizeof(f->target), "%s/target", f->place.directory);
	(void)snprintf(f->outside, sizeof(f->outside), "%s/outside", f->place.directory);
	(void)mkdir(f->outside, 0700);
}

static void
teardown(struct fixture *f)
{
	buffer_release(&f->reports);
	repository_close(f->repository);
	test_place_close(&f->place);
}

/* Stores what was crafted as a snapshot with that root. */
static void
ready(struct fixture *f, const struct repository_id *root)
{
	craft_pack(&f->craft, NULL);
	f->snapshot.tree = *root;
	CU_ASSERT_EQUAL_FATAL(repository_load_index(f->repository, NULL), HF_OK);
}

static int
restore(struct fixture *f, const char *path)
{
	struct hf_error err = HF_ERROR_INIT;

	buffer_clear(&f->reports);
	return repository_restore(f->repository, &f->snapshot, path, f->target, craft_report, &f->reports, &f->stats,
	    &err);
}

static const char *
at(const struct fixture *f, const char *name)
{
	static char paths[4][2400];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", f->target, name);
	return path;
}

static bool
holds(const struct fixture *f, const char *name, const char *text)
{
	struct buffer content = BUFFER_INIT(1000);
	bool same;

	same = path_read(at(f, name), 1000, &content, NULL) == HF_OK && content.size == strlen(text) &&
	    (content.size == 0 || memcmp(content.data, text, content.size) == 0);
	buffer_release(&content);
	return same;
}

static bool
reported(struct fixture *f, const char *text)
{
	return strstr(buffer_string(&f->reports), text) != NULL;
}

/* /a "one", /d/b "two", /d/link -> b, /e empty */
static void
craft_sample(struct fixture *f)
{
	static const char empty[] = "{\"name\":\"e\",\"type\":\"file\",\"mode\":420,\"mtime\":\"2020-01-01T00:00:00Z\","
	                            "\"atime\":\"2020-01-01T00:00:00Z\",\"ctime\":\"2020-01-01T00:00:00Z\",\"uid\":0,"
	                            "\"gid\":0,\"content\":[]}";
	struct repository_id one, two, sub, root;
	char json[4000];

	one = craft_blob(&f->craft, BLOB_DATA, "one", 3, false);
	two = craft_blob(&f->craft, BLOB_DATA, "two", 3, true);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s,%s]}\n", craft_file("b", &two, 3), craft_link("link", "b"));
	sub = craft_tree(&f->craft, json);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s,%s,%s]}\n", craft_file("a", &one, 3), craft_directory("d", &sub),
	    empty);
	root = craft_tree(&f->craft, json);
	ready(f, &root);
}

static void
test_whole(void)
{
	struct stat st, again;
	struct fixture f;
	char link[8];

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(f.stats.files, 4);
	CU_ASSERT_EQUAL(f.stats.directories, 1);
	CU_ASSERT_EQUAL(f.stats.bytes, 6);
	CU_ASSERT_EQUAL(f.stats.failed, 0);
	CU_ASSERT_TRUE(holds(&f, "a", "one"));
	CU_ASSERT_TRUE(holds(&f, "d/b", "two"));
	CU_ASSERT_TRUE(holds(&f, "e", ""));
	CU_ASSERT_EQUAL(readlink(at(&f, "d/link"), link, sizeof(link)), 1);
	CU_ASSERT_EQUAL_FATAL(stat(at(&f, "a"), &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 07777, 0640);
	CU_ASSERT_EQUAL(st.st_mtim.tv_sec, 1580608922);
	CU_ASSERT_EQUAL(st.st_mtim.tv_nsec, 500000000);
	CU_ASSERT_EQUAL(stat(at(&f, "d"), &again), 0);
	CU_ASSERT_EQUAL(again.st_mtim.tv_sec, 1580608922);
	/* Again: what is right is left, what is not is made right. */
	CU_ASSERT_EQUAL(path_write(at(&f, "d/b"), "TWO", 3, 0600, NULL), HF_OK);
	CU_ASSERT_EQUAL(chmod(at(&f, "d"), 0500), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(stat(at(&f, "a"), &again), 0);
	CU_ASSERT_EQUAL(st.st_ino, again.st_ino);
	CU_ASSERT_TRUE(holds(&f, "d/b", "two"));
	CU_ASSERT_TRUE(reported(&f, "/a: already there"));
	CU_ASSERT_TRUE(reported(&f, "/d/b: restored"));
	teardown(&f);
}

static void
test_path(void)
{
	struct fixture f;

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_EQUAL(restore(&f, "no/such"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(access(f.target, F_OK), -1);
	CU_ASSERT_EQUAL(restore(&f, "/a/b"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(restore(&f, "d/../a"), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(restore(&f, "//d//./b/"), HF_OK);
	CU_ASSERT_TRUE(holds(&f, "d/b", "two"));
	CU_ASSERT_EQUAL(access(at(&f, "a"), F_OK), -1);
	CU_ASSERT_EQUAL(f.stats.files, 1);
	CU_ASSERT_EQUAL(restore(&f, "d"), HF_OK);
	CU_ASSERT_EQUAL(f.stats.files, 2);
	CU_ASSERT_EQUAL(access(at(&f, "e"), F_OK), -1);
	teardown(&f);
}

/* Links that somebody planted in the target: nothing behind them is touched. */
static void
test_planted(void)
{
	struct fixture f;
	char secret[1300], name[1300];

	setup(&f);
	craft_sample(&f);
	(void)snprintf(secret, sizeof(secret), "%s/b", f.outside);
	CU_ASSERT_EQUAL(path_write(secret, "precious", 8, 0600, NULL), HF_OK);
	(void)mkdir(f.target, 0700);
	CU_ASSERT_EQUAL(symlink(f.outside, at(&f, "d")), 0);
	CU_ASSERT_EQUAL(symlink(secret, at(&f, "a")), 0);
	CU_ASSERT_EQUAL(mkdir(at(&f, "e"), 0700), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_EIO);
	CU_ASSERT_EQUAL(f.stats.failed, 3);
	CU_ASSERT_TRUE(reported(&f, "1 /a: a symbolic link has this name"));
	CU_ASSERT_TRUE(reported(&f, "1 /d: "));
	CU_ASSERT_TRUE(reported(&f, "1 /e: a directory has this name"));
	(void)snprintf(name, sizeof(name), "%s/link", f.outside);
	CU_ASSERT_EQUAL(access(name, F_OK), -1);
	CU_ASSERT_EQUAL(unlink(at(&f, "d")), 0);
	CU_ASSERT_EQUAL(unlink(at(&f, "a")), 0);
	CU_ASSERT_EQUAL(rmdir(at(&f, "e")), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	/* A link that is there already is left, but must be the same. */
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(unlink(at(&f, "d/link")), 0);
	CU_ASSERT_EQUAL(symlink("elsewhere", at(&f, "d/link")), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_EIO);
	teardown(&f);
}

/* Files that share their content with other names get content of their own. */
static void
test_hard_link(void)
{
	struct fixture f;
	char other[1300];
	struct stat st;

	setup(&f);
	craft_sample(&f);
	(void)mkdir(f.target, 0700);
	(void)snprintf(other, sizeof(other), "%s/other", f.outside);
	CU_ASSERT_EQUAL(path_write(other, "one", 3, 0600, NULL), HF_OK);
	CU_ASSERT_EQUAL(link(other, at(&f, "a")), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(stat(other, &st), 0);
	CU_ASSERT_EQUAL(st.st_mode & 0777, 0600);
	CU_ASSERT_EQUAL(st.st_nlink, 1);
	CU_ASSERT_TRUE(holds(&f, "a", "one"));
	teardown(&f);
}

/* Flips a byte of the object. */
static void
flip(struct fixture *f, const char *object, long offset)
{
	char path[4096];
	int c;
	FILE *file;

	test_place_file(&f->place, object, path);
	(void)chmod(path, 0600);
	file = fopen(path, "r+");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	(void)fseek(file, offset, SEEK_SET);
	c = getc(file);
	(void)fseek(file, offset, SEEK_SET);
	(void)putc(c ^ 1, file);
	(void)fclose(file);
}

static void
pack_name(const struct fixture *f, char out[100])
{
	char hex[HASH_HEX_SIZE];

	hex_encode(f->craft.pack.bytes, HASH_SIZE, hex);
	(void)snprintf(out, 100, "data/%.2s/%s", hex, hex);
}

static void
test_damaged(void)
{
	struct fixture f;
	char object[100];

	setup(&f);
	craft_sample(&f);
	pack_name(&f, object);
	(void)mkdir(f.target, 0700);
	CU_ASSERT_EQUAL(path_write(at(&f, "a"), "mine", 4, 0600, NULL), HF_OK);
	flip(&f, object, 20); /* the blob "one" */
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(f.stats.failed, 1);
	CU_ASSERT_TRUE(reported(&f, "1 /a: "));
	CU_ASSERT_TRUE(holds(&f, "a", "mine"));
	CU_ASSERT_TRUE(holds(&f, "d/b", "two"));
	CU_ASSERT_TRUE(holds(&f, "e", ""));
	teardown(&f);
}

/* What a kill leaves is removed by the next restore, but not what a running one is writing. */
static void
test_temporary(void)
{
	struct target_file file;
	struct fixture f;
	int directory;
	char *left;

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_EQUAL_FATAL(target_open(f.target, &directory, NULL), HF_OK);
	CU_ASSERT_EQUAL_FATAL(target_file_create(&file, directory, "a", NULL), HF_OK);
	left = strdup(at(&f, file.temporary));
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(access(left, F_OK), 0);
	(void)close(file.fd); /* as a kill does */
	CU_ASSERT_EQUAL(unlink(at(&f, "a")), 0);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_EQUAL(access(left, F_OK), -1);
	CU_ASSERT_TRUE(holds(&f, "a", "one"));
	(void)close(directory);
	free(left);
	teardown(&f);
}

static void
try_hostile(const char *name)
{
	struct repository_id one, sub, root;
	struct fixture f;
	char json[4000], path[1300];

	setup(&f);
	one = craft_blob(&f.craft, BLOB_DATA, "one", 3, false);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s]}\n", craft_file("escaped", &one, 3));
	sub = craft_tree(&f.craft, json);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s]}\n", craft_directory(name, &sub));
	root = craft_tree(&f.craft, json);
	ready(&f, &root);
	CU_ASSERT_NOT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_TRUE(f.stats.failed > 0);
	CU_ASSERT_EQUAL(f.stats.files, 0);
	(void)snprintf(path, sizeof(path), "%s/escaped", f.place.directory);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	(void)snprintf(path, sizeof(path), "%s/escaped", f.outside);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	teardown(&f);
}

static void
test_hostile_names(void)
{
	static const char *const names[] = {"..", ".", "", "../outside", "a/b", "/", "/tmp", "\\\\x00", "a\\\\x00b",
	    "..\\\\x2foutside", "a\\\\x2fb", "\\\\x2e\\\\x2e", "a\\nb"};
	char longer[400];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		try_hostile(names[i]);
	memset(longer, 'x', 256);
	longer[256] = '\0';
	try_hostile(longer);
}

/* Sizes that are no file's, pieces that are not there. */
static void
test_lies(void)
{
	static const struct repository_id nothing = {{1, 2, 3}};
	struct repository_id one, root;
	struct fixture f;
	char json[8000];

	setup(&f);
	one = craft_blob(&f.craft, BLOB_DATA, "one", 3, false);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s,%s,%s,%s]}\n", craft_file("longer", &one, 4),
	    craft_file("missing", &nothing, 3), craft_file("right", &one, 3), craft_file("shorter", &one, 2));
	root = craft_tree(&f.craft, json);
	ready(&f, &root);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(f.stats.failed, 3);
	CU_ASSERT_EQUAL(f.stats.files, 1);
	CU_ASSERT_TRUE(reported(&f, "/longer: should have 4 bytes, its pieces have 3"));
	CU_ASSERT_EQUAL(access(at(&f, "longer"), F_OK), -1);
	CU_ASSERT_EQUAL(access(at(&f, "missing"), F_OK), -1);
	CU_ASSERT_EQUAL(access(at(&f, "shorter"), F_OK), -1);
	CU_ASSERT_TRUE(holds(&f, "right", "one"));
	teardown(&f);
}

/* The walk stops at its depth and goes on beside it. */
static void
test_deep(void)
{
	struct repository_id id;
	struct fixture f;
	char json[4000];
	unsigned i;

	setup(&f);
	id = craft_blob(&f.craft, BLOB_DATA, "one", 3, false);
	(void)snprintf(json, sizeof(json), "{\"nodes\":[%s]}\n", craft_file("leaf", &id, 3));
	id = craft_tree(&f.craft, json);
	for (i = 0; i < WALK_DEPTH_MAX + 20; i++) {
		(void)snprintf(json, sizeof(json), "{\"nodes\":[%s]}\n", craft_directory("d", &id));
		id = craft_tree(&f.craft, json);
		if (f.craft.count == 64) {
			craft_pack(&f.craft, NULL);
			craft_open(&f.craft, f.repository);
		}
	}
	ready(&f, &id);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_ECORRUPT);
	CU_ASSERT_EQUAL(f.stats.failed, 1);
	CU_ASSERT_EQUAL(f.stats.directories, WALK_DEPTH_MAX);
	CU_ASSERT_TRUE(reported(&f, "deeper than"));
	teardown(&f);
}

/* Somebody swaps a directory for a link to another place all the time. */
struct swapper {
	const char *directory, *parked, *outside;
	atomic_bool stop;
};

static void *
swap(void *ctx)
{
	struct swapper *swapper = ctx;

	while (!atomic_load(&swapper->stop)) {
		(void)rename(swapper->directory, swapper->parked);
		if (symlink(swapper->outside, swapper->directory) == 0)
			(void)unlink(swapper->directory);
		(void)rename(swapper->parked, swapper->directory);
	}
	return NULL;
}

static void
test_swap(void)
{
	struct swapper swapper;
	struct fixture f;
	pthread_t thread;
	char *directory, *parked, name[1300];
	unsigned i;

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	directory = strdup(at(&f, "d"));
	parked = strdup(at(&f, "parked"));
	swapper = (struct swapper){.directory = directory, .parked = parked, .outside = f.outside};
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, swap, &swapper), 0);
	for (i = 0; i < 300; i++) {
		(void)unlink(at(&f, "d/b"));
		(void)restore(&f, "/");
	}
	atomic_store(&swapper.stop, true);
	(void)pthread_join(thread, NULL);
	(void)snprintf(name, sizeof(name), "%s/b", f.outside);
	CU_ASSERT_EQUAL(access(name, F_OK), -1);
	(void)snprintf(name, sizeof(name), "%s/link", f.outside);
	CU_ASSERT_EQUAL(faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW), -1);
	/* Only empty directories go this way: nothing was written there. */
	CU_ASSERT_EQUAL(rmdir(f.outside), 0);
	free(directory);
	free(parked);
	teardown(&f);
}

/* Both ways of opening refuse links, and the plain one more than one component. */
static void
test_openat(void)
{
	struct fixture f;
	int directory;

	setup(&f);
	CU_ASSERT_EQUAL_FATAL(target_open(f.target, &directory, NULL), HF_OK);
	CU_ASSERT_EQUAL(symlink("/etc/passwd", at(&f, "link")), 0);
	CU_ASSERT_EQUAL(target_openat(directory, "link", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat_plain(directory, "link", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat(directory, "../outside", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat(directory, "..", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat(directory, "/", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat_plain(directory, "../outside", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat_plain(directory, "..", O_RDONLY, 0), -1);
	CU_ASSERT_EQUAL(target_openat_plain(directory, "/", O_RDONLY, 0), -1);
	(void)close(directory);
	teardown(&f);
}

static int
collect(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	(void)err;
	buffer_append(ctx, data, (size_t)size);
	return HF_OK;
}

static void
test_find_and_dump(void)
{
	struct buffer storage = BUFFER_INIT(100000), out = BUFFER_INIT(100);
	struct hf_sink sink = {(uint32_t)sizeof(sink), 0, &out, collect};
	struct fixture f;
	struct node node;

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_EQUAL(repository_find_node(f.repository, &f.snapshot.tree, "/", &node, &storage, NULL), HF_OK);
	CU_ASSERT_EQUAL(node.type, NODE_DIR);
	CU_ASSERT_EQUAL(repository_dump(f.repository, &node, &sink, NULL), HF_EINVAL);
	CU_ASSERT_EQUAL(repository_find_node(f.repository, &f.snapshot.tree, "/d/link", &node, &storage, NULL), HF_OK);
	CU_ASSERT_EQUAL(node.type, NODE_SYMLINK);
	CU_ASSERT_STRING_EQUAL(node.link_target, "b");
	CU_ASSERT_EQUAL(repository_find_node(f.repository, &f.snapshot.tree, "d/b", &node, &storage, NULL), HF_OK);
	CU_ASSERT_EQUAL(node.size, 3);
	CU_ASSERT_EQUAL(repository_dump(f.repository, &node, &sink, NULL), HF_OK);
	CU_ASSERT_STRING_EQUAL(buffer_string(&out), "two");
	CU_ASSERT_EQUAL(repository_find_node(f.repository, &f.snapshot.tree, "d/c", &node, &storage, NULL), HF_ENOTFOUND);
	buffer_release(&storage);
	buffer_release(&out);
	teardown(&f);
}

/* Without any index file the packs' own headers are enough. */
static void
test_salvage(void)
{
	struct buffer reports = BUFFER_INIT(10000);
	char name[HASH_HEX_SIZE], object[100], path[4096];
	uint64_t added = 0;
	struct fixture f;

	setup(&f);
	craft_sample(&f);
	CU_ASSERT_TRUE_FATAL(test_place_first(&f.place, HF_OBJECT_INDEX, name));
	(void)snprintf(object, sizeof(object), "index/%s", name);
	flip(&f, object, 30);
	CU_ASSERT_EQUAL(repository_salvage_index(f.repository, craft_report, &reports, &added, NULL), HF_OK);
	CU_ASSERT_EQUAL(added, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(buffer_string(&reports), object));
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	CU_ASSERT_TRUE(holds(&f, "a", "one"));
	CU_ASSERT_TRUE(holds(&f, "d/b", "two"));
	test_place_file(&f.place, object, path);
	CU_ASSERT_EQUAL(unlink(path), 0);
	CU_ASSERT_EQUAL(repository_salvage_index(f.repository, craft_report, &reports, &added, NULL), HF_OK);
	CU_ASSERT_EQUAL(added, 1);
	CU_ASSERT_EQUAL(restore(&f, "/"), HF_OK);
	buffer_release(&reports);
	teardown(&f);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"whole", test_whole}, {"by path", test_path}, {"planted links", test_planted},
	    {"hard link", test_hard_link}, {"damaged", test_damaged}, {"temporary files", test_temporary},
	    {"hostile names", test_hostile_names}, {"lies", test_lies}, {"deep", test_deep}, {"swap", test_swap},
	    {"openat", test_openat}, {"find and dump", test_find_and_dump}, {"salvage", test_salvage},
	    CU_TEST_INFO_NULL};

	return unit_run("restore", tests);
}
