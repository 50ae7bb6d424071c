#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# 100,000 cards in one file, new and read in full again: no process takes more than 24 MiB (but for the one that derives
# the key).  FOLDER=1: the same in a folder, a file for each.  LIMIT: another one, in KiB.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" cc
cc -O1 -o "$T/follow" "$tests/bench/peaks.c" 2>"$T/err" || skip "peaks.c is for Linux: $(head -n 1 "$T/err")"
cards=${CARDS:-100000}
mkdir "$T/cards"
if [ -n "${FOLDER-}" ]; then
	path=$T/cards
	dav fill "$path" 1 "$cards"
else
	path=$T/cards/all.vcf
	dav fill "$path" 1 "$cards"
fi
find "$T/cards" -name '*.vcf' -exec touch -d 2020-01-01 {} +
begin_config
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_account people vcard "$path"
expect 0 holdfast init
for full in '' --full; do
	# shellcheck disable=SC2086 # an option or none
	expect 0 "$T/follow" "$T/peaks" "$HOLDFAST" backup --json $full
	expect_text "$T/out" "\"total\":$cards,\"successful\":$cards"
	cat "$T/peaks"
	awk -v most="${LIMIT:-24576}" '$3 == "exec" { n++; if ($4 > most) bad = 1 } END { exit bad || n == 0 }' "$T/peaks" ||
		fail "memory"
done
