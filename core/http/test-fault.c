/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

/*
 * The fault matrix: each fault at four positions of a run of eight files, and for ever.  In every cell what counts as
 * a success is the file byte for byte, the requests are at most three times those of a run without faults, nothing
 * is read for long beyond what is allowed, and it ends in time.
 */

#include "http/test-server.h"

#define FILES   8u
#define SHARDS  6 /* cells wait more than they compute */
#define MAX     200000u
#define SIZE(i) (60000u + 7001u * (i))

static const char *folder;

static const struct fault {
	const char *name;
	int code;       /* what its request ends with, when it happens once; HF_OK: another try helps */
	int always;     /* the same when it happens to each */
	unsigned status;
	double seconds; /* that one cell may take */
} faults[] = {
    {"408", HF_OK, HF_EAGAIN, 408, 3}, {"425", HF_OK, HF_EAGAIN, 425, 3}, {"429", HF_OK, HF_ERATE, 429, 3},
    {"500", HF_OK, HF_EAGAIN, 500, 3}, {"502", HF_OK, HF_EAGAIN, 502, 3}, {"503", HF_OK, HF_EAGAIN, 503, 3},
    {"504", HF_OK, HF_EAGAIN, 504, 3}, {"429-after", HF_OK, HF_ERATE, 429, 8}, {"429-hour", HF_ERATE, HF_ERATE, 429, 3},
    {"503-date", HF_OK, HF_EAGAIN, 503, 8},
    {"reset-before", HF_OK, HF_ENET, 0, 3}, {"reset-header", HF_OK, HF_ENET, 0, 3},
    {"reset-body", HF_OK, HF_ENET, 0, 4}, {"stall", HF_OK, HF_ENET, 0, 15}, {"stall-body", HF_OK, HF_ENET, 0, 30},
    {"slow", HF_OK, HF_ENET, 0, 15}, {"half-close", HF_OK, HF_ENET, 0, 3}, {"short-length", HF_OK, HF_ECORRUPT, 0, 3},
    {"short-chunked", HF_OK, HF_ECORRUPT, 0, 3}, {"bad-chunk", HF_OK, HF_ENET, 0, 3}, {"long-length", HF_OK, HF_OK, 0, 3},
    {"close-short", HF_ECORRUPT, HF_ECORRUPT, 200, 3}, {"wrong-range", HF_OK, HF_ENET, 0, 4},
    {"ignored-range", HF_OK, HF_ENET, 0, 4}, {"stale", HF_OK, HF_ENET, 0, 4},
    {"error-page", HF_ECORRUPT, HF_ECORRUPT, 200, 3}, {"endless", HF_ERANGE, HF_ERANGE, 200, 3},
    {"huge-header", HF_ERANGE, HF_ERANGE, 200, 3}, {"redirect-loop", HF_EINVAL, HF_EINVAL, 302, 3},
    {"redirect-private", HF_EPERM, HF_EPERM, 0, 3}, {"garbled", HF_OK, HF_ECORRUPT, 0, 3},
    {"gzip-bomb", HF_ERANGE, HF_ERANGE, 200, 4}, {"401", HF_EAUTH, HF_EAUTH, 401, 3}};

#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static const char *const positions[] = {"1", "3", "6", "8", "1+"};

#define POSITIONS (sizeof(positions) / sizeof(positions[0]))

struct shard {
	struct server server;
	struct client client;
	unsigned bad;
};

