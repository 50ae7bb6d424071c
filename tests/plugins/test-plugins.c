/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/buffer.h"
#include "base/log.h"
#include "base/unit.h"
#include "plugin/describe.h"
#include "plugin/host.h"
#include "plugin/registry.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXTURES "plugins/.libs"

/* A folder of the test's own, that the rules for plugin folders are kept in. */
static char folder[256];
static struct hf_error err;

static char *
in_folder(const char *name)
{
	static char paths[4][512];
	static unsigned turn;
	char *path = paths[turn++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void
copy_file(const char *from, const char *to)
{
	char data[65536];
	ssize_t n;
	int in, out;

	in = open(from, O_RDONLY | O_CLOEXEC);
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	CU_ASSERT_FATAL(in >= 0 && out >= 0);
	while ((n = read(in, data, sizeof(data))) > 0)
		CU_ASSERT_EQUAL_FATAL(write(out, data, (size_t)n), n);
	CU_ASSERT_EQUAL(fchmod(out, 0755), 0);
	(void)close(in);
	(void)close(out);
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	CU_ASSERT_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	(void)close(fd);
}

/* Takes a fixture into the test's folder. */
static void
install(const char *name)
{
	char from[100], file[100];

	(void)snprintf(from, sizeof(from), FIXTURES "/holdfast-%s.so", name);
	(void)snprintf(file, sizeof(file), "holdfast-%s.so", name);
	copy_file(from, in_folder(file));
}

static int
folder_make(void)
{
	const char *tmp = getenv("TMPDIR");
	char template[200], *real;

	(void)umask(022);
	(void)snprintf(template, sizeof(template), "%s/holdfast-plugins-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(template) == NULL || chmod(template, 0755) != 0 ||
	    (real = realpath(template, NULL)) == NULL)
		return 1;
	(void)snprintf(folder, sizeof(folder), "%s", real);
	free(real);
	return 0;
}

static void
folder_remove(void)
{
	char command[300];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	CU_ASSERT_EQUAL(system(command), 0);
}

static struct plugin_scan *
scan_folder(void)
{
	struct plugin_scan *scan = NULL;

	CU_ASSERT_EQUAL_FATAL(scan_directories(folder, &scan, &err), HF_OK);
	return scan;
}

/* Scans the folder, which is to have one file that is refused; true when reason is in its sentence. */
static bool
refused_for(const char *reason)
{
	struct plugin_scan *scan = scan_folder();
	bool good = scan->file_count == 0 && scan->refused_count == 1 &&
	    strstr(scan->refused[0].reason, reason) != NULL;

	if (!good && scan->refused_count > 0)
		(void)fprintf(stderr, "not for \"%s\": %s\n", reason, scan->refused[0].reason);
	scan_free(scan);
	return good;
}

static bool
file_is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static void
test_scan_good(void)
{
	struct plugin_scan *scan;
	struct buffer out = BUFFER_INIT(65536);
	char *mark;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	mark = strdup(in_folder("constructed"));
	CU_ASSERT_EQUAL(setenv("FIXTURE_CONSTRUCTED", mark, 1), 0);
	install("good");
	write_file(in_folder("holdfast-good.la"), "not looked at");
	write_file(in_folder("holdfast-.so"), "not looked at");
	write_file(in_folder("Holdfast-good.so"), "not looked at");
	scan = scan_folder();
	CU_ASSERT_EQUAL(scan->refused_count, 0);
	CU_ASSERT_EQUAL_FATAL(scan->file_count, 1);
	CU_ASSERT_STRING_EQUAL(scan->files[0].name, "good");
	CU_ASSERT_STRING_EQUAL(scan->files[0].version, "1.0");
	CU_ASSERT_EQUAL(scan->files[0].kinds, PLUGIN_KIND_BIT(HF_KIND_STORAGE));
	CU_ASSERT_EQUAL(plugin_list(scan, false, &out, &err), HF_OK);
	CU_ASSERT_EQUAL(strncmp(buffer_string(&out), "good  1.0  storage  /", 21), 0);
	buffer_clear(&out);
	CU_ASSERT_EQUAL(plugin_list(scan, true, &out, &err), HF_OK);
	CU_ASSERT_EQUAL(strncmp(buffer_string(&out),
			    "{\"plugins\":[{\"name\":\"good\",\"version\":\"1.0\",\"kinds\":[\"storage\"],", 63),
	    0);
	buffer_release(&out);
	/* Looking runs nothing, not even a constructor. */
	CU_ASSERT_FALSE(file_is_there(mark));
	free(mark);
	scan_free(scan);
	CU_ASSERT_EQUAL(unsetenv("FIXTURE_CONSTRUCTED"), 0);
	folder_remove();
}

static void
test_scan_notes(void)
{
	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	install("other-abi");
	CU_ASSERT_TRUE(refused_for("plugin ABI 2"));
	(void)unlink(in_folder("holdfast-other-abi.so"));
	install("no-note");
	CU_ASSERT_TRUE(refused_for("no .note.holdfast"));
	(void)unlink(in_folder("holdfast-no-note.so"));
	install("wrong-name");
	CU_ASSERT_TRUE(refused_for("holdfast-right-name.so"));
	(void)unlink(in_folder("holdfast-wrong-name.so"));
	write_file(in_folder("holdfast-Bad.so"), "");
	CU_ASSERT_TRUE(refused_for("cannot be a plugin's name"));
	folder_remove();
}

static void
test_scan_not_elf(void)
{
	const char *path;
	struct stat st;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	path = in_folder("holdfast-good.so");
	write_file(path, "#!/bin/sh\n");
	CU_ASSERT_TRUE(refused_for("not an ELF file"));
	write_file(path, "");
	CU_ASSERT_TRUE(refused_for("not an ELF file"));
	install("good");
	CU_ASSERT_EQUAL(stat(path, &st), 0);
	CU_ASSERT_EQUAL(truncate(path, st.st_size / 2), 0);
	CU_ASSERT_TRUE(refused_for("cut short"));
	install("good");
	CU_ASSERT_EQUAL(truncate(path, st.st_size - 1), 0);
	CU_ASSERT_TRUE(refused_for("cut short"));
	(void)unlink(path);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_TRUE(refused_for("not a regular file"));
	(void)unlink(path);
	CU_ASSERT_EQUAL(mkdir(path, 0755), 0);
	CU_ASSERT_TRUE(refused_for("not a regular file"));
	(void)rmdir(path);
	CU_ASSERT_EQUAL(symlink("nowhere", path), 0);
	CU_ASSERT_TRUE(refused_for("No such file"));
	folder_remove();
}

static void
test_scan_permissions(void)
{
	const char *path;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	path = in_folder("holdfast-good.so");
	install("good");
	CU_ASSERT_EQUAL(chmod(path, 0757), 0);
	CU_ASSERT_TRUE(refused_for("other users may write"));
	CU_ASSERT_EQUAL(chmod(path, 0775), 0);
	CU_ASSERT_TRUE(refused_for("other users may write"));
	CU_ASSERT_EQUAL(chmod(path, 0755), 0);
	CU_ASSERT_EQUAL(chmod(folder, 0777), 0);
	CU_ASSERT_TRUE(refused_for("other users may write to this directory"));
	/* Sticky is only good enough for a directory of root's. */
	CU_ASSERT_EQUAL(chmod(folder, 01777), 0);
	if (geteuid() != 0)
		CU_ASSERT_TRUE(refused_for("other users may write to this directory"));
	CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
	if (geteuid() == 0) {
		CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
		CU_ASSERT_TRUE(refused_for("belongs to user 12345"));
		CU_ASSERT_EQUAL(chown(path, 0, 0), 0);
		CU_ASSERT_EQUAL(chown(folder, 12345, 12345), 0);
		CU_ASSERT_TRUE(refused_for("belongs to user 12345"));
		CU_ASSERT_EQUAL(chown(folder, 0, 0), 0);
	}
	folder_remove();
}

static void
test_scan_symlinks(void)
{
	struct plugin_scan *scan;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	CU_ASSERT_EQUAL(mkdir(in_folder("real"), 0755), 0);
	copy_file(FIXTURES "/holdfast-good.so", in_folder("real/holdfast-good.so"));
	CU_ASSERT_EQUAL(symlink("real/holdfast-good.so", in_folder("holdfast-good.so")), 0);
	scan = scan_folder();
	CU_ASSERT_EQUAL_FATAL(scan->file_count, 1);
	/* What is loaded later is the file itself. */
	CU_ASSERT_STRING_EQUAL(scan->files[0].path, in_folder("real/holdfast-good.so"));
	scan_free(scan);
	/* A link into a folder that others write to is no way around the rule. */
	CU_ASSERT_EQUAL(chmod(in_folder("real"), 0777), 0);
	CU_ASSERT_TRUE(refused_for("other users may write to this directory"));
	CU_ASSERT_EQUAL(chmod(in_folder("real"), 0755), 0);
	/* Nor is it a way to another name. */
	CU_ASSERT_EQUAL(rename(in_folder("holdfast-good.so"), in_folder("holdfast-better.so")), 0);
	CU_ASSERT_TRUE(refused_for("is named \"good\""));
	folder_remove();
}

static void
test_scan_path(void)
{
	struct plugin_scan *scan = NULL;
	char list[1024];

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	CU_ASSERT_EQUAL(mkdir(in_folder("second"), 0755), 0);
	install("good");
	copy_file(FIXTURES "/holdfast-good.so", in_folder("second/holdfast-good.so"));
	copy_file(FIXTURES "/holdfast-bundle.so", in_folder("second/holdfast-bundle.so"));
	(void)snprintf(list, sizeof(list), "%s/nowhere:%s:relative::%s/second", folder, folder, folder);
	CU_ASSERT_EQUAL(setenv("HOLDFAST_PLUGIN_PATH", list, 1), 0);
	CU_ASSERT_EQUAL_FATAL(scan_open(&scan, &err), HF_OK);
	CU_ASSERT_EQUAL_FATAL(scan->file_count, 2);
	CU_ASSERT_STRING_EQUAL(scan->files[0].name, "bundle");
	CU_ASSERT_STRING_EQUAL(scan->files[1].path, in_folder("holdfast-good.so"));
	CU_ASSERT_EQUAL_FATAL(scan->refused_count, 4);
	CU_ASSERT_PTR_NOT_NULL(strstr(scan->refused[0].reason, "No such file"));
	CU_ASSERT_PTR_NOT_NULL(strstr(scan->refused[1].reason, "absolute path"));
	CU_ASSERT_PTR_NOT_NULL(strstr(scan->refused[2].reason, "absolute path"));
	CU_ASSERT_PTR_NOT_NULL(strstr(scan->refused[3].reason, "was found first"));
	scan_free(scan);
	CU_ASSERT_EQUAL(unsetenv("HOLDFAST_PLUGIN_PATH"), 0);
	folder_remove();
}

/* Loads the one fixture in the folder; what goes wrong is told in err. */
static int
load(const char *name)
{
	struct plugin *plugin = NULL;
	struct plugin_scan *scan;
	int rc;

	install(name);
	scan = scan_folder();
	CU_ASSERT_EQUAL_FATAL(scan->file_count, 1);
	err.msg[0] = '\0';
	rc = plugin_load(&scan->files[0], &plugin, &err);
	CU_ASSERT_TRUE((plugin != NULL) == (rc == HF_OK));
	plugin_free(plugin);
	(void)unlink(scan->files[0].path);
	scan_free(scan);
	return rc;
}

static void
test_load_bad(void)
{
	static const struct {
		const char *name;
		int rc;
		const char *reason;
	} bad[] = {{"no-entry", HF_EINVAL, "no entry point \"holdfast_plugin_v1\""},
	    {"no-descriptor", HF_EINVAL, "returns no descriptor"},
	    {"wrong-descriptor", HF_EINVAL, "does not have the name"}, {"no-ops", HF_EINVAL, "has no ops"},
	    {"no-callback", HF_EINVAL, "does not have \"put\""},
	    {"short-ops", HF_EINVAL, "16 bytes long"}, {"long-ops", HF_EINVAL, "absurd struct_size"},
	    {"short-plugin", HF_EINVAL, "0 bytes long"}, {"load-fails", HF_EPERM, "does not want to"},
	    {"undefined", HF_ENOTSUP, "fixture_that_nobody_has"},
	    {"borrowed", HF_EINVAL, "no entry point of its own"}};
	size_t i;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CU_ASSERT_EQUAL(load(bad[i].name), bad[i].rc);
		if (strstr(err.msg, bad[i].reason) == NULL)
			CU_FAIL("another reason than expected");
		if (strstr(err.msg, bad[i].reason) == NULL)
			(void)fprintf(stderr, "%s: %s\n", bad[i].name, err.msg);
	}
	folder_remove();
}

static void
test_load_replaced(void)
{
	struct plugin *plugin = NULL;
	struct plugin_scan *scan;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	install("good");
	scan = scan_folder();
	CU_ASSERT_EQUAL(rename(in_folder("holdfast-good.so"), in_folder("old")), 0);
	install("good");
	CU_ASSERT_EQUAL(plugin_load(&scan->files[0], &plugin, &err), HF_EPERM);
	CU_ASSERT_EQUAL(chmod(folder, 0777), 0);
	CU_ASSERT_EQUAL(plugin_load(&scan->files[0], &plugin, &err), HF_EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "other users may write"));
	CU_ASSERT_EQUAL(chmod(folder, 0755), 0);
	CU_ASSERT_EQUAL(unlink(in_folder("holdfast-good.so")), 0);
	CU_ASSERT_EQUAL(plugin_load(&scan->files[0], &plugin, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NULL(plugin);
	scan_free(scan);
	folder_remove();
}

static void
test_registry(void)
{
	const struct plugin_component *component = NULL, *again = NULL;
	const struct plugin *plugin = NULL;
	struct registry *registry = NULL;
	char *constructed, *unloaded;

	CU_ASSERT_EQUAL_FATAL(folder_make(), 0);
	constructed = strdup(in_folder("constructed"));
	unloaded = strdup(in_folder("unloaded"));
	CU_ASSERT_EQUAL(setenv("FIXTURE_CONSTRUCTED", constructed, 1), 0);
	CU_ASSERT_EQUAL(setenv("FIXTURE_UNLOADED", unloaded, 1), 0);
	install("good");
	install("bundle");
	install("no-ops");
	write_file(in_folder("holdfast-broken.so"), "x");
	CU_ASSERT_EQUAL_FATAL(registry_open_scan(scan_folder(), &registry, &err), HF_OK);
	CU_ASSERT_FALSE(file_is_there(constructed));
	CU_ASSERT_EQUAL_FATAL(registry_find(registry, HF_KIND_STORAGE, "good", &component, &err), HF_OK);
	CU_ASSERT_TRUE(file_is_there(constructed));
	CU_ASSERT_STRING_EQUAL(component->name, "good");
	CU_ASSERT_EQUAL(component->ops.storage.configure(NULL, 0, &err), HF_EBUSY);
	CU_ASSERT_STRING_EQUAL(err.msg, "fixture good");
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_STORAGE, "good", &again, &err), HF_OK);
	CU_ASSERT_PTR_EQUAL(again, component);
	/* The rotten one among those asked is told about, and does not hide the component. */
	log_set_level(HF_LOG_ERROR);
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_STORAGE, "inside", &again, &err), HF_OK);
	CU_ASSERT_STRING_EQUAL(again->plugin->name, "bundle");
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_STORAGE, "insied", &again, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "did you mean \"inside\"?"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, folder));
	log_set_level(HF_LOG_INFO);
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_SOURCE, "good", &again, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_STORAGE, "no-ops", &again, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(registry_find(registry, HF_KIND_STORAGE, "broken", &again, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "not an ELF file"));
	CU_ASSERT_EQUAL(registry_find(registry, 99, "good", &again, &err), HF_EINVAL);
	CU_ASSERT_EQUAL(registry_load(registry, "bundel", &plugin, &err), HF_ENOTFOUND);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "did you mean \"bundle\"?"));
	CU_ASSERT_EQUAL(registry_load(registry, "bundle", &plugin, &err), HF_OK);
	CU_ASSERT_FALSE(file_is_there(unloaded));
	registry_free(registry);
	CU_ASSERT_TRUE(file_is_there(unloaded));
	CU_ASSERT_EQUAL(unsetenv("FIXTURE_CONSTRUCTED"), 0);
	CU_ASSERT_EQUAL(unsetenv("FIXTURE_UNLOADED"), 0);
	free(constructed);
	free(unloaded);
	folder_remove();
}

int
main(void)
{
	CU_TestInfo tests[] = {{"scan: good", test_scan_good}, {"scan: notes", test_scan_notes},
	    {"scan: not ELF", test_scan_not_elf}, {"scan: permissions", test_scan_permissions},
	    {"scan: symbolic links", test_scan_symlinks}, {"scan: path", test_scan_path},
	    {"load: bad ones", test_load_bad}, {"load: replaced", test_load_replaced},
	    {"registry", test_registry}, CU_TEST_INFO_NULL};

	return unit_run("plugins", tests);
}
