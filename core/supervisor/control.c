/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "supervisor/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/path.h"
#include "job/job.h"
#include "progress/progress.h"
#include "supervisor/frame.h"
#include "supervisor/os.h"

#define SOCKET_NAME     "control"
#define BACKLOG_MAX     (256u * 1024u) /* bytes a slow watcher may lag before it misses progress */
#define CALL_TIMEOUT_S  10
#define IDLE_TIMEOUT_S  60 /* for a client that sends half a request */

static const char interface_text[] =
    "# Backup jobs of holdfast.\n"
    "interface org.holdfast\n"
    "\n"
    "# One job, or all of them, oldest first.\n"
    "method Status(job: ?string) -> (jobs: []object)\n"
    "\n"
    "# With \"more\": first the jobs as they are, then each event and progress as it comes.\n"
    "method Watch(job: ?string) -> (jobs: ?[]object, event: ?object, progress: ?object)\n"
    "\n"
    "error NoSuchJob (job: string)\n"
    "error Failed (message: string)\n";

struct client {
	struct control *control;
	struct client *next;
	struct bufferevent *stream;
	bool watching;
	char job[JOB_ID_SIZE]; /* what it watches; "" for all */
};

struct control {
	struct control_source source;
	char *path;
	char *directory;
	int fd;
	struct event *accept;
	struct event_base *base;
	struct client *clients;
	unsigned count;
};

/* ---- objects ---- */

