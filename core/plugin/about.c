/* SPDX-License-Identifier: BSD-2-Clause */
#include "compat/compat.h"

#include "plugin/about.h"

static int
about_plugins(void *ctx, hf_about_fn fn, void *fn_ctx, struct hf_error *err)
{
	const struct about *about = ctx;
	size_t i;
	int r = HF_OK;

	for (i = 0; r == HF_OK && i < about->scan->file_count; i++) {
		const struct hf_about_plugin plugin = {(uint32_t)sizeof(plugin), 0, about->scan->files[i].name,
		    about->scan->files[i].version};

		r = fn(fn_ctx, &plugin, err);
	}
	return r;
}

void
about_init(struct about *about, const struct plugin_scan *scan)
{
	about->table = (struct hf_host_about){(uint32_t)sizeof(about->table), 0, about, PACKAGE_VERSION,
	    about_plugins};
	about->scan = scan;
}
