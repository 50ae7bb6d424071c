/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef HOLDFAST_PLUGIN_H
#define HOLDFAST_PLUGIN_H

/*
 * The ABI between holdfast and its plugins.  It may still change until media, contacts and live
 * sources have used it; from release 1.0 on it only grows.
 */
#ifndef HOLDFAST_API
#error "define HOLDFAST_API to the ABI major version you build for (1) before this header"
#elif HOLDFAST_API != 1
#error "this header is ABI major version 1"
#endif

#include <holdfast/source.h>
#include <holdfast/storage.h>
#include <holdfast/strategy.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HF_ABI_MAJOR 1u
#define HF_ABI_MINOR 0u

#define HF_KIND_STRATEGY 1u
#define HF_KIND_SOURCE   2u
#define HF_KIND_STORAGE  3u

#define HF_THREAD_SERIAL       100u /* one call at a time for the whole file */
#define HF_THREAD_PER_INSTANCE 200u /* one call at a time for each instance */
#define HF_THREAD_PARALLEL     300u

/* One thing a plugin offers.  ops: struct hf_strategy_ops, hf_source_ops or hf_storage_ops, after kind. */
struct hf_component {
	uint32_t struct_size;
	uint32_t kind;
	const char *name;    /* [a-z][a-z0-9-]{0,31} */
	const char *summary; /* one line */
	uint32_t flags;
	uint32_t thread_model;
	const struct hf_option *options; /* NULL: none */
	const void *ops;
	const void *(*get_extension)(const char *id); /* NULL: none */
};

struct hf_plugin {
	uint32_t struct_size;
	uint32_t abi_minor;
	const char *name; /* as in the file name and in the note */
	const char *version;
	const char *license; /* SPDX */
	const char *homepage;
	const struct hf_component *const *components; /* ends with NULL */
	int (*load)(const struct hf_host *host, struct hf_error *err); /* NULL: nothing to do */
	void (*unload)(void);
};

#if defined(__GNUC__)
#define HF_EXPORT __attribute__((__visibility__("default")))
#else
#define HF_EXPORT
#endif

/*
 * The ELF note that tells what a plugin is without running it: owner "holdfast", type 1, UTF-8
 * "key=value" lines.  The three lengths are those of the note format (System V ABI, chapter 5).
 */
#define HF_NOTE_TEXT(name, kinds, version)                                                            \
	"abi=1\nname=" name "\nkinds=" kinds "\nversion=" version "\n"

#define HF_NOTE(name, kinds, version)                                                                 \
	__attribute__((__section__(".note.holdfast"), __used__, __aligned__(4))) static const struct { \
		uint32_t namesz, descsz, type;                                                        \
		char owner[12];                                                                       \
		char desc[(sizeof(HF_NOTE_TEXT(name, kinds, version)) + 3) & ~3u];                     \
	} hf_note_ = {9, sizeof(HF_NOTE_TEXT(name, kinds, version)), 1, "holdfast",                   \
	    HF_NOTE_TEXT(name, kinds, version)}

/* kinds: a comma-separated list of "strategy", "source", "storage". */
#define HF_PLUGIN(plugin_name, plugin_kinds, plugin_version, plugin_license, plugin_components)       \
	HF_NOTE(plugin_name, plugin_kinds, plugin_version);                                           \
	static const struct hf_plugin hf_plugin_ = {(uint32_t)sizeof(struct hf_plugin), HF_ABI_MINOR, \
	    plugin_name, plugin_version, plugin_license, "", plugin_components, NULL, NULL};          \
	HF_EXPORT const struct hf_plugin *holdfast_plugin_v1(void);                                   \
	HF_EXPORT const struct hf_plugin *holdfast_plugin_v1(void)                                    \
	{                                                                                             \
		return &hf_plugin_;                                                                   \
	}                                                                                             \
	typedef int hf_plugin_end_

#ifdef __cplusplus
}
#endif
#endif
