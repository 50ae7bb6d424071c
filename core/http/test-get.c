/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

/*
 * Not a test but a tool of some: gets URLs through the client as a plugin would, so that scripts can look at what
 * it does, and prints a line for each: result, status, bytes, URL, reason, with tabs between.
 *
 *   test-get [-s] [-h] [-e] [-o ORIGIN] [-c CA_FILE] [-x PROXY] [-a AUTHORIZATION] [-p PARALLEL] [-t MILLISECONDS]
 *       [-d FOLDER] [-m MAX_SIZE] URL... | -
 *
 * -s: they come from messages; -h: http is allowed for these; -e: the proxies of the environment; -d: the bodies go
 * there, named 0, 1, ...; "-": the URLs are lines of standard input.  1: something failed.
 */

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/http.h"
#include "plugin/host.h"

#define LINE_SIZE  20000
#define TOKENS_MAX 64

struct get {
	char *const *urls; /* NULL: of standard input */
	const char *origin, *authorization, *folder;
	uint32_t flags, parallel;
	uint64_t max_size;
	uint64_t next;
	char line[LINE_SIZE];
	struct hf_http_header header;
	struct {
		uint64_t token, bytes;
		unsigned status;
		int fd;
		char *url;
	} open[TOKENS_MAX];
	bool failed;
};

static struct hf_text
text_of(const char *text)
{
	struct hf_text t = {text, text == NULL ? 0 : strlen(text), HF_TEXT_UTF8, 0};

	return t;
}

static const char *
next_url(struct get *get)
{
	if (get->urls != NULL)
		return get->urls[get->next];
	if (fgets(get->line, sizeof(get->line), stdin) == NULL)
		return NULL;
	get->line[strcspn(get->line, "\n")] = '\0';
	return get->line;
}

static size_t
place_of(const struct get *get, uint64_t token)
{
	size_t i = 0;

	while (i < TOKENS_MAX - 1 && (get->open[i].url == NULL || get->open[i].token != token))
		i++;
	return i;
}

static int
get_next(void *ctx, struct hf_http_request *ret, struct hf_error *err)
{
	struct get *get = ctx;
	const char *url = next_url(get);
	char path[4096];
	size_t i = 0;

	(void)err;
	if (url == NULL)
		return HF_ENOTFOUND;
	while (i < TOKENS_MAX - 1 && get->open[i].url != NULL)
		i++;
	get->open[i].url = strdup(url);
	get->open[i].token = get->next;
	get->open[i].bytes = 0;
	get->open[i].status = 0;
	get->open[i].fd = -1;
	if (get->folder != NULL) {
		(void)snprintf(path, sizeof(path), "%s/%" PRIu64, get->folder, get->next);
		get->open[i].fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	ret->flags = get->flags;
	ret->token = get->next++;
	ret->url = text_of(get->open[i].url);
	ret->origin = text_of(get->origin);
	ret->max_size = get->max_size;
	if (get->authorization != NULL) {
		get->header.name = text_of("Authorization");
		get->header.value = text_of(get->authorization);
		get->header.flags = HF_HTTP_SECRET;
		ret->headers = &get->header;
		ret->header_count = 1;
	}
	return HF_OK;
}

static int
get_begin(void *ctx, uint64_t token, const struct hf_http_response *response, struct hf_error *err)
{
	struct get *get = ctx;
	size_t i = place_of(get, token);

	get->open[i].status = response->status;
	get->open[i].bytes = response->offset;
	if (get->open[i].fd >= 0 && (ftruncate(get->open[i].fd, (off_t)response->offset) != 0 ||
	    lseek(get->open[i].fd, (off_t)response->offset, SEEK_SET) < 0))
		return hf_error_set(err, HF_EIO, 0, "cannot begin anew");
	return HF_OK;
}

static int
get_write(void *ctx, uint64_t token, const void *data, uint64_t size, struct hf_error *err)
{
	struct get *get = ctx;
	size_t i = place_of(get, token);

	get->open[i].bytes += size;
	if (get->open[i].fd >= 0 && write(get->open[i].fd, data, size) != (ssize_t)size)
		return hf_error_set(err, HF_EIO, 0, "cannot write");
	return HF_OK;
}

static int
get_end(void *ctx, uint64_t token, int code, const struct hf_error *why, struct hf_error *err)
{
	struct get *get = ctx;
	size_t i = place_of(get, token);

	(void)err;
	if (get->open[i].fd >= 0 && close(get->open[i].fd) != 0)
		code = HF_EIO;
	printf("%d\t%u\t%" PRIu64 "\t%s\t%s\n", code, why == NULL ? get->open[i].status : why->http_status,
	    get->open[i].bytes, get->open[i].url, why == NULL ? "" : why->msg);
	free(get->open[i].url);
	get->open[i].url = NULL;
	get->failed |= code != HF_OK;
	return HF_OK;
}

static int
run(struct get *get, const struct config_http *settings)
{
	const struct hf_http_exchange exchange = {(uint32_t)sizeof(exchange), 0, get, get->parallel, 0, get_next,
	    get_begin, get_write, get_end};
	struct host_services services = {.ctx = NULL};
	struct hf_error err = HF_ERROR_INIT;
	struct host *host = NULL;
	const struct retry_limits limits = {3, 10000000, INT64_C(60000000000)};
	int r = http_open(&limits, &services.http, &err);

	if (r == HF_OK)
		r = host_open("get", &services, NULL, NULL, &host, &err);
	if (r == HF_OK) {
		host_set_http(host, settings);
		r = http_host_extension.exchange(host_table(host)->ctx, &exchange, &err);
	}
	if (r != HF_OK)
		(void)fprintf(stderr, "%s\n", err.msg);
	host_free(host);
	http_close(services.http);
	return r == HF_OK && !get->failed ? 0 : 1;
}

int
main(int argc, char **argv)
{
	static struct get get;
	struct config_http settings = config_http_usual;
	int option;

	get.parallel = 10;
	get.max_size = UINT64_C(1) << 40;
	settings.proxy = "none";
	while ((option = getopt(argc, argv, "sheo:c:x:a:p:t:d:m:")) != -1) {
		switch (option) {
		case 's': get.flags |= HF_HTTP_STRICT; break;
		case 'h': settings.allow_http = true; break;
		case 'e': settings.proxy = NULL; break;
		case 'o': get.origin = optarg; break;
		case 'c': settings.ca_file = optarg; break;
		case 'x': settings.proxy = optarg; break;
		case 'a': get.authorization = optarg; break;
		case 'p': get.parallel = (uint32_t)strtoul(optarg, NULL, 10); break;
		case 't': settings.timeout_ns = settings.connect_timeout_ns = strtoll(optarg, NULL, 10) * 1000000; break;
		case 'd': get.folder = optarg; break;
		case 'm': get.max_size = strtoull(optarg, NULL, 10); break;
		default: return 2;
		}
	}
	if (get.parallel > TOKENS_MAX - 1)
		get.parallel = TOKENS_MAX - 1;
	get.urls = optind < argc && strcmp(argv[optind], "-") == 0 ? NULL : argv + optind;
	return run(&get, &settings);
}
