/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A source that has contacts and no chats, for scenarios: with options in maps and lists, which it tells in the
 * log when it is opened.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>

#include <holdfast/plugin.h>

static int
sample_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	if (count == 3 && values[1].set && values[1].number > 2)
		return hf_error_set(err, HF_EINVAL, 0, "cards.fields: more than two of them");
	return HF_OK;
}

static int
sample_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	char line[200];
	int n;

	if (count != 3)
		return hf_error_set(err, HF_EINVAL, 0, "%u values", (unsigned)count);
	n = snprintf(line, sizeof(line), "collection %s, %d fields", values[0].text, (int)values[1].number);
	host->log(host->ctx, HF_LOG_WARNING, line, (uint64_t)n);
	*ret_handle = NULL;
	return HF_OK;
}

static void
sample_close(void *handle)
{
	(void)handle;
}

static int
sample_caps(void *handle, struct hf_source_caps *ret_caps, struct hf_error *err)
{
	(void)handle;
	(void)ret_caps;
	(void)err;
	return HF_OK;
}

static int
sample_enumerate(void *handle, const struct hf_query *query, const struct hf_record_sink *sink, struct hf_error *err)
{
	(void)handle;
	(void)query;
	(void)sink;
	(void)err;
	return HF_OK;
}

static const struct hf_source_ops ops = {.struct_size = sizeof(ops), .configure = sample_configure,
    .open = sample_open, .close = sample_close, .caps = sample_caps, .enumerate = sample_enumerate};

#define OPTION(kind, flag, text, otherwise)                                                        \
	{.struct_size = sizeof(struct hf_option), .type = (kind), .flags = (flag), .since = 1,     \
	    .name = (text), .help = "of the sample", .default_value = (otherwise)}
static const struct hf_option options[] = {OPTION(HF_OPTION_STRING, 0, "cards.collection", "people"),
    OPTION(HF_OPTION_STRING, HF_OPTION_LIST, "cards.fields", NULL),
    OPTION(HF_OPTION_PATH, HF_OPTION_LIST, "folders", NULL), {.name = NULL}};

static const struct hf_component component = {.struct_size = sizeof(component), .kind = HF_KIND_SOURCE,
    .name = "sample", .summary = "cards that are not there", .flags = HF_SOURCE_CONTACTS,
    .thread_model = HF_THREAD_SERIAL, .options = options, .ops = &ops};
static const struct hf_component *const components[] = {&component, NULL};

HF_PLUGIN("sample", "source", "1.0", "BSD-2-Clause", components);
