/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/time.h"
#include "base/unit.h"
#include "config/secret.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/holdfast-secret-XXXXXX";
static char path[80];

static void
write_file(const void *data, size_t size, mode_t mode)
{
	FILE *file;

	(void)unlink(path);
	file = fopen(path, "w");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(data, 1, size, file), size);
	(void)fclose(file);
	CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

/* What reading gives; the secret or the message in text. */
static int
read_secret(const char *file, const char *command, char text[600])
{
	struct config_secret secret = {file, command};
	struct buffer out = BUFFER_INIT(8192);
	struct hf_error err = HF_ERROR_INIT;
	int rc = secret_read(&secret, &out, &err);

	if (rc != HF_OK)
		CU_ASSERT_EQUAL(out.size, 0);
	(void)snprintf(text, 600, "%.500s", rc == HF_OK ? buffer_string(&out) : err.msg);
	buffer_wipe(&out);
	return rc;
}

static void
expect_file(const void *data, size_t size, const char *expected)
{
	char text[600];

	write_file(data, size, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_OK);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

#define FILE_IS(data, expected) expect_file((data), sizeof(data) - 1, (expected))

static void
test_file(void)
{
	char big[SECRET_MAX + 1], text[600];

	FILE_IS("geheim\n", "geheim");
	FILE_IS("\xef\xbb\xbf  two words\r\n\n", "two words");
	FILE_IS("\xe3\x80\x80\xc2\xa0p\xc3\xa4ss\xe2\x80\xa8\xc2\x85", "p\xc3\xa4ss");
	FILE_IS("line1\nline2\n", "line1\nline2");
	FILE_IS(" \xa0\x85 ", "\xa0\x85"); /* no UTF-8: not white space */
	write_file("", 0, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "the password is empty"));
	write_file("\xef\xbb\xbf \n", 5, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EINVAL);
	write_file("\xff\xfep\0", 4, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "UTF-16"));
	write_file("a\0b", 3, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EINVAL);
	memset(big, 'x', sizeof(big));
	write_file(big, sizeof(big), 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_ERANGE);
	write_file(big, sizeof(big) - 1, 0600);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_OK);
}

static void
test_mode(void)
{
	static const mode_t bad[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644};
	char text[600];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_file("geheim", 6, bad[i]);
		CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EPERM);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "chmod 600"));
		CU_ASSERT_PTR_NULL(strstr(text, "geheim"));
		CU_ASSERT_EQUAL(secret_check_readers(path, NULL), HF_EPERM);
	}
	write_file("geheim", 6, 0400);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_OK);
	CU_ASSERT_EQUAL(secret_check_readers(path, NULL), HF_OK);
	CU_ASSERT_EQUAL(secret_check_readers("/nonexistent", NULL), HF_OK);
	CU_ASSERT_EQUAL(secret_check_readers(folder, NULL), HF_OK);
	/* systemd keeps credentials 0440, in a folder that only the service sees. */
	(void)chmod(path, 0440);
	(void)setenv("CREDENTIALS_DIRECTORY", folder, 1);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_OK);
	(void)chmod(path, 0460);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EPERM);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	if (geteuid() == 0) {
		(void)chmod(path, 0600);
		CU_ASSERT_EQUAL(chown(path, 12345, 12345), 0);
		CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EPERM);
		CU_ASSERT_PTR_NOT_NULL(strstr(text, "another user (uid 12345)"));
	}
}

static void
test_not_a_file(void)
{
	char text[600];

	CU_ASSERT_EQUAL(read_secret(folder, NULL, text), HF_EINVAL);
	(void)unlink(path);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(mkfifo(path, 0600), 0);
	CU_ASSERT_EQUAL(read_secret(path, NULL, text), HF_EINVAL);
	CU_ASSERT_EQUAL(read_secret(NULL, NULL, text), HF_EINVAL);
}

