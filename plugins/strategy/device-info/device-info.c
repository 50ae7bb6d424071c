/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <holdfast/plugin.h>

#include "document.h"

#define FILE_NAME "device.json"
#define PATH_SIZE (HF_COMPONENT_SIZE + 16)

struct device_info {
	const struct hf_host_json *json;
	const struct hf_host_write *write;
	const struct hf_host_about *about; /* NULL: the host does not offer it */
};

static int
device_info_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values;
	(void)count;
	(void)err;
	return HF_OK;
}

static int
device_info_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct device_info *info = calloc(1, sizeof(*info));

	(void)values;
	(void)count;
	if (info == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "device-info: out of memory");
	info->json = host->get_extension(host->ctx, HF_HOST_JSON);
	info->write = host->get_extension(host->ctx, HF_HOST_WRITE);
	info->about = host->get_extension(host->ctx, HF_HOST_ABOUT);
	if (info->json == NULL || info->write == NULL) {
		free(info);
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer both %s and %s", HF_HOST_JSON,
		    HF_HOST_WRITE);
	}
	*ret_handle = info;
	return HF_OK;
}

static void
device_info_close(void *handle)
{
	free(handle);
}

static int
device_info_plan(void *handle, const struct hf_source_view *view, const struct hf_planner *planner,
    struct hf_error *err)
{
	const struct device_info *info = handle;
	char name[HF_COMPONENT_SIZE], path[PATH_SIZE];
	const struct hf_unit unit = {.struct_size = (uint32_t)sizeof(unit), .id = {"device", 6, HF_TEXT_UTF8, 0},
	    .path = path, .items = 1};
	int r = info->write->component(view->account, strlen(view->account), name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "/device/%s", name);
	return planner->unit(planner->ctx, &unit, err);
}

static int
keep_previous(void *ctx, const void *data, uint64_t size, struct hf_error *err)
{
	struct document *document = ctx;

	(void)err;
	document_put(document, data, (size_t)size);
	return HF_OK;
}

/* A file that is as it was is not written: then the folder is the same, down to its times. */
static int
write_file(const struct hf_emitter *emitter, const struct document *before, const struct document *now,
    struct hf_error *err)
{
	const struct hf_blob blob = {now->data, now->size};
	struct timespec time;
	int r;

	if (before->failed == HF_OK && before->size == now->size && before->data != NULL &&
	    memcmp(before->data, now->data, now->size) == 0)
		return HF_OK;
	(void)clock_gettime(CLOCK_REALTIME, &time);
	r = emitter->file(emitter->ctx, FILE_NAME, &blob, (int64_t)time.tv_sec * 1000000000 + time.tv_nsec, err);
	return r == HF_OK && HF_HAS(emitter, added) ? emitter->added(emitter->ctx, 1, err) : r;
}

static int
device_info_execute(void *handle, const struct hf_source_view *view, const struct hf_unit *unit,
    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err)
{
	const struct device_info *info = handle;
	struct document before = {.write = info->write}, now = {.write = info->write};
	const struct hf_sink sink = {.struct_size = (uint32_t)sizeof(sink), .ctx = &before, .write = keep_previous};
	struct facts *facts = malloc(sizeof(*facts));
	int r;

	(void)unit;
	(void)run;
	if (facts == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "device-info: out of memory");
	facts_collect(facts);
	r = emitter->previous(emitter->ctx, FILE_NAME, &sink, err);
	if (r == HF_OK && before.data != NULL)
		document_settle(facts, info->json, before.data, before.size);
	/* A file that is damaged is made anew. */
	if (r == HF_OK || r == HF_ENOTFOUND || r == HF_ECORRUPT)
		r = document_make(&now, view->account, facts, info->about, err);
	if (r == HF_OK)
		r = write_file(emitter, &before, &now, err);
	if (r == HF_OK)
		r = emitter->done(emitter->ctx, 1, now.size, err);
	document_release(&before);
	document_release(&now);
	free(facts);
	return r;
}

static const struct hf_strategy_ops device_info_ops = {.struct_size = (uint32_t)sizeof(struct hf_strategy_ops),
    .configure = device_info_configure, .open = device_info_open, .close = device_info_close,
    .plan = device_info_plan, .execute = device_info_execute};

static const struct hf_component device_info_component = {.struct_size = (uint32_t)sizeof(struct hf_component),
    .kind = HF_KIND_STRATEGY, .name = "device-info", .summary = "what this machine is", .flags = HF_STRATEGY_HOST,
    .thread_model = HF_THREAD_PER_INSTANCE, .ops = &device_info_ops};

static const struct hf_component *const components[] = {&device_info_component, NULL};

HF_PLUGIN("device-info", "strategy", "0.1.0", "BSD-2-Clause", components);
