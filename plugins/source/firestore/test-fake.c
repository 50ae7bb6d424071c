/* SPDX-License-Identifier: BSD-2-Clause */
#include "test-fake.h"

#include "../../common/test-source.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

struct fake fake;
const struct hf_source_ops *fake_source;
static EVP_PKEY *key;
static void *module;

/* ---- the host ---- */

static void
fake_log(void *ctx, int32_t level, const char *msg, uint64_t size)
{
	(void)ctx;
	(void)level;
	buffer_append(&fake.warnings, msg, (size_t)size);
	buffer_append_byte(&fake.warnings, '\n');
}

static int32_t
fake_stop(void *ctx)
{
	(void)ctx;
	return fake.stop;
}

static int64_t
host_clock(void *ctx)
{
	(void)ctx;
	return fake.clock_ns;
}

static int
host_secret(void *ctx, uint32_t index, const struct hf_sink *out, struct hf_error *err)
{
	size_t i;

	(void)ctx;
	for (i = 0; fake.secrets[i] != NULL; i += 2)
		if (strcmp(fake.secrets[i], component->options[index].name) == 0)
			return out->write(out->ctx, fake.secrets[i + 1], strlen(fake.secrets[i + 1]), err);
	return hf_error_set(err, HF_ENOTFOUND, 0, "no secret %s", component->options[index].name);
}

/* ---- HTTP ---- */

static int
code_of(int status)
{
	switch (status) {
	case 401:
		return HF_EAUTH;
	case 403:
		return HF_EPERM;
	case 404:
		return HF_ENOTFOUND;
	case 503:
		return HF_EAGAIN;
	default:
		return status / 100 == 2 ? HF_OK : HF_EINVAL;
	}
}

static void
look_at(const struct hf_http_request *request, struct fake_request *ret, char *body, size_t capacity)
{
	uint64_t i;

	memset(ret, 0, sizeof(*ret));
	ret->request = request;
	(void)snprintf(ret->url, sizeof(ret->url), "%.*s", (int)request->url.size, request->url.data);
	(void)snprintf(body, capacity, "%.*s", (int)request->body.size,
	    request->body.size > 0 ? (const char *)request->body.data : "");
	ret->body = body;
	for (i = 0; i < request->header_count; i++)
		if (request->headers[i].name.size == 13 && memcmp(request->headers[i].name.data, "authorization",
		    13) == 0)
			(void)snprintf(ret->bearer, sizeof(ret->bearer), "%.*s", (int)request->headers[i].value.size,
			    request->headers[i].value.data);
}

/* One request's answer into the functions of the exchange. */
static int
serve(const struct hf_http_exchange *exchange, const struct hf_http_request *request, struct hf_error *err)
{
	static char body[1 << 17];
	struct hf_http_response response;
	struct hf_error why = HF_ERROR_INIT;
	struct fake_request asked;
	const char *answer = "";
	uint64_t size;
	int status, code, r = HF_OK;

	look_at(request, &asked, body, sizeof(body));
	fake.requests++;
	status = fake.answer(fake.ctx, &asked, &answer);
	if (status < 0) {
		(void)hf_error_set(&why, status, 0, "as the test has it");
		return exchange->end(exchange->ctx, request->token, status, &why, err);
	}
	code = request->flags & HF_HTTP_ANY_STATUS ? HF_OK : code_of(status);
	size = strlen(answer);
	if (code == HF_OK && size > request->max_size) {
		(void)hf_error_set(&why, HF_ERANGE, 0, "too large");
		return exchange->end(exchange->ctx, request->token, HF_ERANGE, &why, err);
	}
	memset(&response, 0, sizeof(response));
	response.struct_size = sizeof(response);
	response.status = (uint32_t)status;
	response.size = (int64_t)size;
	if (code == HF_OK) {
		r = exchange->begin(exchange->ctx, request->token, &response, err);
		if (r == HF_OK)
			r = exchange->write(exchange->ctx, request->token, answer, size, err);
	} else {
		(void)hf_error_set(&why, code, 0, "status %d", status);
		why.http_status = (uint32_t)status;
	}
	return r != HF_OK ? r : exchange->end(exchange->ctx, request->token, code, &why, err);
}

