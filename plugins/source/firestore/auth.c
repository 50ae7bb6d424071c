/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "key.h"
#include "store.h"

/* Cloud Firestore, and the bytes of Firebase Storage. */
#define SCOPE "https://www.googleapis.com/auth/datastore https://www.googleapis.com/auth/devstorage.read_only"
#define TOKEN_MAX  16384
#define REPLY_MAX  65536
#define MARGIN_NS  ((int64_t)60 * 1000000000)
#define RENEWALS   2 /* in a row, of tokens that were refused at once */

void
auth_init(struct auth *auth, const struct hf_host *host, const struct settings *settings)
{
	memset(auth, 0, sizeof(*auth));
	auth->host = host;
	auth->json = host->get_extension(host->ctx, HF_HOST_JSON);
	auth->http = host->get_extension(host->ctx, HF_HOST_HTTP);
	auth->settings = settings;
	auth->token.max = auth->refresh.max = auth->stored.max = TOKEN_MAX;
	auth->user.max = 1024;
	auth->dead = (struct hf_error)HF_ERROR_INIT;
}

void
auth_release(struct auth *auth)
{
	text_wipe(&auth->token);
	text_wipe(&auth->refresh);
	text_wipe(&auth->stored);
	text_release(&auth->user);
}

/* ---- asking ---- */

static int
take_reply(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct text *reply = ctx;

	text_put(reply, data, (size_t)size);
	return text_status(reply, "the reply to the sign-in", err);
}

static int
post_once(struct auth *auth, const struct text *url, const char *type, const struct text *body, uint32_t flags,
    struct text *reply, uint32_t *ret_status, struct hf_error *err)
{
	const struct hf_http_header header = {{"content-type", 12, HF_TEXT_UTF8, 0},
	    {type, strlen(type), HF_TEXT_UTF8, 0}, 0, 0};
	const struct hf_http_request request = {.struct_size = sizeof(request), .flags = flags, .token = 1,
	    .method = "POST", .url = {url->data, url->size, HF_TEXT_UTF8, 0}, .headers = &header, .header_count = 1,
	    .body = {body->data, body->size}, .max_size = REPLY_MAX};
	const struct hf_sink sink = {sizeof(sink), 0, reply, take_reply};
	int r;

	text_clear(reply);
	r = text_status(url, "the sign-in", err);
	if (r == HF_OK)
		r = text_status(body, "the sign-in", err);
	return r == HF_OK ? auth->http->request(auth->host->ctx, &request, &sink, ret_status, err) : r;
}

/*
 * One question; the reply of any status that is an answer.  What may pass (429, 5xx) is tried again by the host,
 * whose patience it is.
 */
static int
post(struct auth *auth, const struct text *url, const char *type, const struct text *body, struct text *reply,
    uint32_t *ret_status, struct hf_error *err)
{
	int r = post_once(auth, url, type, body, HF_HTTP_ANY_STATUS | HF_HTTP_STAY, reply, ret_status, err);

	if (r == HF_OK && (*ret_status >= 500 || *ret_status == 408 || *ret_status == 425 || *ret_status == 429))
		r = post_once(auth, url, type, body, 0, reply, ret_status, err);
	return r;
}

/* ---- replies ---- */

static void
copy_member(const struct auth *auth, const struct hf_json_value *value, struct text *out)
{
	char *decoded;
	uint64_t n;

	if (value->type != HF_JSON_STRING && value->type != HF_JSON_NUMBER)
		return;
	decoded = malloc(value->size > 0 ? (size_t)value->size : 1);
	if (decoded == NULL) {
		out->failed = HF_ENOMEM;
		return;
	}
	n = auth->json->decode(value->data, value->size, decoded);
	text_clear(out);
	text_put(out, decoded, (size_t)n);
	memset(decoded, 0, (size_t)n);
	free(decoded);
}

