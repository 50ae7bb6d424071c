/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_ABOUT_H
#define HOLDFAST_ABOUT_H

#include <holdfast/host.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the host is, and which plugins it has found. */
#define HF_HOST_ABOUT "holdfast.host.about/1"

/* Strings are the host's, valid until the call returns. */
struct hf_about_plugin {
	uint32_t struct_size;
	uint32_t flags;
	const char *name;
	const char *version;
};

/* Called once for each plugin, by name; nonzero: stop and return it. */
typedef int (*hf_about_fn)(void *ctx, const struct hf_about_plugin *plugin, struct hf_error *err);

struct hf_host_about {
	uint32_t struct_size;
	uint32_t flags;
	void *ctx;
	const char *version; /* of holdfast, "0.1.0" */
	/* The plugins that are installed, whether they are in use or not. */
	int (*plugins)(void *ctx, hf_about_fn fn, void *fn_ctx, struct hf_error *err);
};

#ifdef __cplusplus
}
#endif
#endif
