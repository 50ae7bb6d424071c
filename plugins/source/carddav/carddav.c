/* SPDX-License-Identifier: BSD-2-Clause */
#include "book.h"

#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#define SECRET_MAX 4096u

enum { OPTION_URL, OPTION_USER, OPTION_PASSWORD, OPTION_TOKEN, OPTION_BOOKS, OPTION_KNOWN_ONLY, OPTION_COUNT };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_REQUIRED, 1, "url",
	    "the server, https://dav.example/, or an address book there", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, 0, 1, "user", "the name to sign in with", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_SECRET, 1, "password", "the password of user", NULL,
	    0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_SECRET, 1, "token",
	    "a bearer token, instead of user and password", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_STRING, HF_OPTION_LIST, 1, "address_books",
	    "names of the address books; all of them where it is left out", NULL, 0, 0},
	{sizeof(struct hf_option), HF_OPTION_BOOL, 0, 1, "known_properties_only",
	    "ask for properties by name, so that no picture is sent; others than the known ones get lost", "false",
	    0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
check_private(const struct dav *dav, struct hf_error *err)
{
	return dav_is_private(dav) ? HF_OK : hf_error_set(err, HF_EINVAL, 0,
	    "the password would be sent unencrypted: make \"url\" begin with https://");
}

static int
carddav_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	struct dav dav = {.origin = BYTES_INIT(DAV_PATH_MAX)};
	struct bytes path = BYTES_INIT(DAV_PATH_MAX);
	int r;

	if (count < OPTION_COUNT || !values[OPTION_URL].set)
		return hf_error_set(err, HF_EINVAL, 0, "\"url\" is missing: name the CardDAV server");
	r = dav_set_url(&dav, values[OPTION_URL].text, &path, err);
	if (r == HF_OK && values[OPTION_USER].set && strchr(values[OPTION_USER].text, ':') != NULL)
		r = hf_error_set(err, HF_EINVAL, 0, "\"user\": a name with \":\" cannot sign in");
	if (r == HF_OK && values[OPTION_USER].set)
		r = check_private(&dav, err);
	bytes_release(&dav.origin);
	bytes_release(&path);
	return r;
}

/* ---- signing in ---- */

static void
put_base64(struct bytes *out, const unsigned char *data, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t i;
	unsigned long three;

	for (i = 0; i < size; i += 3) {
		three = (unsigned long)data[i] << 16 | (i + 1 < size ? (unsigned long)data[i + 1] << 8 : 0) |
		        (i + 2 < size ? data[i + 2] : 0);
		bytes_char(out, digits[three >> 18 & 63]);
		bytes_char(out, digits[three >> 12 & 63]);
		bytes_char(out, i + 1 < size ? digits[three >> 6 & 63] : '=');
		bytes_char(out, i + 2 < size ? digits[three & 63] : '=');
	}
}

/* So that no compiler leaves it out. */
static void
wipe(struct bytes *bytes)
{
	volatile char *at = bytes->data;
	size_t i;

	for (i = 0; at != NULL && i < bytes->capacity; i++)
		at[i] = 0;
	bytes_release(bytes);
}

/* HF_ENOTFOUND: it is not configured. */
static int
get_secret(const struct carddav *carddav, uint32_t option, struct bytes *out, struct hf_error *err)
{
	struct hf_sink sink = bytes_sink(out);

	/* All at once, so that no copy stays behind in a block that moved. */
	if (!bytes_reserve(out, SECRET_MAX))
		return bytes_status(out, "a password", err);
	return carddav->host->secret(carddav->host->ctx, option, &sink, err);
}

static int
put_basic(struct carddav *carddav, struct hf_error *err)
{
	struct bytes plain = BYTES_INIT(2 * SECRET_MAX), secret = BYTES_INIT(SECRET_MAX);
	int r = get_secret(carddav, OPTION_PASSWORD, &secret, err);

	if (r == HF_ENOTFOUND)
		r = hf_error_set(err, HF_EINVAL, 0,
		    "\"user\" is configured, and neither password_file nor password_command");
	if (r == HF_OK && bytes_reserve(&plain, strlen(carddav->user) + secret.size + 1)) {
		bytes_string(&plain, carddav->user);
		bytes_char(&plain, ':');
		bytes_put(&plain, secret.data, secret.size);
		bytes_string(&carddav->dav.authorization, "Basic ");
		put_base64(&carddav->dav.authorization, (const unsigned char *)plain.data, plain.size);
	}
	if (r == HF_OK)
		r = bytes_status(&plain, "a password", err);
	wipe(&plain);
	wipe(&secret);
	return r;
}

static int
put_bearer(struct carddav *carddav, struct hf_error *err)
{
	struct bytes secret = BYTES_INIT(SECRET_MAX);
	struct hf_error why = HF_ERROR_INIT;
	int r = get_secret(carddav, OPTION_TOKEN, &secret, &why);

	if (r == HF_OK) {
		bytes_string(&carddav->dav.authorization, "Bearer ");
		bytes_put(&carddav->dav.authorization, secret.data, secret.size);
	}
	wipe(&secret);
	return r == HF_OK || r == HF_ENOTFOUND ? HF_OK : hf_error_set(err, r, why.os_errno, "%s", why.msg);
}

