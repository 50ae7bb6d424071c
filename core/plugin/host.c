/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/host.h"

#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "base/write.h"

#define EXTENSIONS_MAX 16
#define MESSAGE_MAX    1023

struct host {
	struct hf_host table;
	const struct host_services *services;
	const struct options *options;
	const struct hf_option *option_table;
	const struct config_http *http;
	char *instance;
};

static struct {
	const char *id;
	const void *extension;
} extensions[EXTENSIONS_MAX];

static void
host_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	const struct host *host = ctx;
	char line[MESSAGE_MAX + 1];
	size_t n = size > MESSAGE_MAX ? MESSAGE_MAX : (size_t)size;

	if (msg == NULL)
		return;
	memcpy(line, msg, n);
	line[n] = '\0';
	if (level < HF_LOG_ERROR)
		level = HF_LOG_ERROR;
	if (level > HF_LOG_DEBUG)
		level = HF_LOG_DEBUG;
	if (host->services != NULL && host->services->log != NULL)
		host->services->log(host->services->ctx, host->instance, level, line);
	else
		log_message(level, "%s: %s", host->instance, line);
}

static int32_t
host_stop_requested(void *ctx)
{
	const struct host *host = ctx;

	if (host->services == NULL || host->services->stop_requested == NULL)
		return 0;
	return host->services->stop_requested(host->services->ctx);
}

static int64_t
host_deadline(void *ctx)
{
	const struct host *host = ctx;

	if (host->services == NULL || host->services->deadline_ns == NULL)
		return 0;
	return host->services->deadline_ns(host->services->ctx);
}

static int64_t
host_clock(void *ctx)
{
	(void)ctx;
	return time_boot();
}

static void
host_progress(void *ctx, uint64_t done, uint64_t total, const char *unit)
{
	const struct host *host = ctx;

	if (unit != NULL && host->services != NULL && host->services->progress != NULL)
		host->services->progress(host->services->ctx, host->instance, done, total, unit);
}

static int
host_secret(void *ctx, uint32_t index, const struct hf_sink *sink, struct hf_error *err)
{
	struct buffer text = BUFFER_INIT(SECRET_MAX);
	const struct host *host = ctx;
	const struct config_secret *secret;
	int rc;

	if (host->options == NULL || index >= host->options->count ||
	    !(host->option_table[index].flags & HF_OPTION_SECRET))
		return hf_error_set(
		    err, HF_EINVAL, 0, "%s: option %u is not a secret", host->instance, index);
	secret = &host->options->secrets[index];
	if (secret->file == NULL && secret->command == NULL)
		return hf_error_set(err, HF_ENOTFOUND, 0,
		    "%s: neither %s_file nor %s_command is configured", host->instance,
		    host->option_table[index].name, host->option_table[index].name);
	/* All at once beforehand, so that no copy stays behind in a block that moved. */
	rc = buffer_reserve(&text, SECRET_MAX);
	if (rc == HF_OK)
		rc = secret_read(secret, &text, err);
	else
		(void)buffer_status(&text, host->instance, err);
	if (rc == HF_OK)
		rc = sink->write(sink->ctx, text.data, text.size, err);
	buffer_wipe(&text);
	return rc;
}

static const void *
host_get_extension(void *ctx, const char *id)
{
	size_t i;

	(void)ctx;
	if (id == NULL)
		return NULL;
	if (strcmp(id, HF_HOST_JSON) == 0)
		return &json_host_extension;
	if (strcmp(id, HF_HOST_WRITE) == 0)
		return &write_host_extension;
	if (strcmp(id, HF_HOST_FILES) == 0)
		return &files_host_extension;
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (extensions[i].extension != NULL && strcmp(extensions[i].id, id) == 0)
			return extensions[i].extension;
	}
	return NULL;
}

int
host_set_extension(const char *id, const void *extension, struct hf_error *err)
{
	size_t i, place = EXTENSIONS_MAX;

	for (i = EXTENSIONS_MAX; i > 0; i--) {
		if (extensions[i - 1].extension == NULL)
			place = i - 1;
	}
	for (i = 0; i < EXTENSIONS_MAX; i++) {
		if (extensions[i].extension != NULL && strcmp(extensions[i].id, id) == 0)
			place = i;
	}
	if (place == EXTENSIONS_MAX)
		return hf_error_set(
		    err, HF_ERANGE, 0, "more than %d host extensions", EXTENSIONS_MAX);
	extensions[place].id = id;
	extensions[place].extension = extension;
	return HF_OK;
}

int
host_open(const char *instance, const struct host_services *services, const struct options *options,
    const struct hf_option *table, struct host **ret_host, struct hf_error *err)
{
	struct host *host = calloc(1, sizeof(*host));

	if (host == NULL || (host->instance = strdup(instance)) == NULL) {
		free(host);
		return hf_error_set(err, HF_ENOMEM, 0, "%s: out of memory", instance);
	}
	host->services = services;
	host->options = options;
	host->option_table = table;
	host->http = &config_http_usual;
	host->table.struct_size = sizeof(host->table);
	host->table.abi_minor = HF_ABI_MINOR;
	host->table.ctx = host;
	host->table.log = host_log;
	host->table.stop_requested = host_stop_requested;
	host->table.deadline_ns = host_deadline;
	host->table.clock_ns = host_clock;
	host->table.progress = host_progress;
	host->table.secret = host_secret;
	host->table.get_extension = host_get_extension;
	*ret_host = host;
	return HF_OK;
}

void
host_free(struct host *host)
{
	if (host == NULL)
		return;
	free(host->instance);
	free(host);
}

const struct hf_host *
host_table(const struct host *host)
{
	return &host->table;
}

void
host_set_http(struct host *host, const struct config_http *settings)
{
	host->http = settings;
}

const char *
host_instance(const struct host *host)
{
	return host->instance;
}

const struct config_http *
host_http(const struct host *host)
{
	return host->http;
}

const char *
host_scratch(const struct host *host)
{
	return host->services == NULL ? NULL : host->services->scratch;
}

struct http *
host_client(const struct host *host)
{
	return host->services == NULL ? NULL : host->services->http;
}

struct image *
host_image(const struct host *host)
{
	return host->services != NULL ? host->services->image : NULL;
}

void
host_received(const struct host *host, uint64_t bytes)
{
	if (host->services != NULL && host->services->received != NULL)
		host->services->received(host->services->ctx, host->instance, bytes);
}
