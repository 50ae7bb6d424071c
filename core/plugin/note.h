/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_NOTE_H
#define PLUGIN_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <holdfast/error.h>

/* A plugin's or component's name: [a-z][a-z0-9-]{0,31}, and its NUL. */
#define PLUGIN_NAME_SIZE    33
#define PLUGIN_VERSION_SIZE 64

/* Kinds as a set: bit PLUGIN_KIND_BIT(HF_KIND_...). */
#define PLUGIN_KIND_BIT(kind) (1u << (kind))

/* What a plugin says about itself in its ELF note, without being run. */
struct plugin_note {
	uint32_t abi;
	uint32_t kinds; /* of those known here; others are left out */
	char name[PLUGIN_NAME_SIZE];
	char version[PLUGIN_VERSION_SIZE];
};

bool plugin_name_valid(const char *name);
/* "strategy", "source", "storage", or NULL for a kind not known here. */
const char *plugin_kind_name(uint32_t kind);
/* The other way round; 0 for a word that is no kind. */
uint32_t plugin_kind_parse(const char *word, size_t size);

/*
 * Reads the note of the shared object that fd is open on, from any offset; path is for messages.
 * HF_ECORRUPT: not an ELF shared object, cut short, or a note that breaks the rules; HF_ENOTFOUND:
 * a good one without a note; HF_ENOTSUP: made for another kind of machine, or another ABI (then
 * the note is not looked at further); HF_EIO.
 * Format: System V ABI, chapters 4 and 5; the note itself: sdk/include/holdfast/plugin.h.
 */
int note_read(int fd, const char *path, struct plugin_note *ret_note, struct hf_error *err);
/*
 * The same for either word size and byte order, and for bytes in memory: what note_read stands on.
 * HF_ENOTSUP only for the ABI.
 */
struct note_source {
	void *ctx;
	uint64_t size;
	/* Exactly size bytes from offset, which lies inside the file. */
	int (*read)(void *ctx, uint64_t offset, void *data, size_t size, struct hf_error *err);
};
int note_read_from(
    const struct note_source *source, bool any_machine, struct plugin_note *ret_note, struct hf_error *err);
/* Reads the note's text: lines "key=value", a NUL at the end allowed.  Unknown keys are left out. */
int note_parse(const char *text, size_t size, struct plugin_note *ret_note, struct hf_error *err);

#endif
