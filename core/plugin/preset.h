/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_PRESET_H
#define PLUGIN_PRESET_H

#include "config/config.h"

/*
 * Presets: files with options for one source, which an account names to have the options of some application
 * without writing them out.  They are DIRECTORY/SOURCE/NAME.yaml in one of the directories of
 * $HOLDFAST_PRESET_PATH (a colon list; not obeyed in a privileged process), or else in the one holdfast
 * was built for.
 */

/* An account's options with those of its preset.  Zeroed: none. */
struct preset {
	struct arena arena;
	struct config_options options; /* these live as long as the account and the preset */
};

/*
 * What the account has itself comes before what its preset has.  HF_EINVAL: there is no such preset (err names
 * the nearest and all there are), or what is in it is wrong; both with the place.  HF_EPERM: somebody else
 * could have written it.  *ret is to be released, also after a failure.
 */
int preset_apply(const struct config *config, const struct config_account *account, struct preset *ret,
    struct hf_error *err);
void preset_release(struct preset *preset);
/*
 * The names of a source's presets, in order, put into the arena as an array that ends with NULL.  No
 * directory is no error.  HF_ENOMEM, HF_EIO; HF_ERANGE: there are more than PRESETS_MAX.
 */
#define PRESETS_MAX 1000u
int preset_list(const char *source, struct arena *arena, const char *const **ret, struct hf_error *err);

#endif
