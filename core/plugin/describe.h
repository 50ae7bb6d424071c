/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PLUGIN_DESCRIBE_H
#define PLUGIN_DESCRIBE_H

#include "base/buffer.h"
#include "plugin/load.h"

/*
 * What `holdfast plugins` shows, from notes only: a line for each plugin (name, version, kinds, path),
 * and one for each file that was not used.  json: one object,
 * {"plugins":[{"name","version","kinds":[],"path"}],"refused":[{"path","reason"}],"directories":[]}.
 * Appends to out; HF_ENOMEM or HF_ERANGE.
 */
int plugin_list(const struct plugin_scan *scan, bool json, struct buffer *out, struct hf_error *err);
/*
 * What `holdfast plugins NAME` shows of a loaded plugin: key=value lines, the components with a
 * has_CALLBACK=1 for each callback that is there, and a table of the options.  json: one object.
 */
int plugin_describe(const struct plugin *plugin, bool json, struct buffer *out, struct hf_error *err);

#endif
