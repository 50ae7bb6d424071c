/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "command/putter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/common.h"
#include "http/http.h"
#include "plugin/instance.h"

#define CARD_MAX ((uint64_t)64 << 20)
#define ID_MAX   4096u

/* Both ends are one program, so structs go as they are. */
struct order {
	uint32_t flags;
	uint32_t id_size;
	uint64_t card_size;
};

struct reply {
	int32_t code;
	uint32_t done;
	struct hf_error err;
};

/* ---- bytes ---- */

static bool
send_all(int fd, const void *data, size_t size)
{
	const char *at = data;
	ssize_t n;

	while (size > 0) {
		n = send(fd, at, size, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

static bool
receive_all(int fd, void *data, size_t size)
{
	char *at = data;
	ssize_t n;

	while (size > 0) {
		n = recv(fd, at, size, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* ---- the process ---- */

static int32_t
stop_requested(void *ctx)
{
	(void)ctx;
	return common_interrupted();
}

static int
open_source(const struct config *config, const struct config_account *account, struct host_services *services,
    struct registry **ret_registry, struct instance *source, struct hf_error *err)
{
	const struct plugin_component *component;
	int r = registry_open(ret_registry, err);

	if (r == HF_OK)
		r = registry_find(*ret_registry, HF_KIND_SOURCE, account->source, &component, err);
	/* The mistake of whoever asked, which the repository's state must not be taken for. */
	if (r == HF_ENOTFOUND && err != NULL)
		err->code = HF_EINVAL;
	if (r == HF_ENOTFOUND)
		r = HF_EINVAL;
	if (r == HF_OK && component->ops.source.put_contact == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "its source, %s, cannot put contacts back; name an account whose "
		    "source can, such as carddav or vcard", account->source);
	if (r == HF_OK)
		r = http_open(NULL, &services->http, err);
	if (r == HF_OK)
		r = host_set_extension(HF_HOST_HTTP, &http_host_extension, err);
	if (r == HF_OK)
		r = instance_open_account(*ret_registry, config, account, services, source, err);
	return r;
}

/* Reads an order with its card into body; false: there are no more. */
static bool
receive_order(int fd, struct order *order, struct buffer *body)
{
	buffer_clear(body);
	if (!receive_all(fd, order, sizeof(*order)) || order->id_size > ID_MAX || order->card_size > CARD_MAX ||
	    buffer_reserve(body, order->id_size + (size_t)order->card_size) != HF_OK)
		return false;
	return receive_all(fd, body->data, order->id_size + (size_t)order->card_size);
}

static int
obey(const struct instance *source, const struct order *order, const struct buffer *body, uint32_t *done,
    struct hf_error *err)
{
	struct hf_contact contact = {.struct_size = (uint32_t)sizeof(contact), .updated_ns = HF_NO_TIME};

	contact.id = (struct hf_text){(const char *)body->data, order->id_size, HF_TEXT_UTF8, 0};
	contact.card = (struct hf_blob){body->data + order->id_size, order->card_size};
	return source->component->ops.source.put_contact(source->handle, &contact, order->flags, done, err);
}

static void
serve(int fd, const struct config *config, const struct config_account *account)
{
	struct host_services services = {.stop_requested = stop_requested};
	struct buffer body = BUFFER_INIT(ID_MAX + CARD_MAX);
	struct instance source = {NULL, NULL, NULL, NULL};
	struct registry *registry = NULL;
	struct order order;
	struct reply reply;
	bool going_on;

	/* The first reply, which nobody ordered, says whether it is open. */
	memset(&reply, 0, sizeof(reply));
	reply.err = (struct hf_error)HF_ERROR_INIT;
	reply.code = open_source(config, account, &services, &registry, &source, &reply.err);
	going_on = send_all(fd, &reply, sizeof(reply)) && reply.code == HF_OK;
	while (going_on && receive_order(fd, &order, &body)) {
		reply.done = 0;
		hf_error_init(&reply.err);
		reply.code = obey(&source, &order, &body, &reply.done, &reply.err);
		going_on = send_all(fd, &reply, sizeof(reply));
	}
	instance_close(&source);
	http_close(services.http);
	registry_free(registry);
	buffer_release(&body);
}

/* The next reply; *ret_lost where none comes. */
static int
receive_reply(const struct putter *putter, struct reply *reply, bool *ret_lost, struct hf_error *err)
{
	if (!receive_all(putter->fd, reply, sizeof(*reply))) {
		*ret_lost = true;
		return hf_error_set(err, HF_EIO, 0, "the process of the source plugin has ended");
	}
	reply->err.msg[sizeof(reply->err.msg) - 1] = '\0';
	if (reply->code == HF_OK)
		return HF_OK;
	return hf_error_set(err, reply->code > 0 ? HF_EINVAL : reply->code, reply->err.os_errno, "%s", reply->err.msg);
}

int
putter_open(struct putter *putter, const struct config *config, const struct config_account *account,
    struct hf_error *err)
{
	const struct rlimit none = {0, 0};
	struct reply reply;
	bool lost = false;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
		return hf_error_set(err, HF_EIO, errno, "a socket pair cannot be made: %s", strerror(errno));
	(void)fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	(void)fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	(void)fflush(stdout);
	(void)fflush(stderr);
	pid = fork();
	if (pid == 0) {
		(void)close(fds[0]);
		(void)setrlimit(RLIMIT_CORE, &none);
		serve(fds[1], config, account);
		(void)fflush(stderr);
		_exit(0);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		return hf_error_set(err, HF_EIO, errno, "a process cannot be started: %s", strerror(errno));
	}
	*putter = (struct putter){pid, fds[0]};
	return receive_reply(putter, &reply, &lost, err);
}

int
putter_put(struct putter *putter, const struct hf_contact *contact, uint32_t flags, uint32_t *ret_done,
    bool *ret_lost, struct hf_error *err)
{
	struct order order;
	struct reply reply;
	int r;

	memset(&order, 0, sizeof(order));
	order.flags = flags;
	order.id_size = contact->id.size > ID_MAX ? 0 : (uint32_t)contact->id.size;
	order.card_size = contact->card.size;
	if (contact->card.size > CARD_MAX)
		return hf_error_set(err, HF_ERANGE, 0, "the card is too long");
	if (!send_all(putter->fd, &order, sizeof(order)) || !send_all(putter->fd, contact->id.data, order.id_size) ||
	    !send_all(putter->fd, contact->card.data, (size_t)contact->card.size)) {
		*ret_lost = true;
		return hf_error_set(err, HF_EIO, 0, "the process of the source plugin has ended");
	}
	r = receive_reply(putter, &reply, ret_lost, err);
	if (r == HF_OK)
		*ret_done = reply.done;
	return r;
}

void
putter_close(struct putter *putter)
{
	int status;

	if (putter->pid <= 0)
		return;
	(void)close(putter->fd);
	while (waitpid(putter->pid, &status, 0) < 0 && errno == EINTR)
		;
	putter->pid = 0;
}