static int
http_exchange(void *ctx, const struct hf_http_exchange *exchange, struct hf_error *err)
{
	struct hf_http_request request;
	int r;

	(void)ctx;
	for (;;) {
		memset(&request, 0, sizeof(request));
		r = exchange->next(exchange->ctx, &request, err);
		if (r != HF_OK)
			return r == HF_ENOTFOUND ? HF_OK : r;
		r = serve(exchange, &request, err);
		if (r != HF_OK)
			return r;
	}
}

static int
http_request(void *ctx, const struct hf_http_request *request, const struct hf_sink *out, uint32_t *ret_status,
    struct hf_error *err)
{
	static char body[1 << 17];
	struct fake_request asked;
	const char *answer = "";
	int status, code;

	(void)ctx;
	look_at(request, &asked, body, sizeof(body));
	fake.requests++;
	status = fake.answer(fake.ctx, &asked, &answer);
	if (status < 0)
		return hf_error_set(err, status, 0, "as the test has it");
	*ret_status = (uint32_t)status;
	code = request->flags & HF_HTTP_ANY_STATUS ? HF_OK : code_of(status);
	if (code != HF_OK)
		return hf_error_set(err, code, 0, "status %d", status);
	return out == NULL ? HF_OK : out->write(out->ctx, answer, strlen(answer), err);
}

static const struct hf_host_http http = {sizeof(http), 0, http_exchange, http_request};

static const void *
fake_extension(void *ctx, const char *id)
{
	return strcmp(id, HF_HOST_HTTP) == 0 ? &http : host_extension(ctx, id);
}

const struct hf_host fake_host = {.struct_size = sizeof(struct hf_host), .log = fake_log, .stop_requested = fake_stop,
    .clock_ns = host_clock, .secret = host_secret, .get_extension = fake_extension};

/* ---- what is pushed ---- */

/* The test's own look at a message, in place of a line of the log. */
static int
message_to_test(void *ctx, const struct hf_message *m, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	seen.messages++;
	return fake.on_message(m);
}

/* What the sinks have noted, for tests that are not compiled with them. */
static void
note_seen(int checkpoints_before)
{
	fake.messages = (unsigned)seen.messages;
	fake.people = (unsigned)seen.people;
	fake.rooms = (unsigned)seen.rooms;
	fake.failed = (unsigned)seen.failed;
	fake.checkpoints = (unsigned)seen.checkpoints;
	(void)snprintf(fake.why, sizeof(fake.why), "%s", seen.why);
	if (seen.checkpoints == checkpoints_before)
		return;
	buffer_clear(&fake.room_cursor);
	buffer_append_string(&fake.room_cursor, seen.cursor);
}

/* ---- */

bool
fake_load(void)
{
	const struct hf_plugin *(*entry)(void);

	/* Not closed before all is over, so that a leak's stack has names. */
	module = dlopen(TEST_PLUGIN, RTLD_NOW | RTLD_LOCAL);
	if (module == NULL) {
		(void)fprintf(stderr, "%s\n", dlerror());
		return false;
	}
	*(void **)&entry = dlsym(module, "holdfast_plugin_v1");
	if (entry == NULL)
		return false;
	component = entry()->components[0];
	fake_source = component->ops;
	seen.log.max = seen.raw.max = 16u << 20;
	fake.log = &seen.log;
	fake.raw = &seen.raw;
	fake.room_cursor.max = fake.warnings.max = 1u << 20;
	return true;
}

void
fake_clear(void)
{
	forget();
	buffer_clear(&fake.warnings);
	fake.requests = fake.messages = fake.people = fake.rooms = fake.failed = fake.checkpoints = 0;
	fake.stop = 0;
	fake.on_message = NULL;
	fake.why[0] = '\0';
}

void
fake_release(void)
{
	buffer_release(&seen.log);
	buffer_release(&seen.raw);
	buffer_release(&fake.room_cursor);
	buffer_release(&fake.warnings);
	EVP_PKEY_free(key);
	key = NULL;
}

