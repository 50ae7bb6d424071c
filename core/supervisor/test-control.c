/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/control.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/path.h"
#include "base/unit.h"

#define ID "backup_1_00000001"

static char directory[300];
static char parent[64];
static struct event_base *base;
static struct control *control;

/* One job, which runs; or HF_EIO when ctx says so. */
static int
fake_status(void *ctx, const char *job, struct json_object **ret, struct hf_error *err)
{
	if (*(bool *)ctx)
		return hf_error_set(err, HF_EIO, 0, "disk \xff on fire");
	if (job != NULL && strcmp(job, ID) != 0)
		return HF_ENOTFOUND;
	*ret = json_tokener_parse("{\"jobs\":[{\"id\":\"" ID "\",\"status\":\"running\"}]}");
	return HF_OK;
}

static bool broken;

static void
start(void)
{
	struct control_source source = {&broken, fake_status};
	struct hf_error err = HF_ERROR_INIT;

	broken = false;
	base = event_base_new();
	if (control_open(base, directory, &source, &control, &err) != HF_OK)
		(void)fprintf(stderr, "%s\n", err.msg);
	CU_ASSERT_PTR_NOT_NULL_FATAL(control);
}

static void
stop(void)
{
	control_close(control);
	control = NULL;
	event_base_free(base);
}

static void
turn(void)
{
	int i;

	for (i = 0; i < 20; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
}

static int
dial(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), before = open(".", O_RDONLY | O_CLOEXEC);

	CU_ASSERT_EQUAL(chdir(directory), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "control");
	CU_ASSERT_EQUAL(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(fchdir(before), 0);
	(void)close(before);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	turn();
	return fd;
}

/* Sends and gives what comes back; "closed" when the server hung up without a word. */
static const char *
talk(int fd, const char *data, size_t size)
{
	static char out[65536];
	size_t used = 0;
	ssize_t n;
	int i;

	if (send(fd, data, size, MSG_NOSIGNAL) < 0)
		return "closed";
	for (i = 0; i < 50; i++) {
		turn();
		n = recv(fd, out + used, sizeof(out) - 1 - used, 0);
		if (n == 0 && used == 0)
			return "closed";
		if (n > 0)
			used += (size_t)n;
	}
	out[used] = '\0';
	return out;
}

#define TALK(fd, text) talk(fd, text, sizeof(text)) /* with the NUL */

static bool
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static void
test_methods(void)
{
	int fd;

	start();
	fd = dial();
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.varlink.service.GetInfo\"}"), "\"org.holdfast\""));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                       "\"parameters\":{\"interface\":\"org.holdfast\"}}"), "method Status"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                       "\"parameters\":{\"interface\":\"org.other\"}}"), "InterfaceNotFound"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\"}"), "running"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\",\"parameters\":{\"job\":\"" ID "\"}}"), "running"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\",\"parameters\":{\"job\":\"backup_2_00000001\"}}"),
	    "org.holdfast.NoSuchJob"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\",\"parameters\":{\"job\":\"../x\"}}"),
	    "InvalidParameter"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\",\"parameters\":{\"job\":5}}"), "InvalidParameter"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Cancel\"}"), "MethodNotFound"));
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Watch\"}"), "ExpectedMore"));
	broken = true;
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\"}"), "disk \xef\xbf\xbd on fire"));
	(void)close(fd);
	stop();
}

