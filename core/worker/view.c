/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "worker/view.h"

#include <string.h>

#include "worker/fetch.h"

/* One query: the strategy's sink, and the first thing it said no with. */
struct query {
	const struct hf_record_sink *sink;
	int refused;
};

static int
keep(struct query *query, int r)
{
	if (r > 0)
		r = HF_EINVAL;
	if (r != HF_OK && query->refused == HF_OK)
		query->refused = r;
	return r;
}

/*
 * Passes a record on.  One of an older plugin is shorter than ours: what it lacks is zero.  Members
 * that are lists of structs have no size of their own; they are frozen with ABI 1.
 */
#define PASS(kind)                                                                             \
	static int pass_##kind(void *ctx, const struct hf_##kind *record, struct hf_error *err)    \
	{                                                                                          \
		struct query *query = ctx;                                                             \
		struct hf_##kind whole;                                                                \
                                                                                               \
		if (query->sink->kind == NULL)                                                         \
			return HF_OK;                                                                      \
		if (record->struct_size >= sizeof(whole))                                              \
			return keep(query, query->sink->kind(query->sink->ctx, record, err));              \
		memset(&whole, 0, sizeof(whole));                                                      \
		memcpy(&whole, record, record->struct_size);                                           \
		whole.struct_size = (uint32_t)sizeof(whole);                                           \
		return keep(query, query->sink->kind(query->sink->ctx, &whole, err));                  \
	}

PASS(account)
PASS(room)
PASS(participant)
PASS(message)
PASS(contact)

static int
pass_reset(void *ctx, struct hf_error *err)
{
	struct query *query = ctx;

	return query->sink->reset == NULL ? HF_OK : keep(query, query->sink->reset(query->sink->ctx, err));
}

static int
pass_checkpoint(void *ctx, const struct hf_blob *cursor, struct hf_error *err)
{
	struct query *query = ctx;

	return query->sink->checkpoint == NULL ? HF_OK
	                                       : keep(query, query->sink->checkpoint(query->sink->ctx, cursor, err));
}

static int
pass_failed(void *ctx, const char *where, const struct hf_error *why, struct hf_error *err)
{
	struct query *query = ctx;

	if (query->sink->failed == NULL)
		return keep(query, hf_error_set(err, HF_ECORRUPT, 0, "%s: %s", where, why != NULL ? why->msg :
		    "unreadable"));
	return keep(query, query->sink->failed(query->sink->ctx, where, why, err));
}

static int
view_caps(void *ctx, struct hf_source_caps *ret_caps, struct hf_error *err)
{
	const struct view *view = ctx;
	struct hf_source_caps caps = {(uint32_t)sizeof(caps), HF_UNKNOWN, HF_UNKNOWN, HF_UNKNOWN, HF_UNKNOWN,
	    HF_UNKNOWN};
	int r = view->source->component->ops.source.caps(view->source->handle, &caps, err);

	if (r == HF_OK)
		*ret_caps = caps;
	return r;
}

static int
view_enumerate(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	const struct view *view = ctx;
	struct query state = {sink, HF_OK};
	const struct hf_record_sink proxy = {.struct_size = (uint32_t)sizeof(proxy),
	    .ctx = &state, .account = pass_account,
	    .room = pass_room, .participant = pass_participant, .message = pass_message,
	    .checkpoint = pass_checkpoint, .failed = pass_failed, .contact = pass_contact,
	    .reset = pass_reset};
	int r = view->source->component->ops.source.enumerate(view->source->handle, query, &proxy, err);

	if (r > 0)
		return hf_error_set(err, HF_EINVAL, 0, "%s: the source answered %d, which means nothing",
		    view->table.account,
		    r);
	if (r == HF_OK && state.refused != HF_OK)
		return hf_error_set(err, state.refused, 0, "%s: the source went on after it was told to stop",
		    view->table.account);
	return r;
}

static int
view_fetch_media(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	const struct view *view = ctx;

	return fetch_media(view->source, view->table.account, exchange, err);
}

void
view_init(struct view *view, const struct instance *source, const char *account)
{
	view->source = source;
	view->table = (struct hf_source_view){(uint32_t)sizeof(view->table), 0, view, account,
	    source->component->name, view_caps, view_enumerate, view_fetch_media};
}

/* ---- this machine ---- */

static int
host_caps(void *ctx, struct hf_source_caps *ret_caps, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	*ret_caps = (struct hf_source_caps){(uint32_t)sizeof(*ret_caps), HF_NO, HF_NO, HF_NO, HF_NO, HF_NO};
	return HF_OK;
}

static int
host_enumerate(void *ctx, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	const struct view *view = ctx;

	(void)query;
	(void)sink;
	return hf_error_set(err, HF_ENOTSUP, 0, "%s is this machine, and has no records", view->table.account);
}

static int
host_fetch_media(void *ctx, const struct hf_media_exchange *exchange, struct hf_error *err)
{
	(void)exchange;
	return host_enumerate(ctx, NULL, NULL, err);
}

void
view_init_host(struct view *view, const char *name)
{
	view->source = NULL;
	view->table = (struct hf_source_view){(uint32_t)sizeof(view->table), 0, view, name, "", host_caps,
	    host_enumerate, host_fetch_media};
}