static bool
add(struct json_object *object, const char *name, struct json_object *value)
{
	if (object != NULL && value != NULL && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

/* {name: value}, taking value; NULL without memory. */
static struct json_object *
wrap(const char *name, struct json_object *value)
{
	struct json_object *object = json_object_new_object();

	if (add(object, name, value))
		return object;
	json_object_put(object);
	return NULL;
}

/* ---- the socket's place ---- */

/*
 * Calls bind or connect with a path relative to the directory: a full path may be longer than the 104 or
 * 108 bytes that a socket's address holds.
 */
static int
with_address(const char *directory, int fd, int (*call)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address;
	int before = -1, r = -1, saved;
	size_t length = strlen(directory) + sizeof("/" SOCKET_NAME);

	memset(&address, 0, sizeof(address));
	address.sun_family = AF_UNIX;
	if (length <= sizeof(address.sun_path)) {
		(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory, SOCKET_NAME);
		return call(fd, (struct sockaddr *)&address, sizeof(address));
	}
	before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (before < 0 || chdir(directory) != 0)
		goto out;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", SOCKET_NAME);
	r = call(fd, (struct sockaddr *)&address, sizeof(address));
	saved = errno;
	if (fchdir(before) != 0)
		r = -1;
	else
		errno = saved;
out:
	saved = errno;
	if (before >= 0)
		(void)close(before);
	errno = saved;
	return r;
}

static int
new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* ---- clients ---- */

static void
remove_client(struct client *client)
{
	struct client **link = &client->control->clients;

	while (*link != client)
		link = &(*link)->next;
	*link = client->next;
	client->control->count--;
	bufferevent_free(client->stream);
	free(client);
}

static bool
send_reply(struct client *client, struct json_object *reply)
{
	size_t size = 0;
	const char *text = reply == NULL ? NULL
	    : json_object_to_json_string_length(reply, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);

	return text != NULL && size < CONTROL_REPLY_MAX && bufferevent_write(client->stream, text, size + 1) == 0;
}

/* Replies with parameters, which it takes; false: the client has to go. */
static bool
reply(struct client *client, struct json_object *parameters, bool continues)
{
	struct json_object *object = parameters == NULL ? NULL : wrap("parameters", parameters);
	bool ok = object != NULL && (!continues || add(object, "continues", json_object_new_boolean(1))) &&
	    send_reply(client, object);

	json_object_put(object);
	return ok;
}

/* Replies with an error that has one text parameter. */
static bool
reply_error(struct client *client, const char *error, const char *name, const char *text)
{
	struct json_object *object = wrap("error", json_object_new_string(error));
	bool ok = add(object, "parameters", wrap(name, progress_json_string(text))) && send_reply(client, object);

	json_object_put(object);
	return ok;
}

/* ---- methods ---- */

static bool
get_info(struct client *client, struct json_object *parameters, bool more)
{
	struct json_object *info = json_object_new_object(), *interfaces = json_object_new_array();

	(void)parameters;
	(void)more;
	if (interfaces != NULL) {
		(void)json_object_array_add(interfaces, json_object_new_string("org.varlink.service"));
		(void)json_object_array_add(interfaces, json_object_new_string("org.holdfast"));
	}
	(void)add(info, "vendor", json_object_new_string("holdfast"));
	(void)add(info, "product", json_object_new_string("holdfast"));
	(void)add(info, "version", json_object_new_string(PACKAGE_VERSION));
	(void)add(info, "url", json_object_new_string(""));
	(void)add(info, "interfaces", interfaces);
	return reply(client, info, false);
}

static bool
get_description(struct client *client, struct json_object *parameters, bool more)
{
	const char *name = parameters == NULL ? NULL : frame_string(parameters, "interface");

	(void)more;
	if (name == NULL || strcmp(name, "org.holdfast") != 0)
		return reply_error(client, "org.varlink.service.InterfaceNotFound", "interface", name ? name : "");
	return reply(client, wrap("description", json_object_new_string(interface_text)), false);
}

/* The id that is asked for in *ret, NULL for all; false when it is none. */
static bool
wanted_job(struct json_object *parameters, const char **ret)
{
	struct json_object *job;

	*ret = NULL;
	if (parameters == NULL || !json_object_object_get_ex(parameters, "job", &job) || job == NULL)
		return true;
	*ret = frame_string(parameters, "job");
	return *ret != NULL && job_id_valid(*ret);
}

/* Asks the source and answers errors; *ret_ok is what the caller returns then. */
static struct json_object *
ask(struct client *client, struct json_object *parameters, const char **ret_job, bool *ret_ok)
{
	struct hf_error err = HF_ERROR_INIT;
	struct json_object *jobs = NULL;
	int r;

	if (!wanted_job(parameters, ret_job)) {
		*ret_ok = reply_error(client, "org.varlink.service.InvalidParameter", "parameter", "job");
		return NULL;
	}
	r = client->control->source.status(client->control->source.ctx, *ret_job, &jobs, &err);
	if (r == HF_OK)
		return jobs;
	if (r == HF_ENOTFOUND)
		*ret_ok = reply_error(client, "org.holdfast.NoSuchJob", "job", *ret_job != NULL ? *ret_job : "");
	else
		*ret_ok = reply_error(client, "org.holdfast.Failed", "message", err.msg);
	return NULL;
}

static bool
status(struct client *client, struct json_object *parameters, bool more)
{
	const char *job;
	bool ok = false;
	struct json_object *jobs = ask(client, parameters, &job, &ok);

	(void)more;
	return jobs == NULL ? ok : reply(client, jobs, false);
}

/* Whether the only job in the list has come to its end. */
static bool
is_finished(struct json_object *jobs)
{
	struct json_object *job = json_object_array_get_idx(json_object_object_get(jobs, "jobs"), 0);
	const char *name = job == NULL ? NULL : frame_string(job, "status");
	enum job_status value;

	return name != NULL && job_status_parse(name, &value) == HF_OK && value >= JOB_COMPLETED;
}

static bool
watch(struct client *client, struct json_object *parameters, bool more)
{
	const char *job;
	bool ok = false, finished;
	struct json_object *jobs;

	if (!more)
		return reply_error(client, "org.varlink.service.ExpectedMore", "method", "org.holdfast.Watch");
	jobs = ask(client, parameters, &job, &ok);
	if (jobs == NULL)
		return ok;
	finished = job != NULL && is_finished(jobs);
	if (!reply(client, jobs, !finished))
		return false;
	client->watching = !finished;
	progress_copy_text(client->job, sizeof(client->job), job == NULL ? "" : job);
	/* Nothing ends a wait for news but the client. */
	bufferevent_set_timeouts(client->stream, NULL, NULL);
	return true;
}

static const struct method {
	const char *name;
	bool (*fn)(struct client *client, struct json_object *parameters, bool more);
} methods[] = {
    {"org.varlink.service.GetInfo", get_info},
    {"org.varlink.service.GetInterfaceDescription", get_description},
    {"org.holdfast.Status", status},
    {"org.holdfast.Watch", watch},
};

static bool
handle_request(struct client *client, const char *text, size_t size)
{
	struct json_object *request, *parameters;
	const char *name;
	bool more, ok;
	size_t i;

	/* One who watches has nothing else to say; and what is no Varlink gets no answer. */
	if (client->watching || frame_parse(text, size, &request, NULL) != HF_OK)
		return false;
	name = frame_string(request, "method");
	parameters = json_object_object_get(request, "parameters");
	more = json_object_get_boolean(json_object_object_get(request, "more"));
	if (parameters != NULL && !json_object_is_type(parameters, json_type_object))
		name = NULL;
	ok = false;
	for (i = 0; name != NULL && i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(name, methods[i].name) == 0) {
			ok = methods[i].fn(client, parameters, more);
			break;
		}
	}
	if (name != NULL && i == sizeof(methods) / sizeof(methods[0]))
		ok = reply_error(client, "org.varlink.service.MethodNotFound", "method", name);
	json_object_put(request);
	return ok;
}

static void
client_readable(struct bufferevent *stream, void *ctx)
{
	struct client *client = ctx;
	struct evbuffer *input = bufferevent_get_input(stream);
	struct evbuffer_ptr end;
	bool ok;

	for (;;) {
		end = evbuffer_search(input, "", 1, NULL);
		if (end.pos < 0)
			break;
		/* A client that asks without reading the answers has to wait for no one but itself. */
		ok = end.pos <= (ev_ssize_t)CONTROL_REQUEST_MAX &&
		    evbuffer_get_length(bufferevent_get_output(stream)) < CONTROL_REPLY_MAX &&
		    handle_request(client, (const char *)evbuffer_pullup(input, end.pos + 1), (size_t)end.pos);
		if (!ok) {
			remove_client(client);
			return;
		}
		(void)evbuffer_drain(input, (size_t)end.pos + 1);
	}
	if (evbuffer_get_length(input) > CONTROL_REQUEST_MAX)
		remove_client(client);
}

static void
client_ended(struct bufferevent *stream, short what, void *ctx)
{
	(void)stream;
	(void)what;
	remove_client(ctx);
}

static void
add_client(struct control *control, int fd)
{
	static const struct timeval idle = {IDLE_TIMEOUT_S, 0};
	struct client *client = calloc(1, sizeof(*client));

	if (client != NULL)
		client->stream = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client == NULL || client->stream == NULL) {
		free(client);
		(void)close(fd);
		return;
	}
	client->control = control;
	client->next = control->clients;
	control->clients = client;
	control->count++;
	bufferevent_setcb(client->stream, client_readable, NULL, client_ended, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_REQUEST_MAX + 1);
	bufferevent_set_timeouts(client->stream, &idle, &idle);
	if (bufferevent_enable(client->stream, EV_READ | EV_WRITE) != 0)
		remove_client(client);
}

