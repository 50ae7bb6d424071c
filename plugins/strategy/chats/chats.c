/* SPDX-License-Identifier: BSD-2-Clause */
#include "chats.h"

#include <stdlib.h>

#include <holdfast/plugin.h>

static int
chats_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values;
	(void)count;
	(void)err;
	return HF_OK;
}

static int
chats_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct chats *chats = calloc(1, sizeof(*chats));

	(void)values;
	(void)count;
	if (chats == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "chats: out of memory");
	chats->host = host;
	chats->tools.json = host->get_extension(host->ctx, HF_HOST_JSON);
	chats->tools.write = host->get_extension(host->ctx, HF_HOST_WRITE);
	if (chats->tools.json == NULL || chats->tools.write == NULL) {
		free(chats);
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer both %s and %s", HF_HOST_JSON,
		    HF_HOST_WRITE);
	}
	*ret_handle = chats;
	return HF_OK;
}

static void
chats_close(void *handle)
{
	free(handle);
}

static int
chats_plan(void *handle, const struct hf_source_view *view, const struct hf_planner *planner,
    struct hf_error *err)
{
	return plan_account(handle, view, planner, err);
}

static int
chats_execute(void *handle, const struct hf_source_view *view, const struct hf_unit *unit,
    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err)
{
	struct work work = {handle, view, emitter, unit->path, 0, 0, 0};

	return unit->data.size == 0 ? people_execute(&work, err) : room_execute(&work, unit, run, err);
}

static const struct hf_strategy_ops chats_ops = {sizeof(struct hf_strategy_ops), 0, chats_configure, chats_open,
    chats_close, chats_plan, chats_execute, NULL};

static const struct hf_component chats_component = {sizeof(struct hf_component), HF_KIND_STRATEGY, "chats",
    "messages, rooms and participants of chats", 0, HF_THREAD_PER_INSTANCE, NULL, &chats_ops, NULL};

static const struct hf_component *const components[] = {&chats_component, NULL};

HF_PLUGIN("chats", "strategy", "0.1.0", "BSD-2-Clause", components);
