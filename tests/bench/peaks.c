/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peaks FILE COMMAND..: runs the command and writes one line for each process of it, all
 * descendants included: "PID PARENT exec|fork PEAK-KIB NAME".  "fork" is a process that never
 * called exec, which in holdfast is the one that derives the key.  The peak is the kernel's own
 * VmHWM, read while the process stands at its exit, so nothing is missed however short it lived.
 * Linux only.  Its status is the command's.
 */
#define _GNU_SOURCE
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define OPTIONS                                                                                       \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |         \
	    PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL)

struct process {
	pid_t id, parent;
	bool executed;
	long peak; /* KiB */
	char name[64];
};

static struct process processes[PROCESSES_MAX];
static size_t process_count;

static void
die(const char *what)
{
	(void)fprintf(stderr, "peaks: %s: %s\n", what, strerror(errno));
	_exit(125);
}

static struct process *
process_of(pid_t id)
{
	for (size_t i = process_count; i-- > 0;)
		if (processes[i].id == id)
			return &processes[i];
	if (process_count == PROCESSES_MAX) {
		errno = ENOBUFS;
		die("too many processes");
	}
	processes[process_count].id = id;
	return &processes[process_count++];
}

/* Notes what /proc says of a stopped thread's process. */
static void
note(pid_t thread, bool executed)
{
	struct process now = {0}, *p;
	char path[64], line[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	f = fopen(path, "re");
	if (f == NULL)
		die(path);
	while (fgets(line, sizeof(line), f) != NULL) {
		(void)sscanf(line, "Name: %63[^\n]", now.name);
		(void)sscanf(line, "Tgid: %d", &now.id);
		(void)sscanf(line, "PPid: %d", &now.parent);
		(void)sscanf(line, "VmHWM: %ld", &now.peak);
	}
	(void)fclose(f);
	p = process_of(now.id);
	p->parent = now.parent;
	(void)memcpy(p->name, now.name, sizeof(p->name));
	if (executed) {
		p->executed = true;
		p->peak = 0; /* that was the program before */
	}
	if (now.peak > p->peak)
		p->peak = now.peak;
}

/* Lets a stopped thread go on in the way its stop asks for. */
static void
resume(pid_t id, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);

	if (event == PTRACE_EVENT_EXIT || event == PTRACE_EVENT_EXEC)
		note(id, event == PTRACE_EVENT_EXEC);
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		(void)ptrace(PTRACE_LISTEN, id, NULL, NULL);
		return;
	}
	if (event != 0)
		sig = 0;
	(void)ptrace(PTRACE_CONT, id, NULL, (void *)(long)sig);
}

static pid_t
start(char **argv)
{
	int status;
	pid_t id = fork();

	if (id == 0) {
		(void)raise(SIGSTOP);
		(void)execvp(argv[0], argv);
		die(argv[0]);
	}
	if (id < 0 || waitpid(id, &status, WUNTRACED) != id)
		die("fork");
	if (ptrace(PTRACE_SEIZE, id, NULL, (void *)(long)OPTIONS) != 0)
		die("ptrace");
	(void)kill(id, SIGCONT);
	return id;
}

int
main(int argc, char **argv)
{
	int status, result = 125;
	pid_t id, first;
	FILE *out;

	if (argc < 3) {
		(void)fputs("usage: peaks FILE COMMAND..\n", stderr);
		return 125;
	}
	first = start(argv + 2);
	while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (id > 0 && WIFSTOPPED(status))
			resume(id, status);
		else if (id == first)
			result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	out = fopen(argv[1], "we");
	if (out == NULL)
		die(argv[1]);
	for (size_t i = 0; i < process_count; i++)
		(void)fprintf(out, "%d %d %s %ld %s\n", (int)processes[i].id, (int)processes[i].parent,
		    processes[i].executed ? "exec" : "fork", processes[i].peak, processes[i].name);
	if (fclose(out) != 0)
		die(argv[1]);
	return result;
}
