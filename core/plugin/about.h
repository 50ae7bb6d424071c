/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_ABOUT_H
#define PLUGIN_ABOUT_H

#include <holdfast/about.h>

#include "plugin/scan.h"

/* The host's side of struct hf_host_about. */
struct about {
	struct hf_host_about table; /* for host_set_extension; ctx is this struct */
	const struct plugin_scan *scan;
};

/* scan must outlive it. */
void about_init(struct about *about, const struct plugin_scan *scan);

#endif
