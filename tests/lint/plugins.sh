#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A plugin's folder is complete: Makefile.am, manual page of its name, test; its module exports the
# entry point alone; and the program exports nothing.
. "${srcdir:-.}/lib.sh"
need nm
count=0
for folder in "$tests"/../plugins/*/*/; do
	plugin=$(basename "$folder")
	[ -f "$folder/Makefile.am" ] || fail "$plugin has no Makefile.am"
	[ -f "$folder/holdfast-$plugin.7" ] || [ -f "$folder/holdfast-$plugin.5" ] || fail "$plugin has no manual page"
	[ -n "$(find "$folder" -name 'test*')" ] || fail "$plugin has no test"
	module=$(find "$abs_top_builddir/plugins" -path '*/.libs/*' -name "holdfast-$plugin.so")
	[ -n "$module" ] || fail "$plugin has no module holdfast-$plugin.so"
	nm -D --defined-only "$module" | awk '$2 ~ /^[A-TV-Z]$/ { print $3 }' >"$T/symbols"
	[ "$(wc -l <"$T/symbols")" = 1 ] || fail "$plugin exports more or less than its entry point: $(cat "$T/symbols")"
	count=$((count + 1))
done
[ $count -gt 0 ] || fail "no plugins found"
echo "$count plugins"