/* What the service says is wrong, in its two forms; only printable ASCII of it. */
static void
reason_of(const struct auth *auth, const struct text *reply, char *out, size_t capacity)
{
	static const char *const names[] = {"error", "error_description", "message"};
	struct hf_json_value v[3], inner[3];
	const struct hf_json_value *parts[2] = {&v[0], &v[1]};
	size_t i, k, n = 0;

	out[0] = '\0';
	if (reply->size == 0 || auth->json->object(reply->data, reply->size, names, 3, v, NULL) != HF_OK)
		return;
	if (v[0].type == HF_JSON_OBJECT && auth->json->object(v[0].data, v[0].size, names, 3, inner, NULL) == HF_OK)
		parts[0] = &inner[2];
	for (i = 0; i < 2; i++) {
		if (parts[i]->type != HF_JSON_STRING)
			continue;
		if (n > 0 && n + 3 < capacity)
			n += (size_t)snprintf(out + n, capacity - n, ": ");
		for (k = 0; k < parts[i]->size && n + 1 < capacity; k++)
			if (parts[i]->data[k] >= ' ' && parts[i]->data[k] < 0x7f)
				out[n++] = parts[i]->data[k];
		out[n] = '\0';
	}
}

/* A refusal is remembered; what may be the service's own trouble is not. */
static int
refuse(struct auth *auth, uint32_t status, const struct text *reply, struct hf_error *err)
{
	char reason[200];

	reason_of(auth, reply, reason, sizeof(reason));
	if (status != 400 && status != 401 && status != 403)
		return hf_error_set(err, HF_ECORRUPT, 0, "the sign-in was answered with status %u and makes no sense",
		    status);
	(void)hf_error_set(&auth->dead, HF_EAUTH, 0,
	    "needs login: the service refused the %s (%s)%s", auth->settings->sign_in == SIGN_IN_ACCOUNT ?
	    "service account" : auth->settings->sign_in == SIGN_IN_REFRESH ? "refresh token" : "password",
	    reason[0] != '\0' ? reason : "no reason given",
	    strstr(reason, "JWT") != NULL ? "; is this machine's clock right?" : "");
	auth->dead.http_status = status;
	if (err != NULL)
		*err = auth->dead;
	return HF_EAUTH;
}

enum { R_ACCESS, R_ID_TOKEN, R_ID_TOKEN_2, R_EXPIRES, R_EXPIRES_2, R_REFRESH, R_REFRESH_2, R_USER, R_USER_2, R_COUNT };

/* Takes token, life and user of a reply; new_refresh gets the refresh token that came with it. */
static int
accept(struct auth *auth, const struct text *reply, struct text *new_refresh, struct hf_error *err)
{
	static const char *const names[R_COUNT] = {"access_token", "id_token", "idToken", "expires_in", "expiresIn",
	    "refresh_token", "refreshToken", "user_id", "localId"};
	struct text life = TEXT_INIT(32);
	struct hf_json_value v[R_COUNT];
	long long seconds;
	int i, r;

	r = auth->json->object(reply->data == NULL ? "" : reply->data, reply->size, names, R_COUNT, v, NULL);
	if (r != HF_OK)
		return hf_error_set(err, HF_ECORRUPT, 0, "the reply to the sign-in is not JSON");
	text_clear(&auth->token);
	/* Of a user the id token counts, of an account the access token. */
	for (i = R_ACCESS; i <= R_ID_TOKEN_2; i++)
		copy_member(auth, &v[i], &auth->token);
	copy_member(auth, &v[R_EXPIRES], &life);
	copy_member(auth, &v[R_EXPIRES_2], &life);
	copy_member(auth, &v[R_REFRESH], new_refresh);
	copy_member(auth, &v[R_REFRESH_2], new_refresh);
	copy_member(auth, &v[R_USER], &auth->user);
	copy_member(auth, &v[R_USER_2], &auth->user);
	seconds = life.size > 0 ? strtoll(life.data, NULL, 10) : 0;
	text_release(&life);
	r = text_status(&auth->token, "the token", err);
	if (r == HF_OK && (auth->token.size == 0 || strpbrk(auth->token.data, "\r\n") != NULL))
		r = hf_error_set(err, HF_ECORRUPT, 0, "the reply to the sign-in has no token");
	if (r != HF_OK) {
		text_clear(&auth->token);
		return r;
	}
	if (seconds < 1 || seconds > 86400)
		seconds = 3600;
	auth->until_ns = auth->host->clock_ns(auth->host->ctx) + (int64_t)seconds * 1000000000;
	/* A short life loses less of it. */
	auth->until_ns -= seconds > 240 ? MARGIN_NS : (int64_t)seconds * 250000000;
	return HF_OK;
}

/* ---- the three ways ---- */

