/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/strategy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/options.h"

int
strategy_find(struct registry *registry, const char *type, const struct plugin_component **ret_component,
    struct hf_error *err)
{
	char name[PLUGIN_NAME_SIZE], *p;

	(void)snprintf(name, sizeof(name), "%s", type);
	for (p = name; *p != '\0'; p++) {
		if (*p == '_')
			*p = '-';
	}
	return registry_find(registry, HF_KIND_STRATEGY, name, ret_component, err);
}

bool
strategy_is_of_host(const struct plugin_component *strategy)
{
	return (strategy->flags & HF_STRATEGY_HOST) != 0;
}

bool
strategy_takes(const struct plugin_component *strategy, const struct plugin_component *source)
{
	uint32_t wants = strategy->flags & (HF_STRATEGY_CHATS | HF_STRATEGY_CONTACTS);
	uint32_t has = source->flags & (HF_SOURCE_CHATS | HF_SOURCE_CONTACTS);

	if (strategy_is_of_host(strategy))
		return false;
	/* Neither has to say that it is about chats. */
	if (wants == 0)
		wants = HF_STRATEGY_CHATS;
	if (has == 0)
		has = HF_SOURCE_CHATS;
	return ((wants & HF_STRATEGY_CHATS) != 0 && (has & HF_SOURCE_CHATS) != 0) ||
	       ((wants & HF_STRATEGY_CONTACTS) != 0 && (has & HF_SOURCE_CONTACTS) != 0);
}

bool
strategy_is_left_out(const struct plugin_component *strategy, const struct hf_source_caps *caps)
{
	uint32_t wants = strategy->flags & (HF_STRATEGY_CHATS | HF_STRATEGY_CONTACTS);

	if (strategy_is_of_host(strategy))
		return false;
	if (wants == 0)
		wants = HF_STRATEGY_CHATS;
	return ((wants & HF_STRATEGY_CHATS) == 0 || caps->has_chats == HF_NO) &&
	       ((wants & HF_STRATEGY_CONTACTS) == 0 || caps->has_contacts == HF_NO);
}

int
strategy_options(const struct plugin_component *strategy, const struct config_plan *plan,
    struct strategy_options *ret, struct hf_error *err)
{
	const struct config_options *all = &plan->options.others;
	struct config_option *items = calloc(all->count + 1, sizeof(*items));
	size_t i, count = 0;

	if (items == NULL)
		return hf_error_set(err, HF_ENOMEM, 0, "plan %s: out of memory", plan->name);
	for (i = 0; i < all->count; i++) {
		if (options_know(strategy->options, all->items[i].name))
			items[count++] = all->items[i];
	}
	*ret = (struct strategy_options){items, {items, count}};
	return HF_OK;
}

/* ---- whether somebody knows them ---- */

/* The strategies of a plan. */
struct strategies {
	const struct plugin_component *items[CONFIG_TYPES];
	size_t count;
};

static void
find_strategies(struct registry *registry, const struct config_plan *plan, struct strategies *ret)
{
	unsigned i;

	ret->count = 0;
	for (i = 0; i < CONFIG_TYPES; i++) {
		if ((plan->types & 1u << i) != 0 &&
		    strategy_find(registry, config_type_name(i), &ret->items[ret->count], NULL) == HF_OK)
			ret->count++;
	}
}

static bool
is_known(const struct strategies *strategies, const char *name)
{
	const char *const *own;
	size_t i;

	for (own = config_plan_options; *own != NULL; own++) {
		if (strcmp(*own, name) == 0)
			return true;
	}
	for (i = 0; i < strategies->count; i++) {
		if (options_know(strategies->items[i]->options, name))
			return true;
	}
	return false;
}

static int
unknown(const struct strategies *strategies, const struct config *config, const struct config_plan *plan,
    const struct config_option *option, struct hf_error *err)
{
	struct nearest nearest = NEAREST_INIT(option->name);
	struct options_names names[CONFIG_TYPES];
	struct nearest_hint hint;
	struct problem_word word;
	const char *const *own;
	size_t i;

	for (own = config_plan_options; *own != NULL; own++)
		nearest_offer(&nearest, *own);
	for (i = 0; i < strategies->count; i++)
		options_offer(&nearest, strategies->items[i]->options, &names[i]);
	return hf_error_set(err, HF_EINVAL, 0, "%s:%u:%u: plan %s: unknown option %s%s", config->file,
	    option->name_line, option->name_column, plan->name, problem_quote(&word, option->name),
	    nearest_hint(&hint, nearest.best));
}

int
strategy_check_plan(struct registry *registry, const struct config *config, const struct config_plan *plan,
    struct hf_error *err)
{
	const struct config_options *others = &plan->options.others;
	struct strategies strategies;
	size_t i;

	find_strategies(registry, plan, &strategies);
	for (i = 0; i < others->count; i++) {
		if (!is_known(&strategies, others->items[i].name))
			return unknown(&strategies, config, plan, &others->items[i], err);
	}
	return HF_OK;
}
