/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_DESCRIBE_H
#define PLUGIN_DESCRIBE_H

#include "base/buffer.h"
#include "plugin/load.h"

/*
 * What `holdfast plugins` shows, from notes only: a line for each plugin (name, version, kinds,
 * path), and one for each file that was not used.  json: one object,
 * {"plugins":[{"name","version","kinds":[],"path"}],"refused":[{"path","reason"}],"directories":[]}.
 * Appends to out; HF_ENOMEM or HF_ERANGE.
 */
int plugin_list(
    const struct plugin_scan *scan, bool json, struct buffer *out, struct hf_error *err);
/*
 * What `holdfast plugins NAME` shows of a loaded plugin: its components, each with a table of its
 * options, then key=value lines; with internals also the ABI's figures and a has_CALLBACK=1 for each
 * callback that is there.  json: one object with all of it.
 */
int plugin_describe(
    const struct plugin *plugin, bool json, bool internals, struct buffer *out, struct hf_error *err);

#endif