static int
sign_in_account(struct auth *auth, struct text *reply, uint32_t *ret_status, struct hf_error *err)
{
	const char *endpoint = auth->settings->token_endpoint;
	struct text url = TEXT_INIT(2048), body = TEXT_INIT(TOKEN_MAX), jwt = TEXT_INIT(TOKEN_MAX);
	struct key key;
	int r = key_read(&key, auth->host, auth->settings->key_file, err);

	if (endpoint == NULL)
		endpoint = key.token_uri.size > 0 ? key.token_uri.data : "https://oauth2.googleapis.com/token";
	if (r == HF_OK)
		r = key_sign(&key, SCOPE, endpoint, (int64_t)time(NULL), &jwt, err);
	if (r == HF_OK) {
		text_string(&url, endpoint);
		text_string(&body, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=");
		text_put(&body, jwt.data, jwt.size);
		r = post(auth, &url, "application/x-www-form-urlencoded", &body, reply, ret_status, err);
	}
	key_release(&key);
	text_release(&url);
	text_wipe(&body);
	text_wipe(&jwt);
	return r;
}

static int
take_secret(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct text *out = ctx;

	text_put(out, data, (size_t)size);
	return text_status(out, "the secret", err);
}

static int
read_secret(const struct auth *auth, uint32_t which, struct text *out, struct hf_error *err)
{
	const struct hf_sink sink = {sizeof(sink), 0, out, take_secret};

	text_clear(out);
	return auth->host->secret(auth->host->ctx, which, &sink, err);
}

static int
put_key(const struct auth *auth, struct text *url, struct hf_error *err)
{
	struct text key = TEXT_INIT(1024);
	int r = read_secret(auth, settings_secrets.api_key, &key, err);

	text_string(url, "?key=");
	if (r == HF_OK)
		text_url(url, key.data, key.size, "");
	text_wipe(&key);
	return r;
}

static int
ask_refresh(struct auth *auth, const struct text *refresh, struct text *reply, uint32_t *ret_status,
    struct hf_error *err)
{
	struct text url = TEXT_INIT(4096), body = TEXT_INIT(4 * TOKEN_MAX);
	int r;

	text_string(&url, auth->settings->secure_token);
	text_string(&url, "/v1/token");
	r = put_key(auth, &url, err);
	text_string(&body, "grant_type=refresh_token&refresh_token=");
	text_url(&body, refresh->data, refresh->size, "");
	if (r == HF_OK)
		r = post(auth, &url, "application/x-www-form-urlencoded", &body, reply, ret_status, err);
	text_release(&url);
	text_wipe(&body);
	return r;
}

/* Finds the tokens to try: those of the store, then the configured one. */
static int
find_refresh(struct auth *auth, struct hf_error *err)
{
	struct hf_error why = HF_ERROR_INIT;
	int r = HF_ENOTFOUND;

	if (auth->refresh.size > 0)
		return HF_OK;
	if (auth->settings->token_store != NULL)
		r = store_read(auth->settings->token_store, &auth->refresh, &auth->stored, &why);
	if (r != HF_OK && r != HF_ENOTFOUND)
		return hf_error_set(err, r, why.os_errno, "%s", why.msg);
	return auth->refresh.size > 0 ? HF_OK : read_secret(auth, settings_secrets.refresh_token, &auth->refresh, err);
}

static int
sign_in_refresh(struct auth *auth, struct text *reply, uint32_t *ret_status, struct hf_error *err)
{
	struct text configured = TEXT_INIT(TOKEN_MAX);
	int r = find_refresh(auth, err);

	if (r == HF_OK)
		r = ask_refresh(auth, &auth->refresh, reply, ret_status, err);
	/* The newest may never have been used; then the one before it works. */
	if (r == HF_OK && *ret_status / 100 == 4 && auth->stored.size > 0) {
		text_clear(&auth->refresh);
		text_put(&auth->refresh, auth->stored.data, auth->stored.size);
		text_clear(&auth->stored);
		r = ask_refresh(auth, &auth->refresh, reply, ret_status, err);
	}
	/* Or a person has signed in anew, and configured what came of it. */
	if (r == HF_OK && *ret_status / 100 == 4 && auth->settings->token_store != NULL) {
		r = read_secret(auth, settings_secrets.refresh_token, &configured, err);
		if (r == HF_OK && (configured.size != auth->refresh.size ||
		    memcmp(configured.data, auth->refresh.data, configured.size) != 0)) {
			text_clear(&auth->refresh);
			text_put(&auth->refresh, configured.data, configured.size);
			r = ask_refresh(auth, &auth->refresh, reply, ret_status, err);
		}
	}
	text_wipe(&configured);
	return r;
}

static int
sign_in_password(struct auth *auth, struct text *reply, uint32_t *ret_status, struct hf_error *err)
{
	struct text url = TEXT_INIT(4096), body = TEXT_INIT(TOKEN_MAX), password = TEXT_INIT(4096);
	int r;

	/* Once signed in, its refresh token serves. */
	if (auth->refresh.size > 0)
		return ask_refresh(auth, &auth->refresh, reply, ret_status, err);
	r = read_secret(auth, settings_secrets.password, &password, err);
	if (r == HF_OK) {
		text_string(&url, auth->settings->identity);
		text_string(&url, "/v1/accounts:signInWithPassword");
		r = put_key(auth, &url, err);
		text_string(&body, "{\"email\":");
		text_json(&body, auth->settings->email, strlen(auth->settings->email));
		text_string(&body, ",\"password\":");
		text_json(&body, password.data, password.size);
		text_string(&body, ",\"returnSecureToken\":true}");
	}
	if (r == HF_OK) {
		r = post(auth, &url, "application/json", &body, reply, ret_status, err);
	}
	text_wipe(&url);
	text_wipe(&body);
	text_wipe(&password);
	return r;
}

/* Keeps a refresh token that came with a new token, before it is used. */
static int
keep_refresh(struct auth *auth, const struct text *newest, struct hf_error *err)
{
	int r;

	if (newest->size == 0 || (newest->size == auth->refresh.size &&
	    memcmp(newest->data, auth->refresh.data, newest->size) == 0))
		return HF_OK;
	if (auth->settings->token_store != NULL && auth->settings->sign_in == SIGN_IN_REFRESH) {
		r = store_write(auth->settings->token_store, newest, &auth->refresh, err);
		if (r != HF_OK)
			return r;
	} else if (auth->settings->sign_in == SIGN_IN_REFRESH) {
		hf_log(auth->host, HF_LOG_WARNING, "the service gave a new refresh token, which is not kept: should "
		    "the configured one stop working, set \"token_store\"");
	}
	text_clear(&auth->stored);
	text_put(&auth->stored, auth->refresh.data, auth->refresh.size);
	text_clear(&auth->refresh);
	text_put(&auth->refresh, newest->data, newest->size);
	return text_status(&auth->refresh, "the refresh token", err);
}

static int
sign_in(struct auth *auth, struct hf_error *err)
{
	struct text reply = TEXT_INIT(REPLY_MAX), newest = TEXT_INIT(TOKEN_MAX);
	uint32_t status = 0;
	int r;

	switch (auth->settings->sign_in) {
	case SIGN_IN_ACCOUNT:
		r = sign_in_account(auth, &reply, &status, err);
		break;
	case SIGN_IN_REFRESH:
		r = sign_in_refresh(auth, &reply, &status, err);
		break;
	default:
		r = sign_in_password(auth, &reply, &status, err);
	}
	if (r == HF_OK)
		r = status == 200 ? accept(auth, &reply, &newest, err) : refuse(auth, status, &reply, err);
	if (r == HF_OK)
		r = keep_refresh(auth, &newest, err);
	text_wipe(&reply);
	text_wipe(&newest);
	return r;
}

int
auth_token(struct auth *auth, const char **ret_token, struct hf_error *err)
{
	int r = HF_OK;

	if (auth->dead.code != HF_OK) {
		if (err != NULL)
			*err = auth->dead;
		return auth->dead.code;
	}
	if (auth->token.size == 0 || auth->host->clock_ns(auth->host->ctx) >= auth->until_ns) {
		text_clear(&auth->token);
		r = sign_in(auth, err);
		/* A proxy's page in place of a reply comes once, or always. */
		if (r == HF_ECORRUPT)
			r = sign_in(auth, err);
	}
	if (r == HF_OK)
		*ret_token = auth->token.data;
	return r;
}

int
auth_refused(struct auth *auth, struct hf_error *err)
{
	text_clear(&auth->token);
	if (++auth->renewed <= RENEWALS)
		return HF_OK;
	(void)hf_error_set(&auth->dead, HF_EAUTH, 0, "needs login: the service gives tokens, and does not take them");
	if (err != NULL)
		*err = auth->dead;
	return HF_EAUTH;
}

void
auth_accepted(struct auth *auth)
{
	auth->renewed = 0;
}
