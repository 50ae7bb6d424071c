/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/instance.h"

#include <stdio.h>
#include <string.h>

#include "plugin/preset.h"

/* As the configuration calls it; the name of a strategy is no name there. */
static const char *
options_where(uint32_t kind, const char *name, char *out, size_t size)
{
	if (kind != HF_KIND_STORAGE && kind != HF_KIND_SOURCE)
		return "";
	(void)snprintf(out, size, "%s %s", kind == HF_KIND_STORAGE ? "repository" : "account", name);
	return out;
}

static int
call_open(const struct instance *instance, void **ret_handle, struct hf_error *err)
{
	const struct hf_host *table = host_table(instance->host);
	const struct hf_value *values = instance->options->values;
	uint32_t count = instance->options->count;

	switch (instance->component->kind) {
	case HF_KIND_STORAGE:
		return instance->component->ops.storage.open(table, values, count, ret_handle, err);
	case HF_KIND_SOURCE:
		return instance->component->ops.source.open(table, values, count, ret_handle, err);
	default:
		return instance->component->ops.strategy.open(table, values, count, ret_handle, err);
	}
}

int
instance_open(struct registry *registry, const struct instance_request *request,
    const struct host_services *services, struct instance *ret, struct hf_error *err)
{
	struct instance instance = {NULL, NULL, NULL, NULL};
	char where[80];
	int r;

	r = registry_find(registry, request->kind, request->component, &instance.component, err);
	/* Not to be mistaken for what the component itself may not find. */
	if (r == HF_ENOTFOUND && err != NULL)
		err->code = HF_EINVAL;
	if (r == HF_ENOTFOUND)
		r = HF_EINVAL;
	if (r == HF_OK)
		r = options_parse_in(options_where(request->kind, request->name, where, sizeof(where)),
		    instance.component->options, &request->place, request->given, &instance.options, err);
	if (r == HF_OK)
		r = host_open(request->name, services, instance.options, instance.component->options, &instance.host,
		    err);
	if (r == HF_OK && request->http != NULL)
		host_set_http(instance.host, request->http);
	if (r == HF_OK)
		r = call_open(&instance, &instance.handle, err);
	if (r != HF_OK) {
		host_free(instance.host);
		options_free(instance.options);
		return r;
	}
	*ret = instance;
	return HF_OK;
}

int
instance_open_account(struct registry *registry, const struct config *config, const struct config_account *account,
    const struct host_services *services, struct instance *ret, struct hf_error *err)
{
	struct instance_request what = {HF_KIND_SOURCE, account->source, account->name,
	    {config->file, config->folder, account->mark}, NULL, &account->http};
	struct preset preset;
	int r = preset_apply(config, account, &preset, err);

	what.given = &preset.options;
	if (r == HF_OK)
		r = instance_open(registry, &what, services, ret, err);
	preset_release(&preset);
	return r;
}

void
instance_close(struct instance *instance)
{
	if (instance->component == NULL)
		return;
	switch (instance->component->kind) {
	case HF_KIND_STORAGE:
		instance->component->ops.storage.close(instance->handle);
		break;
	case HF_KIND_SOURCE:
		instance->component->ops.source.close(instance->handle);
		break;
	default:
		instance->component->ops.strategy.close(instance->handle);
		break;
	}
	host_free(instance->host);
	options_free(instance->options);
	memset(instance, 0, sizeof(*instance));
}

/* ---- the guarded storage ---- */

static const struct hf_storage_ops *
ops_of(const struct storage_guard *guard)
{
	return &guard->instance->component->ops.storage;
}

static int
guarded_create(void *handle, struct hf_error *err)
{
	struct storage_guard *guard = handle;
	int r = guard->go_on(guard->ctx, true, err);

	return r != HF_OK ? r : ops_of(guard)->create(guard->instance->handle, err);
}

static int
guarded_properties(void *handle, struct hf_storage_props *ret_props, struct hf_error *err)
{
	struct storage_guard *guard = handle;

	return ops_of(guard)->properties(guard->instance->handle, ret_props, err);
}

static int
guarded_put(void *handle, const struct hf_object_key *key, const struct hf_reader *data, const uint8_t *sha256,
    uint32_t flags, struct hf_error *err)
{
	struct storage_guard *guard = handle;
	int r = guard->go_on(guard->ctx, true, err);

	if (r == HF_OK)
		r = ops_of(guard)->put(guard->instance->handle, key, data, sha256, flags, err);
	if (r == HF_OK && guard->stored != NULL)
		guard->stored(guard->ctx, data->length);
	return r;
}

static int
guarded_get(void *handle, const struct hf_object_key *key, uint64_t offset, uint64_t length,
    const struct hf_sink *sink, struct hf_error *err)
{
	struct storage_guard *guard = handle;
	int r = guard->go_on(guard->ctx, false, err);

	return r != HF_OK ? r : ops_of(guard)->get(guard->instance->handle, key, offset, length, sink, err);
}

static int
guarded_list(void *handle, uint32_t type, hf_list_fn fn, void *ctx, struct hf_error *err)
{
	struct storage_guard *guard = handle;
	int r = guard->go_on(guard->ctx, false, err);

	return r != HF_OK ? r : ops_of(guard)->list(guard->instance->handle, type, fn, ctx, err);
}

static int
guarded_stat(void *handle, const struct hf_object_key *key, uint64_t *ret_size, struct hf_error *err)
{
	struct storage_guard *guard = handle;

	return ops_of(guard)->stat(guard->instance->handle, key, ret_size, err);
}

static int
guarded_remove(void *handle, const struct hf_object_key *key, struct hf_error *err)
{
	struct storage_guard *guard = handle;

	return ops_of(guard)->remove(guard->instance->handle, key, err);
}

const struct hf_storage_ops storage_guard_ops = {(uint32_t)sizeof(storage_guard_ops), 0, NULL, NULL, NULL,
    guarded_create, guarded_properties, guarded_put, guarded_get, guarded_list, guarded_stat, guarded_remove};