/* The value of an option: what is given, else its default. */
static void
set_value(const struct hf_option *option, const char *given, struct hf_value *value)
{
	const char *text = given != NULL ? given : option->default_value;

	memset(value, 0, sizeof(*value));
	value->type = option->type;
	value->set = text != NULL;
	if (text == NULL)
		return;
	if (option->flags & HF_OPTION_SECRET)
		return;
	if (option->type == HF_OPTION_STRING || option->type == HF_OPTION_PATH) {
		value->text = text;
		return;
	}
	if (option->type == HF_OPTION_BOOL)
		value->number = strcmp(text, "true") == 0;
	else if (option->type == HF_OPTION_DURATION)
		value->number = strcmp(text, "10 min") == 0 ? 600000000000 : strtoll(text, NULL, 10);
	else
		value->number = strtoll(text, NULL, 10);
}

int
fake_open(const char *const *options, void **ret_handle, struct hf_error *err)
{
	struct hf_value values[100];
	const char *given;
	uint32_t n;
	size_t i, known = 0;

	for (n = 0; n < 100 && component->options[n].name != NULL; n++) {
		given = NULL;
		for (i = 0; options[i] != NULL; i += 2) {
			if (strcmp(options[i], component->options[n].name) == 0) {
				given = options[i + 1];
				known++;
			}
		}
		set_value(&component->options[n], given, &values[n]);
	}
	for (i = 0; options[i] != NULL; i += 2)
		;
	if (known != i / 2)
		return hf_error_set(err, HF_EINVAL, 0, "the test gives an option that is not known");
	return fake_source->open(&fake_host, values, n, ret_handle, err);
}

int
fake_ask(void *handle, uint32_t what, const char *room, const struct buffer *cursor, struct hf_error *err)
{
	struct hf_query query = {sizeof(query), what, 500, 0, {room, room == NULL ? 0 : strlen(room), HF_TEXT_UTF8, 0},
	    {NULL, 0}};

	struct hf_record_sink to = sink;
	int before = seen.checkpoints, r;

	if (fake.on_message != NULL)
		to.message = message_to_test;
	if (cursor != NULL && cursor->size > 0)
		query.cursor = (struct hf_blob){cursor->data, cursor->size};
	r = fake_source->enumerate(handle, &query, &to, err);
	note_seen(before);
	return r;
}

bool
fake_make_key(const char *path)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem, *p;
	FILE *file;
	long i, n;

	if (key == NULL)
		key = EVP_RSA_gen(2048);
	file = fopen(path, "w");
	if (key == NULL || bio == NULL || file == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return false;
	n = BIO_get_mem_data(bio, &pem);
	(void)fprintf(file, "{\"type\": \"service_account\", \"client_email\": \"a@b.example\", \"private_key_id\": "
	    "\"k1\",\n"
	    "\"token_uri\": \"https://oauth.example/token\", \"private_key\": \"");
	for (i = 0, p = pem; i < n; i++, p++)
		(void)(*p == '\n' ? fputs("\\n", file) : fputc(*p, file));
	(void)fputs("\"}\n", file);
	BIO_free(bio);
	return fclose(file) == 0 && chmod(path, 0600) == 0;
}

/* Base64 in the URL-safe alphabet. */
static size_t
unbase64(const char *text, size_t size, unsigned char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned long bits = 0;
	size_t i, n = 0;
	int count = 0;
	const char *found;

	for (i = 0; i < size; i++) {
		found = memchr(alphabet, text[i], 64);
		if (found == NULL)
			return 0;
		bits = bits << 6 | (unsigned long)(found - alphabet);
		count += 6;
		if (count >= 8) {
			count -= 8;
			out[n++] = (unsigned char)(bits >> count & 255);
		}
	}
	return n;
}

bool
fake_is_signed(const char *jwt, size_t size)
{
	unsigned char signature[1024];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const char *dot = jwt + size;
	size_t n;
	bool ok;

	while (dot > jwt && dot[-1] != '.')
		dot--;
	n = unbase64(dot, (size_t)(jwt + size - dot), signature);
	ok = ctx != NULL && dot > jwt && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, signature, n, (const unsigned char *)jwt, (size_t)(dot - 1 - jwt)) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}
