/* SPDX-License-Identifier: BSD-2-Clause */
#include "source.h"

#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

enum { OPTION_PATH };

static const struct hf_option options[] = {
	{sizeof(struct hf_option), HF_OPTION_PATH, HF_OPTION_REQUIRED, 1, "path",
	    "a file of vCards, or a folder with .vcf files in it and below", NULL, 0, 0},
	{0, 0, 0, 0, NULL, NULL, NULL, 0, 0},
};

static int
vcard_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count <= OPTION_PATH || !values[OPTION_PATH].set || values[OPTION_PATH].text[0] == '\0')
		return hf_error_set(err, HF_EINVAL, 0, "\"path\" is missing: name a .vcf file or a folder of them");
	return HF_OK;
}

static int
vcard_open_source(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct vcard *vcard;
	int r = vcard_configure(values, count, err);

	if (r != HF_OK)
		return r;
	vcard = calloc(1, sizeof(*vcard));
	if (vcard == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	vcard->host = host;
	vcard->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	vcard->path = values[OPTION_PATH].text;
	if (vcard->write == NULL) {
		free(vcard);
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer %s", HF_HOST_WRITE);
	}
	match_init(&vcard->match, vcard->write);
	*ret_handle = vcard;
	return HF_OK;
}

static void
vcard_close_source(void *handle)
{
	struct vcard *vcard = handle;

	match_release(&vcard->match);
	free(vcard);
}

static int
vcard_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	(void)handle;
	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = HF_YES;
	caps->rate_limited = HF_NO;
	return HF_OK;
}

static int
tell_account(const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_account account = {.struct_size = sizeof(account)};

	account.service = (struct hf_text){"vcard", 5, HF_TEXT_UTF8, 0};
	return sink->account == NULL ? HF_OK : sink->account(sink->ctx, &account, err);
}

static int
vcard_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return tell_account(sink, err);
	case HF_QUERY_CONTACTS:
		return read_contacts(handle, query, sink, err);
	case HF_QUERY_ROOMS:
	case HF_QUERY_PARTICIPANTS:
		return HF_OK;
	default:
		return hf_error_set(err, HF_ENOTSUP, 0, "vCards have no messages");
	}
}

static int
vcard_put_contact(void *handle, const struct hf_contact *card, uint32_t flags, uint32_t *done, struct hf_error *err)
{
	return put_card(handle, card, flags, done, err);
}

static const struct hf_source_ops vcard_ops = {sizeof(struct hf_source_ops), 0, vcard_configure, vcard_open_source,
    vcard_close_source, vcard_caps, vcard_enumerate, NULL, vcard_put_contact};

static const struct hf_component vcard_component = {sizeof(struct hf_component), HF_KIND_SOURCE, "vcard",
    "contacts in .vcf files", HF_SOURCE_CONTACTS, HF_THREAD_PER_INSTANCE, options, &vcard_ops, NULL};

static const struct hf_component *const components[] = {&vcard_component, NULL};

HF_PLUGIN("vcard", "source", "0.1.0", "BSD-2-Clause", components);
