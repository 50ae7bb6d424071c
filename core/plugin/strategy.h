/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_STRATEGY_H
#define PLUGIN_STRATEGY_H

#include "config/config.h"
#include "plugin/registry.h"

/* Which strategy carries a type, and which sources it works with. */

/* The component that has the type's name in the way of plugins: '-' for '_'.  Errors are registry_find's. */
int strategy_find(struct registry *registry, const char *type, const struct plugin_component **ret_component,
    struct hf_error *err);
/* Whether it backs up this machine, and no accounts. */
bool strategy_is_of_host(const struct plugin_component *strategy);
/* Whether a source has what it works with. */
bool strategy_takes(const struct plugin_component *strategy, const struct plugin_component *source);
/* Whether an opened source that it takes has nothing of that after all, as it is configured. */
bool strategy_is_left_out(const struct plugin_component *strategy, const struct hf_source_caps *caps);

/* What of a plan's options is for one strategy.  items is the caller's to free. */
struct strategy_options {
	struct config_option *items;
	struct config_options given;
};

int strategy_options(const struct plugin_component *strategy, const struct config_plan *plan,
    struct strategy_options *ret, struct hf_error *err);
/*
 * Whether each option of the plan is known to the host or to one of the strategies of the plan's types that
 * are installed.  HF_EINVAL: err names the first that is not, with its place and the nearest that is.
 */
int strategy_check_plan(struct registry *registry, const struct config *config, const struct config_plan *plan,
    struct hf_error *err);

#endif