static int
sign_in(struct carddav *carddav, struct hf_error *err)
{
	int r;

	if (!bytes_reserve(&carddav->dav.authorization, 3 * SECRET_MAX))
		return bytes_status(&carddav->dav.authorization, "a password", err);
	r = carddav->user != NULL ? put_basic(carddav, err) : put_bearer(carddav, err);
	if (r == HF_OK)
		r = bytes_status(&carddav->dav.authorization, "a password", err);
	return r == HF_OK && carddav->dav.authorization.size > 0 ? check_private(&carddav->dav, err) : r;
}

/* ---- open, close ---- */

static void
carddav_close(void *handle)
{
	struct carddav *carddav = handle;

	match_release(&carddav->match);
	bytes_release(&carddav->first_book);
	bytes_release(&carddav->url);
	bytes_release(&carddav->start);
	bytes_release(&carddav->dav.origin);
	wipe(&carddav->dav.authorization);
	free(carddav);
}

static int
carddav_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct carddav *carddav;
	int r = carddav_configure(values, count, err);

	if (r != HF_OK)
		return r;
	carddav = calloc(1, sizeof(*carddav));
	if (carddav == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	carddav->host = carddav->dav.host = host;
	carddav->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	carddav->dav.http = host->get_extension(host->ctx, HF_HOST_HTTP);
	carddav->dav.origin = (struct bytes)BYTES_INIT(DAV_PATH_MAX);
	carddav->dav.authorization = (struct bytes)BYTES_INIT(4 * SECRET_MAX);
	carddav->url = carddav->start = carddav->first_book = (struct bytes)BYTES_INIT(DAV_PATH_MAX);
	carddav->user = values[OPTION_USER].set ? values[OPTION_USER].text : NULL;
	carddav->wanted = values[OPTION_BOOKS].set && values[OPTION_BOOKS].text[0] != '\0' ? values[OPTION_BOOKS].text
	                                                                                  : NULL;
	carddav->known_only = values[OPTION_KNOWN_ONLY].set && values[OPTION_KNOWN_ONLY].number != 0;
	match_init(&carddav->match, carddav->write);
	if (carddav->write == NULL || carddav->dav.http == NULL)
		r = hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer both %s and %s", HF_HOST_HTTP,
		    HF_HOST_WRITE);
	bytes_string(&carddav->url, values[OPTION_URL].text);
	if (r == HF_OK)
		r = dav_set_url(&carddav->dav, values[OPTION_URL].text, &carddav->start, err);
	if (r == HF_OK)
		r = sign_in(carddav, err);
	if (r != HF_OK)
		carddav_close(carddav);
	else
		*ret_handle = carddav;
	return r;
}

static int
carddav_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	(void)handle;
	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = HF_YES;
	caps->rate_limited = HF_NO;
	return HF_OK;
}

static int
tell_account(const struct carddav *carddav, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_account account = {.struct_size = sizeof(account)};

	account.service = (struct hf_text){"carddav", 7, HF_TEXT_UTF8, 0};
	account.id = (struct hf_text){carddav->url.data, carddav->url.size, HF_TEXT_UTF8, 0};
	if (carddav->user != NULL)
		account.name = (struct hf_text){carddav->user, strlen(carddav->user), HF_TEXT_UTF8, 0};
	return sink->account == NULL ? HF_OK : sink->account(sink->ctx, &account, err);
}

static int
carddav_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink,
    struct hf_error *err)
{
	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return tell_account(handle, sink, err);
	case HF_QUERY_CONTACTS:
		return read_contacts(handle, query, sink, err);
	case HF_QUERY_ROOMS:
	case HF_QUERY_PARTICIPANTS:
		return HF_OK;
	default:
		return hf_error_set(err, HF_ENOTSUP, 0, "address books have no messages");
	}
}

static int
carddav_put_contact(void *handle, const struct hf_contact *card, uint32_t flags, uint32_t *done,
    struct hf_error *err)
{
	return put_card(handle, card, flags, done, err);
}

static const struct hf_source_ops carddav_ops = {sizeof(struct hf_source_ops), 0, carddav_configure, carddav_open,
    carddav_close, carddav_caps, carddav_enumerate, NULL, carddav_put_contact};

static const struct hf_component carddav_component = {sizeof(struct hf_component), HF_KIND_SOURCE, "carddav",
    "contacts of a CardDAV server", HF_SOURCE_CONTACTS, HF_THREAD_PER_INSTANCE, options, &carddav_ops, NULL};

static const struct hf_component *const components[] = {&carddav_component, NULL};

HF_PLUGIN("carddav", "source", "0.1.0", "BSD-2-Clause", components);
