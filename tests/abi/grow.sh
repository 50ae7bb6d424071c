#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# grow.sh FROM TO: copies the SDK's headers and appends a field to each struct that carries a
# struct_size and crosses the boundary at load: the headers of a later minor release.
set -eu
from=$1 to=$2
mkdir -p "$to/holdfast"
for header in "$from"/holdfast/*.h; do
	cp "$header" "$to/holdfast/"
done
chmod -R u+w "$to"

# grow HEADER LAST FIELD: puts FIELD after the line that has LAST, which has to be there once.
grow() {
	awk -v last="$2" -v field="$3" '{ print } index($0, last) { print "\t" field; n++ }
		END { exit n != 1 }' "$from/holdfast/$1" >"$to/holdfast/$1.new" ||
		{ echo "$1: not once: $2" >&2; exit 1; }
	mv "$to/holdfast/$1.new" "$to/holdfast/$1"
}
grow host.h 'void *(*get_extension)(void *ctx, const char *id);' 'int32_t (*later)(void *ctx);'
grow options.h 'int64_t max;' 'int64_t later;'
grow storage.h 'int (*remove)(void *handle,' 'int (*later)(void *handle);'
grow source.h 'struct hf_error *err); /* put */' 'int (*later)(void *handle);'
grow strategy.h 'int (*restore)(void *handle,' 'int (*later)(void *handle);'
from=$to
grow plugin.h 'void *(*get_extension)(const char *id);' 'const char *later;'
grow plugin.h 'void (*unload)(void);' 'const char *later;'
