/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_STRATEGY_H
#define PLUGIN_STRATEGY_H

#include "plugin/registry.h"

/* Which strategy carries a type, and which sources it works with. */

/* The component that has the type's name in the way of plugins: '-' for '_'.  Errors are registry_find's. */
int strategy_find(struct registry *registry, const char *type, const struct plugin_component **ret_component,
    struct hf_error *err);
/* Whether it backs up this machine, and no accounts. */
bool strategy_is_of_host(const struct plugin_component *strategy);
/* Whether a source has what it works with. */
bool strategy_takes(const struct plugin_component *strategy, const struct plugin_component *source);

#endif
