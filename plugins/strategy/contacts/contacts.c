/* SPDX-License-Identifier: BSD-2-Clause */
#include "contacts.h"

#include <stdlib.h>

#include <holdfast/plugin.h>

static int
contacts_configure(const struct hf_value *values, uint32_t count, struct hf_error *err)
{
	(void)values;
	(void)count;
	(void)err;
	return HF_OK;
}

static int
contacts_open(const struct hf_host *host, const struct hf_value *values, uint32_t count, void **ret_handle,
    struct hf_error *err)
{
	struct contacts *contacts = calloc(1, sizeof(*contacts));

	(void)values;
	(void)count;
	if (contacts == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "contacts: out of memory");
	contacts->host = host;
	contacts->tools.json = host->get_extension(host->ctx, HF_HOST_JSON);
	contacts->tools.write = host->get_extension(host->ctx, HF_HOST_WRITE);
	if (contacts->tools.json == NULL || contacts->tools.write == NULL) {
		free(contacts);
		return hf_error_set(err, HF_ENOTSUP, 0, "this host does not offer both %s and %s", HF_HOST_JSON,
		    HF_HOST_WRITE);
	}
	*ret_handle = contacts;
	return HF_OK;
}

static void
contacts_close(void *handle)
{
	free(handle);
}

/* One unit: the cards of an account are few enough to be told anew as a whole. */
static int
contacts_plan(void *handle, const struct hf_source_view *view, const struct hf_planner *planner,
    struct hf_error *err)
{
	const struct contacts *contacts = handle;
	char name[HF_COMPONENT_SIZE], path[HF_COMPONENT_SIZE + 16];
	struct hf_unit unit = {sizeof(unit), 0, {"contacts", 8, HF_TEXT_UTF8, 0}, path, {NULL, 0}, 0, 0};
	int r = contacts->tools.write->component(view->account, strlen(view->account), name, err);

	if (r != HF_OK)
		return r;
	(void)snprintf(path, sizeof(path), "/contacts/%s", name);
	return planner->unit(planner->ctx, &unit, err);
}

static int
contacts_execute(void *handle, const struct hf_source_view *view, const struct hf_unit *unit,
    const struct hf_run *run, const struct hf_emitter *emitter, struct hf_error *err)
{
	struct book book = {.contacts = handle, .view = view, .emitter = emitter, .path = unit->path};

	return book_execute(&book, run, err);
}

static const struct hf_strategy_ops contacts_ops = {sizeof(struct hf_strategy_ops), 0, contacts_configure,
    contacts_open, contacts_close, contacts_plan, contacts_execute, NULL};

static const struct hf_component contacts_component = {sizeof(struct hf_component), HF_KIND_STRATEGY, "contacts",
    "cards of address books, without their pictures", HF_STRATEGY_CONTACTS, HF_THREAD_PER_INSTANCE, NULL,
    &contacts_ops, NULL};

static const struct hf_component *const components[] = {&contacts_component, NULL};

HF_PLUGIN("contacts", "strategy", "0.1.0", "BSD-2-Clause", components);