static void
accept_client(evutil_socket_t listener, short what, void *ctx)
{
	struct control *control = ctx;
	int fd = accept((int)listener, NULL, NULL), flags;
	uid_t uid;

	(void)what;
	if (fd < 0)
		return;
	flags = fcntl(fd, F_GETFL);
	if (control->count >= CONTROL_CLIENTS_MAX || flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || os_peer_uid(fd, &uid) != 0 || (uid != geteuid() && uid != 0))
		(void)close(fd);
	else
		add_client(control, fd);
}

/* ---- server ---- */

static int
listen_at(struct control *control, struct hf_error *err)
{
	mode_t before;
	int flags, r;

	/* We hold the state directory's lock, so a socket that is there is nobody's. */
	if (unlink(control->path) != 0 && errno != ENOENT)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", control->path, strerror(errno));
	control->fd = new_socket();
	if (control->fd < 0)
		return hf_error_set(err, HF_EIO, errno, "control socket: %s", strerror(errno));
	before = umask(0177);
	r = with_address(control->directory, control->fd, bind);
	(void)umask(before);
	flags = fcntl(control->fd, F_GETFL);
	if (r != 0 || flags < 0 || fcntl(control->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    listen(control->fd, CONTROL_CLIENTS_MAX) != 0)
		return hf_error_set(err, HF_EIO, errno, "%s: %s", control->path, strerror(errno));
	return HF_OK;
}

int
control_open(struct event_base *base, const char *directory, const struct control_source *source,
    struct control **ret, struct hf_error *err)
{
	struct control *control = calloc(1, sizeof(*control));
	int r;

	if (control == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "control socket: out of memory");
	control->fd = -1;
	control->base = base;
	control->source = *source;
	control->path = path_join(directory, SOCKET_NAME);
	control->directory = strdup(directory);
	if (control->path == NULL || control->directory == NULL)
		r = hf_error_set(err, HF_ENOMEM, 0, "control socket: out of memory");
	else
		r = listen_at(control, err);
	if (r == HF_OK) {
		control->accept = event_new(base, control->fd, EV_READ | EV_PERSIST, accept_client, control);
		if (control->accept == NULL || event_add(control->accept, NULL) != 0)
			r = hf_error_set(err, HF_ENOMEM, 0, "control socket: out of memory");
	}
	if (r == HF_OK)
		*ret = control;
	else
		control_close(control);
	return r;
}

/* Writes what it still can without waiting. */
static void
flush_client(struct client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);

	/* The loop writes asynchronously and will not run again. */
	(void)bufferevent_disable(client->stream, EV_READ | EV_WRITE);
	while (evbuffer_get_length(output) > 0 &&
	    evbuffer_write(output, bufferevent_getfd(client->stream)) > 0)
		continue;
}

