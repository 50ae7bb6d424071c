/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/strategy.h"

#include <stdio.h>

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