static void
test_command(void)
{
	char text[600];

	CU_ASSERT_EQUAL(read_secret(NULL, "echo ' geheim '", text), HF_OK);
	CU_ASSERT_STRING_EQUAL(text, "geheim");
	CU_ASSERT_EQUAL(read_secret(NULL, "read x; echo \"[$x]\"", text), HF_OK);
	CU_ASSERT_STRING_EQUAL(text, "[]");
	CU_ASSERT_EQUAL(read_secret(NULL, "echo geheim; exit 3", text), HF_EIO);
	CU_ASSERT_STRING_EQUAL(text, "password command: failed with exit status 3");
	CU_ASSERT_EQUAL(read_secret(NULL, "kill -9 $$", text), HF_EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ended by signal 9"));
	CU_ASSERT_EQUAL(read_secret(NULL, "true", text), HF_EINVAL);
	CU_ASSERT_EQUAL(read_secret(NULL, "/nonexistent/command 2>/dev/null", text), HF_EIO);
	/* Endless output ends at the limit, and the command with it. */
	CU_ASSERT_EQUAL(read_secret(NULL, "while :; do echo xxxxxxxxxxxxxxxx; done", text), HF_ERANGE);
}

/* A command that hangs, before or after its output, is killed. */
static void
test_limit(void)
{
	static const char *const commands[] = {"exec sleep 20", "echo geheim; exec sleep 20",
	    "echo geheim; exec >&-; exec sleep 20", "trap '' TERM; while :; do sleep 0.01; done",
	    "sleep 20 & echo geheim"};
	struct buffer out = BUFFER_INIT(8192);
	struct hf_error err = HF_ERROR_INIT;
	int64_t start = time_boot();
	size_t i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct config_secret secret = {NULL, commands[i]};

		CU_ASSERT_EQUAL(secret_read_within(&secret, 200, &out, &err), HF_EIO);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "did not end in time"));
		CU_ASSERT_EQUAL(out.size, 0);
		/* No child is left to be reaped. */
		CU_ASSERT(waitpid(-1, NULL, WNOHANG) == -1);
	}
	CU_ASSERT(time_boot() - start < 8 * INT64_C(1000000000));
	CU_ASSERT(time_boot() - start > 5 * INT64_C(200000000));
	CU_ASSERT_EQUAL(secret_read_within(&(struct config_secret){NULL, "sleep 0.1; echo geheim"}, 5000, &out, &err),
	    HF_OK);
	buffer_wipe(&out);
}

/* Looking tells what reading would, and runs no command. */
static void
test_check(void)
{
	struct config_secret secret = {path, NULL}, missing = {"/nonexistent/password", NULL};
	struct config_secret command = {NULL, "exit 1"};
	struct hf_error err = HF_ERROR_INIT;

	write_file("", 0, 0600);
	CU_ASSERT_EQUAL(secret_check(&secret, &err), HF_EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "the password is empty"));
	write_file("geheim", 6, 0600);
	CU_ASSERT_EQUAL(secret_check(&secret, &err), HF_OK);
	CU_ASSERT_EQUAL(secret_check(&command, &err), HF_OK);
	CU_ASSERT_EQUAL(chmod(path, 0644), 0);
	CU_ASSERT_EQUAL(secret_check(&secret, &err), HF_EPERM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.msg, "chmod 600"));
	CU_ASSERT_EQUAL(secret_check(&missing, &err), HF_ENOTFOUND);
	CU_ASSERT_EQUAL(secret_check(&missing, NULL), HF_ENOTFOUND);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"file", test_file}, {"mode", test_mode},
	    {"not a file", test_not_a_file}, {"command", test_command}, {"limit", test_limit}, {"check", test_check},
	    CU_TEST_INFO_NULL};
	int rc;

	if (mkdtemp(folder) == NULL)
		return 99;
	(void)snprintf(path, sizeof(path), "%s/password", folder);
	rc = unit_run("secret", tests);
	(void)unlink(path);
	(void)rmdir(folder);
	return rc;
}