void
control_close(struct control *control)
{
	if (control == NULL)
		return;
	while (control->clients != NULL) {
		flush_client(control->clients);
		remove_client(control->clients);
	}
	if (control->accept != NULL)
		event_free(control->accept);
	if (control->fd >= 0) {
		(void)close(control->fd);
		(void)unlink(control->path);
	}
	free(control->path);
	free(control->directory);
	free(control);
}

/* Whether that is the last event of a job. */
static bool
is_last(const char *kind, struct json_object *object)
{
	const char *event = strcmp(kind, "event") == 0 ? frame_string(object, "event") : NULL;

	return event != NULL &&
	    (strcmp(event, "completed") == 0 || strcmp(event, "partial") == 0 || strcmp(event, "failed") == 0);
}

void
control_tell(struct control *control, const char *job, const char *kind, struct json_object *object)
{
	struct client *client, *next;
	size_t backlog;
	bool last;

	for (client = control == NULL ? NULL : control->clients; client != NULL; client = next) {
		next = client->next;
		if (!client->watching || (client->job[0] != '\0' && strcmp(client->job, job) != 0))
			continue;
		backlog = evbuffer_get_length(bufferevent_get_output(client->stream));
		if (backlog > BACKLOG_MAX && strcmp(kind, "progress") == 0)
			continue;
		last = client->job[0] != '\0' && is_last(kind, object);
		if (backlog > CONTROL_REPLY_MAX || !reply(client, wrap(kind, json_object_get(object)), !last))
			remove_client(client);
		else if (last)
			client->watching = false;
	}
}

/* ---- client ---- */

