/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/path.h"
#include "repository/origin.h"
#include "repository/target.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The first word of a small file, or "". */
static void
read_word(const char *path, char out[ORIGIN_PROOF_SIZE])
{
	struct buffer text = BUFFER_INIT(4096);
	const char *word;

	out[0] = '\0';
	if (path_read(path, 4000, &text, NULL) == HF_OK) {
		word = buffer_string(&text);
		if (word != NULL)
			(void)snprintf(out, ORIGIN_PROOF_SIZE, "%.*s", (int)strcspn(word, " \t\n"), word);
	}
	buffer_release(&text);
}

void
origin_boot_id(char out[ORIGIN_PROOF_SIZE])
{
	read_word("/proc/sys/kernel/random/boot_id", out);
}

void
origin_machine_id(char out[ORIGIN_PROOF_SIZE])
{
	read_word("/etc/machine-id", out);
	if (out[0] == '\0')
		read_word("/var/lib/dbus/machine-id", out);
	/* systemd's word for a system that was never started. */
	if (strcmp(out, "uninitialized") == 0)
		out[0] = '\0';
}

void
origin_pid_space(char out[ORIGIN_PROOF_SIZE])
{
	ssize_t n = readlink("/proc/self/ns/pid", out, ORIGIN_PROOF_SIZE - 1);

	out[n > 0 ? n : 0] = '\0';
}

/* Fields of /proc/PID/stat, as proc(5) counts them. */
enum { STAT_STATE = 3, STAT_THREADS = 20, STAT_START = 22 };

/* A field after the name, in text, which the caller releases; NULL: none. */
static const char *
read_stat(pid_t pid, int wanted, struct buffer *text)
{
	const char *at = NULL;
	char path[64];
	int field;

	(void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	if (path_read(path, 4000, text, NULL) == HF_OK && buffer_string(text) != NULL)
		at = strrchr((const char *)text->data, ')'); /* ends field 2, which may hold anything */
	for (field = 2; at != NULL && field < wanted; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? at + 1 : NULL;
}

static bool
stat_number(pid_t pid, int field, uint64_t *ret)
{
	struct buffer text = BUFFER_INIT(4096);
	const char *at = read_stat(pid, field, &text);

	if (at != NULL)
		*ret = strtoull(at, NULL, 10);
	buffer_release(&text);
	return at != NULL;
}

bool
origin_process_start(pid_t pid, uint64_t *ret)
{
	return stat_number(pid, STAT_START, ret);
}

bool
origin_process_ended(pid_t pid)
{
	struct buffer text = BUFFER_INIT(4096);
	const char *state = read_stat(pid, STAT_STATE, &text);
	bool zombie = state != NULL && (state[0] == 'Z' || state[0] == 'X');
	uint64_t threads = 0;

	buffer_release(&text);
	/* The first thread may end before the others. */
	return zombie && stat_number(pid, STAT_THREADS, &threads) && threads <= 1;
}

int
target_openat(int directory, const char *name, int flags, mode_t mode)
{
	struct open_how how;
	long fd;
	int tries;

	memset(&how, 0, sizeof(how));
	how.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW | O_LARGEFILE);
	how.mode = (flags & O_CREAT) != 0 ? mode : 0;
	how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
	/* EAGAIN: something was renamed while the kernel looked. */
	for (tries = 0; tries < 100; tries++) {
		fd = syscall(SYS_openat2, directory, name, &how, sizeof(how));
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
	}
	/* Before Linux 5.6, and under a system call filter that does not know it. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return target_openat_plain(directory, name, flags, mode);
	return (int)fd;
}