static void
test_hostile(void)
{
	static char junk[CONTROL_REQUEST_MAX + 10];
	int fd, fds[CONTROL_CLIENTS_MAX + 4], i;
	const char *answer;

	start();
	memset(junk, 'x', sizeof(junk));
	fd = dial();
	CU_ASSERT_STRING_EQUAL(TALK(fd, "not json"), "closed");
	(void)close(fd);
	fd = dial();
	CU_ASSERT_STRING_EQUAL(TALK(fd, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "closed");
	(void)close(fd);
	fd = dial();
	CU_ASSERT_STRING_EQUAL(TALK(fd, "{\"method\":5}"), "closed");
	(void)close(fd);
	fd = dial();
	CU_ASSERT_STRING_EQUAL(TALK(fd, "{\"method\":\"org.holdfast.Status\",\"parameters\":[]}"), "closed");
	(void)close(fd);
	fd = dial();
	CU_ASSERT_STRING_EQUAL(TALK(fd, ""), "closed");
	(void)close(fd);
	fd = dial();
	CU_ASSERT_STRING_EQUAL(talk(fd, junk, sizeof(junk)), "closed");
	(void)close(fd);
	/* Half a request and gone; a pipeline in one piece. */
	fd = dial();
	CU_ASSERT_STRING_EQUAL(talk(fd, "{\"meth", 6), "");
	(void)close(fd);
	fd = dial();
	answer = talk(fd, "{\"method\":\"a\"}\0{\"method\":\"b\"}\0", 30);
	CU_ASSERT(has(answer, "\"a\"") && has(answer + strlen(answer) + 1, "\"b\""));
	(void)close(fd);
	turn();
	/* More than the server takes: the last ones are turned away, the first are served. */
	for (i = 0; i < CONTROL_CLIENTS_MAX + 4; i++)
		fds[i] = dial();
	CU_ASSERT(has(TALK(fds[0], "{\"method\":\"org.holdfast.Status\"}"), "running"));
	CU_ASSERT_STRING_EQUAL(TALK(fds[CONTROL_CLIENTS_MAX], "{\"method\":\"org.holdfast.Status\"}"), "closed");
	for (i = 0; i < CONTROL_CLIENTS_MAX + 4; i++)
		(void)close(fds[i]);
	turn();
	fd = dial();
	CU_ASSERT(has(TALK(fd, "{\"method\":\"org.holdfast.Status\"}"), "running"));
	(void)close(fd);
	stop();
}

/* A watcher that reads nothing costs a bounded amount of memory; others get everything. */
static void
test_slow_watcher(void)
{
	struct json_object *progress = json_object_new_object(), *event = json_object_new_object();
	struct json_object *last = json_object_new_object();
	char *filler = calloc(1, 1001);
	char piece[8192];
	size_t total = 0;
	ssize_t n;
	int slow, i;

	start();
	memset(filler, 'x', 1000);
	(void)json_object_object_add(progress, "x", json_object_new_string(filler));
	(void)json_object_object_add(event, "event", json_object_new_string("checkpoint"));
	(void)json_object_object_add(last, "event", json_object_new_string("completed"));
	slow = dial();
	CU_ASSERT(has(TALK(slow, "{\"method\":\"org.holdfast.Watch\",\"more\":true,\"parameters\":{\"job\":\"" ID "\"}}"),
	    "continues"));
	for (i = 0; i < 20000; i++) {
		control_tell(control, ID, "progress", progress);
		control_tell(control, "backup_2_00000002", "event", event);
	}
	control_tell(control, ID, "event", event);
	control_tell(control, ID, "event", last);
	for (i = 0; i < 2000; i++) {
		turn();
		n = recv(slow, piece, sizeof(piece) - 1, 0);
		if (n <= 0)
			break;
		total += (size_t)n;
		piece[n] = '\0';
	}
	CU_ASSERT(total > 256 * 1024 && total < 1024 * 1024);
	n = total > 100 ? 1 : 0;
	CU_ASSERT_EQUAL(n, 1);
	(void)close(slow);
	stop();
	json_object_put(progress);
	json_object_put(event);
	json_object_put(last);
	free(filler);
}

/* A stale socket is replaced, a long path works, nobody else may connect. */
static void
test_place(void)
{
	struct stat status;
	char *path;

	start();
	path = path_join(directory, "control");
	CU_ASSERT_EQUAL(stat(path, &status), 0);
	CU_ASSERT(S_ISSOCK(status.st_mode));
	CU_ASSERT_EQUAL(status.st_mode & 0777, 0600);
	stop();
	CU_ASSERT_NOT_EQUAL(stat(path, &status), 0);
	CU_ASSERT_EQUAL(path_write(path, "x", 1, 0600, NULL), HF_OK);
	start();
	stop();
	CU_ASSERT_EQUAL(control_call(directory, "org.holdfast.Status", NULL, false, NULL, NULL, NULL), HF_ENET);
	free(path);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"methods", test_methods}, {"hostile", test_hostile},
	    {"slow watcher", test_slow_watcher}, {"place", test_place}, CU_TEST_INFO_NULL};
	int r;

	(void)snprintf(parent, sizeof(parent), "/tmp/test-control.XXXXXX");
	if (mkdtemp(parent) == NULL)
		return 99;
	/* Longer than a socket's address can be. */
	(void)snprintf(directory, sizeof(directory), "%s/%0150d", parent, 7);
	if (mkdir(directory, 0700) != 0)
		return 99;
	r = unit_run("control", tests);
	(void)rmdir(directory);
	(void)rmdir(parent);
	return r;
}