static int
send_request(int fd, const char *method, struct json_object *parameters, bool more, struct hf_error *err)
{
	struct json_object *request = wrap("method", json_object_new_string(method));
	const char *text;
	size_t size = 0, sent = 0;
	ssize_t n;
	int r = HF_OK;

	if (request == NULL || (parameters != NULL && !add(request, "parameters", json_object_get(parameters))) ||
	    (more && !add(request, "more", json_object_new_boolean(1))) ||
	    (text = json_object_to_json_string_length(request, JSON_C_TO_STRING_PLAIN, &size)) == NULL) {
		json_object_put(request);
		return hf_error_set(err, HF_ENOMEM, 0, "control socket: out of memory");
	}
	while (r == HF_OK && sent < size + 1) {
		n = send(fd, text + sent, size + 1 - sent, MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			r = hf_error_set(err, HF_ENET, errno, "control socket: %s", strerror(errno));
	}
	json_object_put(request);
	return r;
}

static int
reply_failed(struct json_object *object, const char *error, struct hf_error *err)
{
	struct json_object *parameters = json_object_object_get(object, "parameters");
	const char *text = NULL;

	if (json_object_is_type(parameters, json_type_object)) {
		text = frame_string(parameters, "message");
		if (strcmp(error, "org.holdfast.NoSuchJob") == 0)
			return hf_error_set(err, HF_ENOTFOUND, 0, "no job %s; \"holdfast status\" lists them",
			    frame_string(parameters, "job") != NULL ? frame_string(parameters, "job") : "");
	}
	return hf_error_set(err, HF_ENOTSUP, 0, "the supervisor refused: %s", text != NULL ? text : error);
}

/* Handles one reply; *ret_more: others follow. */
static int
handle_reply(const char *text, size_t size, control_reply_fn fn, void *ctx, bool *ret_more, struct hf_error *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(FRAME_DEPTH);
	struct json_object *object, *parameters;
	const char *error;
	int r;

	if (tokener == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "control socket: out of memory");
	object = json_tokener_parse_ex(tokener, text, (int)size);
	json_tokener_free(tokener);
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return hf_error_set(err, HF_ECORRUPT, 0, "control socket: the reply is no JSON object");
	}
	error = frame_string(object, "error");
	parameters = json_object_object_get(object, "parameters");
	*ret_more = json_object_get_boolean(json_object_object_get(object, "continues"));
	if (error != NULL)
		r = reply_failed(object, error, err);
	else if (!json_object_is_type(parameters, json_type_object))
		r = hf_error_set(err, HF_ECORRUPT, 0, "control socket: the reply has no parameters");
	else
		r = fn(ctx, parameters, *ret_more);
	json_object_put(object);
	return r;
}

static int
read_replies(int fd, bool more, control_reply_fn fn, void *ctx, struct hf_error *err)
{
	struct buffer in = BUFFER_INIT(CONTROL_REPLY_MAX + 4096);
	bool follow = true;
	uint8_t *end;
	size_t size;
	ssize_t n;
	int r = HF_OK;

	while (r == HF_OK && follow) {
		end = in.size == 0 ? NULL : memchr(in.data, '\0', in.size);
		if (end != NULL) {
			size = (size_t)(end - in.data);
			r = handle_reply((const char *)in.data, size, fn, ctx, &follow, err);
			memmove(in.data, end + 1, in.size - size - 1);
			in.size -= size + 1;
			follow = follow && more;
			continue;
		}
		if (buffer_reserve(&in, 4096) != HF_OK) {
			r = buffer_status(&in, "control socket", err);
			break;
		}
		n = recv(fd, in.data + in.size, 4096, 0);
		if (n > 0)
			in.size += (size_t)n;
		else if (n == 0 || errno != EINTR)
			r = hf_error_set(err, HF_ENET, n == 0 ? 0 : errno, "control socket: the supervisor %s",
			    n == 0 ? "has ended" : "does not answer");
	}
	buffer_release(&in);
	return r;
}

int
control_call(const char *directory, const char *method, struct json_object *parameters, bool more,
    control_reply_fn fn, void *ctx, struct hf_error *err)
{
	static const struct timeval timeout = {CALL_TIMEOUT_S, 0};
	uid_t uid;
	int fd = new_socket(), r;

	if (fd < 0)
		return hf_error_set(err, HF_EIO, errno, "control socket: %s", strerror(errno));
	if (with_address(directory, fd, connect) != 0) {
		r = hf_error_set(err, errno == ENOENT || errno == ECONNREFUSED ? HF_ENET : HF_EIO, errno,
		    "control socket in %s: %s", directory, strerror(errno));
	} else if (os_peer_uid(fd, &uid) != 0 || uid != geteuid()) {
		r = hf_error_set(err, HF_EPERM, 0, "control socket in %s belongs to another user", directory);
	} else {
		/* News may take long to come, answers not. */
		if (!more)
			(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
		r = send_request(fd, method, parameters, more, err);
		if (r == HF_OK)
			r = read_replies(fd, more, fn, ctx, err);
	}
	(void)close(fd);
	return r;
}