#define EXPECT(condition)                                                                                       \
	do {                                                                                                    \
		if (!(condition)) {                                                                             \
			printf("  %s@%s: line %d: not %s\n", fault->name, position, __LINE__, #condition);      \
			shard->bad++;                                                                           \
		}                                                                                               \
	} while (0)

static int
keep(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	buffer_append(ctx, data, size);
	return buffer_status(ctx, "answer", err);
}

/* Asks the server for something of its own; its answer is in *answer. */
static int
control(struct shard *shard, const char *path, struct buffer *answer)
{
	const struct hf_sink sink = {(uint32_t)sizeof(sink), 0, answer, keep};
	struct hf_http_request request = {.struct_size = (uint32_t)sizeof(request)};
	struct hf_error err = HF_ERROR_INIT;
	char url[200];

	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/.fault/%s", shard->server.port, path);
	request.url = as_text(url);
	return http_host_extension.request(host_table(shard->client.host)->ctx, &request, &sink, NULL, &err);
}

static unsigned long
count_requests(struct shard *shard)
{
	static const char name[] = "\"requests\": ";
	struct buffer answer = BUFFER_INIT(1u << 20);
	unsigned long count = 0;
	const char *found;

	if (control(shard, "status", &answer) == HF_OK && (found = strstr(buffer_string(&answer), name)) != NULL)
		count = strtoul(found + sizeof(name) - 1, NULL, 10);
	buffer_release(&answer);
	return count;
}

static void
check_item(struct shard *shard, const struct fault *fault, const char *position, const struct item *item, unsigned i)
{
	EXPECT(item->ends == 1);
	EXPECT(item->body.size <= MAX);
	if (item->code == HF_OK)
		EXPECT(file_is(i, 0, &item->body, SIZE(i)));
	if (item->code == HF_OK)
		return;
	if (item->code != fault->code && item->code != fault->always)
		printf("  %d: %s\n", item->code, item->why.msg);
	EXPECT(item->code == fault->code || item->code == fault->always);
	EXPECT(item->why.code == item->code);
	EXPECT(item->why.msg[0] != '\0');
	EXPECT(fault->status == 0 || item->why.http_status == fault->status);
}

static void
run_cell(struct shard *shard, const struct fault *fault, const char *position)
{
	bool always = strchr(position, '+') != NULL;
	struct buffer answer = BUFFER_INIT(1u << 20);
	struct items items;
	char text[200], origin[60];
	unsigned i, failed = 0;
	unsigned long requests;
	uint64_t before = shard->client.received;
	int64_t began;

	memset(&items, 0, sizeof(items));
	(void)snprintf(text, sizeof(text), "reset?fault=%s@%s%s", fault->name, always ? "1" : position, always ? "%2B" : "");
	EXPECT(control(shard, text, &answer) == HF_OK);
	buffer_release(&answer);
	(void)snprintf(origin, sizeof(origin), "http://127.0.0.1:%u", shard->server.port);
	items.flags = HF_HTTP_STRICT;
	items.origin = origin;
	items.max_size = MAX;
	items.mime = "application/octet-stream";
	for (i = 0; i < FILES; i++) {
		(void)snprintf(text, sizeof(text), "%s/%u", origin, i);
		(void)items_add(&items, text);
	}
	began = time_boot();
	EXPECT(items_run(&items, &shard->client, always ? FILES : 2) == HF_OK);
	EXPECT((double)(time_boot() - began) / 1e9 < fault->seconds);
	for (i = 0; i < FILES; i++) {
		check_item(shard, fault, position, &items.items[i], i);
		failed += items.items[i].code != HF_OK;
	}
	if (always)
		EXPECT(failed == (fault->always == HF_OK ? failed : FILES));
	else
		EXPECT(failed == (fault->code == HF_OK ? 0 : 1));
	requests = count_requests(shard);
	EXPECT(requests >= FILES && requests <= 3 * FILES);
	/* What was read beyond the files and what is allowed of a bad one. */
	EXPECT(shard->client.received - before < 3 * FILES * (MAX + 65536));
	items_free(&items);
}

static int
run_shard(int number)
{
	const char *arguments[] = {"--root", folder, "--private", "http://10.0.0.1/", NULL};
	struct shard shard;
	size_t cell;

	memset(&shard, 0, sizeof(shard));
	server_start(&shard.server, arguments);
	client_start(&shard.client);
	for (cell = 0; cell < FAULTS * POSITIONS; cell++) {
		/* Neighbours wait in different ones. */
		if ((cell + cell / POSITIONS) % SHARDS == (size_t)number)
			run_cell(&shard, &faults[cell / POSITIONS], positions[cell % POSITIONS]);
	}
	client_end(&shard.client);
	server_stop(&shard.server);
	return shard.bad == 0 ? 0 : 1;
}

static void
test_matrix(void)
{
	pid_t children[SHARDS];
	int i, status;

	(void)fflush(stdout);
	for (i = 0; i < SHARDS; i++) {
		children[i] = fork();
		CU_ASSERT_TRUE_FATAL(children[i] >= 0);
		if (children[i] == 0) {
			status = run_shard(i);
			(void)fflush(stdout);
			_exit(status);
		}
	}
	for (i = 0; i < SHARDS; i++) {
		CU_ASSERT_EQUAL(waitpid(children[i], &status, 0), children[i]);
		CU_ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

/* The same seed, the same faults, and never a wrong byte, at three faults in ten requests. */
static void
test_schedules(void)
{
	const struct fault random = {"seed", HF_OK, HF_OK, 0, 60}, *fault = &random;
	static const char among[] = "408,429,500,502,503,504,reset-before,reset-header,reset-body,half-close,short-length,"
	    "short-chunked,bad-chunk,long-length,wrong-range,ignored-range,stale,garbled";
	const char *arguments[] = {"--root", folder, "--among", among, NULL};
	struct shard all, *shard = &all;
	struct items items;
	char position[20], text[200];
	unsigned seed, i, good = 0;

	memset(shard, 0, sizeof(*shard));
	server_start(&shard->server, arguments);
	client_start(&shard->client);
	for (seed = 1; seed <= 40; seed++) {
		struct buffer answer = BUFFER_INIT(1u << 20);

		memset(&items, 0, sizeof(items));
		(void)snprintf(position, sizeof(position), "%u", seed);
		(void)snprintf(text, sizeof(text), "reset?seed=%u&rate=0.3", seed);
		EXPECT(control(shard, text, &answer) == HF_OK);
		buffer_release(&answer);
		items.max_size = MAX;
		for (i = 0; i < FILES; i++) {
			(void)snprintf(text, sizeof(text), "http://127.0.0.1:%u/%u", shard->server.port, i);
			(void)items_add(&items, text);
		}
		EXPECT(items_run(&items, &shard->client, 3) == HF_OK);
		for (i = 0; i < FILES; i++) {
			EXPECT(items.items[i].ends == 1);
			good += items.items[i].code == HF_OK;
			if (items.items[i].code == HF_OK)
				EXPECT(file_is(i, 0, &items.items[i].body, SIZE(i)));
		}
		EXPECT(count_requests(shard) <= 3 * FILES);
		items_free(&items);
	}
	printf(" %u of %u files came, ", good, 40 * FILES);
	/* Three faults in a row are 2.7 of 100. */
	CU_ASSERT_TRUE(good >= 40 * FILES * 9 / 10);
	CU_ASSERT_EQUAL(shard->bad, 0);
	client_end(&shard->client);
	server_stop(&shard->server);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"matrix", test_matrix}, {"schedules", test_schedules}, CU_TEST_INFO_NULL};
	unsigned i;
	int status;

	folder = folder_make();
	for (i = 0; i < FILES; i++)
		file_make(folder, i, SIZE(i));
	status = unit_run("fault", tests);
	folder_remove(folder, FILES);
	return status;
}
