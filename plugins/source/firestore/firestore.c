/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include <holdfast/plugin.h>

#include "lists.h"
#include "media.h"
#include "messages.h"

struct firestore {
	struct settings *settings;
	struct service service;
	struct changes changes;
	struct members members;
	struct record record;
};

static int
firestore_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	struct settings *settings;
	int r = settings_make(values, count, &settings, err);

	if (r == HF_OK)
		settings_free(settings);
	return r;
}

static void
firestore_close(void *handle)
{
	struct firestore *f = handle;

	changes_release(&f->changes);
	members_release(&f->members);
	service_release(&f->service);
	settings_free(f->settings);
	free(f);
}

static int
firestore_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct firestore *f = calloc(1, sizeof(*f));
	int r;

	if (f == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "out of memory");
	r = settings_make(values, count, &f->settings, err);
	if (r == HF_OK)
		r = service_init(&f->service, host, f->settings, err);
	changes_init(&f->changes, &f->service);
	members_init(&f->members);
	if (r != HF_OK)
		firestore_close(f);
	else
		*ret_handle = f;
	return r;
}

static int
firestore_caps(void *handle, struct hf_source_caps *caps, struct hf_error *err)
{
	const struct firestore *f = handle;

	(void)err;
	caps->can_incremental = HF_YES;
	caps->can_deletions = f->settings->message.deleted.count > 0 ? HF_YES : HF_NO;
	/* Every page costs time and money, so none is read twice. */
	caps->rate_limited = HF_YES;
	if (HF_HAS(caps, has_contacts)) {
		caps->has_chats = f->settings->rooms != NULL ? HF_YES : HF_NO;
		caps->has_contacts = f->settings->contacts != NULL ? HF_YES : HF_NO;
	}
	return HF_OK;
}

static int
push_account(struct firestore *f, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_account account;

	memset(&account, 0, sizeof(account));
	account.struct_size = sizeof(account);
	account.service = (struct hf_text){"firestore", 9, HF_TEXT_UTF8, 0};
	account.id = (struct hf_text){f->settings->project, strlen(f->settings->project), HF_TEXT_UTF8, 0};
	return sink->account == NULL ? HF_OK : sink->account(sink->ctx, &account, err);
}

/* What has changed is looked for first, so that the account's cursor is from before all that is read. */
static int
push_rooms(struct firestore *f, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct text cursor = TEXT_INIT(16u << 20);
	struct hf_blob blob;
	int r = f->settings->rooms == NULL ? HF_OK : changes_find(&f->changes, &query->cursor, sink, err);

	if (r == HF_OK)
		r = lists_rooms(&f->service, &f->members, sink, err);
	if (r == HF_OK && sink->checkpoint != NULL) {
		changes_put_cursor(&f->changes, &query->cursor, &cursor);
		r = text_status(&cursor, "the account's cursor", err);
		blob = (struct hf_blob){cursor.data, cursor.size};
		if (r == HF_OK && cursor.size > 0)
			r = sink->checkpoint(sink->ctx, &blob, err);
	}
	text_release(&cursor);
	return r;
}

static int
firestore_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct firestore *f = handle;

	switch (query->what) {
	case HF_QUERY_ACCOUNT:
		return push_account(f, sink, err);
	case HF_QUERY_ROOMS:
		return push_rooms(f, query, sink, err);
	case HF_QUERY_PARTICIPANTS:
		return query->room.data == NULL ? lists_people(&f->service, sink, err)
		                                : lists_members(&f->service, &f->members, &query->room, sink, err);
	case HF_QUERY_MESSAGES:
		return messages_push(&f->service, &f->changes, &f->record, query, sink, err);
	case HF_QUERY_CONTACTS:
		return lists_contacts(&f->service, sink, err);
	default:
		return hf_error_set(err, HF_ENOTSUP, 0, "query %u is not known", query->what);
	}
}

static int
firestore_fetch_media(void *handle, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	struct firestore *f = handle;

	return media_fetch(&f->service, exchange, err);
}

static const struct hf_source_ops firestore_ops = {sizeof(struct hf_source_ops), 0, firestore_configure,
    firestore_open, firestore_close, firestore_caps, firestore_enumerate, firestore_fetch_media, NULL};

static const struct hf_component firestore_component = {sizeof(struct hf_component), HF_KIND_SOURCE, "firestore",
    "chats, media and contacts of an app that keeps them in Cloud Firestore", HF_SOURCE_CHATS | HF_SOURCE_CONTACTS,
    HF_THREAD_PER_INSTANCE, settings_options, &firestore_ops, NULL};

static const struct hf_component *const components[] = {&firestore_component, NULL};

HF_PLUGIN("firestore", "source", "0.1.0", "BSD-2-Clause", components);
