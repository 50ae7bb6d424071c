/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "base/unit.h"
#include "worker/view.h"

#include <stddef.h>
#include <string.h>

/* ---- a source that does what a test wants ---- */

static struct {
	uint32_t size;  /* struct_size of its message */
	int answer;     /* of enumerate, whatever the sink said */
	bool obeys;     /* returns what the sink said */
	bool unreadable;
} source;

static int
enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	struct hf_message message;
	struct hf_error why = HF_ERROR_INIT;
	int r;

	(void)handle;
	(void)query;
	memset(&message, 0xa5, sizeof(message));
	message.struct_size = source.size;
	message.flags = 0;
	if (source.unreadable)
		r = sink->failed(sink->ctx, "file:1", &why, err);
	else
		r = sink->message(sink->ctx, &message, err);
	return source.obeys ? r : source.answer;
}

static int got, told;
static struct hf_message last;

static int
take_message(void *ctx, const struct hf_message *message, struct hf_error *err)
{
	(void)ctx;
	(void)err;
	last = *message;
	got++;
	return told;
}

static int
run(struct hf_record_sink *sink, struct hf_error *err)
{
	struct plugin_component component;
	struct instance instance = {&component, NULL, NULL, NULL};
	const struct hf_query query = {sizeof(query), HF_QUERY_MESSAGES, 0, 0, {NULL, 0, 0, 0}, {NULL, 0}};
	struct view view;

	memset(&component, 0, sizeof(component));
	component.name = "fake";
	component.ops.source.enumerate = enumerate;
	view_init(&view, &instance, "family");
	CU_ASSERT_STRING_EQUAL(view.table.account, "family");
	CU_ASSERT_STRING_EQUAL(view.table.source, "fake");
	got = 0;
	return view.table.enumerate(view.table.ctx, &query, sink, err);
}

/* A message of an older plugin ends earlier: what it lacks is zero, not what lies behind it. */
static void
test_short_record(void)
{
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .message = take_message};

	source.size = offsetof(struct hf_message, raw);
	source.obeys = true;
	told = HF_OK;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_OK);
	CU_ASSERT_EQUAL(got, 1);
	CU_ASSERT_EQUAL(last.struct_size, sizeof(last));
	CU_ASSERT_PTR_NULL(last.raw.data);
	CU_ASSERT_EQUAL(last.raw.size, 0);
	source.size = sizeof(struct hf_message);
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_OK);
	CU_ASSERT_PTR_NOT_NULL(last.raw.data);
}

/* A source that is told to stop, or to fail, and says that all is well. */
static void
test_false_success(void)
{
	struct hf_record_sink sink = {.struct_size = sizeof(sink), .message = take_message};
	struct hf_error err = HF_ERROR_INIT;

	source.size = sizeof(struct hf_message);
	source.obeys = false;
	source.answer = HF_OK;
	told = HF_ENOSPC;
	CU_ASSERT_EQUAL(run(&sink, &err), HF_ENOSPC);
	CU_ASSERT_NOT_EQUAL(err.msg[0], '\0');
	told = 7;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_EINVAL);
	told = HF_OK;
	source.answer = 3;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_EINVAL);
	source.answer = HF_ENET;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_ENET);
}

/* Who did not ask for messages gets none; a record that cannot be read is nobody's success. */
static void
test_missing_sinks(void)
{
	struct hf_record_sink sink = {.struct_size = sizeof(sink)};

	source.size = sizeof(struct hf_message);
	source.obeys = true;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_OK);
	CU_ASSERT_EQUAL(got, 0);
	source.unreadable = true;
	CU_ASSERT_EQUAL(run(&sink, NULL), HF_ECORRUPT);
	source.unreadable = false;
}

/* This machine has a name, and nothing to enumerate. */
static void
test_host(void)
{
	struct hf_source_caps caps = {.struct_size = (uint32_t)sizeof(caps), .can_incremental = HF_UNKNOWN,
	    .has_contacts = HF_UNKNOWN};
	const struct hf_query query = {sizeof(query), HF_QUERY_ROOMS, 0, 0, {NULL, 0, 0, 0}, {NULL, 0}};
	struct hf_record_sink sink = {.struct_size = sizeof(sink)};
	struct hf_error err = HF_ERROR_INIT;
	struct view view;

	view_init_host(&view, "ada");
	CU_ASSERT_STRING_EQUAL(view.table.account, "ada");
	CU_ASSERT_EQUAL(view.table.caps(view.table.ctx, &caps, &err), HF_OK);
	CU_ASSERT_EQUAL(caps.can_incremental, HF_NO);
	CU_ASSERT_EQUAL(caps.has_contacts, HF_NO);
	CU_ASSERT_EQUAL(view.table.enumerate(view.table.ctx, &query, &sink, &err), HF_ENOTSUP);
	CU_ASSERT_STRING_EQUAL(err.msg, "ada is this machine, and has no records");
	CU_ASSERT_EQUAL(view.table.fetch_media(view.table.ctx, NULL, &err), HF_ENOTSUP);
}

int
main(void)
{
	CU_TestInfo tests[] = {{"short record", test_short_record}, {"false success", test_false_success},
	    {"missing sinks", test_missing_sinks}, {"host", test_host}, CU_TEST_INFO_NULL};

	return unit_run("view", tests);
}
