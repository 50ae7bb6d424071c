#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Options of plugins: in maps and lists, and from presets.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
generate 200 2 "$T/one"
generate 100 2 "$T/two"
begin_config
mkdir -p "$T/presets/jsonl"
HOLDFAST_PRESET_PATH=$T/nowhere:$T/presets
printf '# Where the family has its chats.\npath: %s\n' "$T/one" >"$T/presets/jsonl/family.yaml"
printf 'path: %s\nroms: {kind: x}\n' "$T/one" >"$T/presets/jsonl/wrong.yaml"
cat >>"$HOLDFAST_CONFIG" <<-E
	  one:
	    source: jsonl
	    preset: family
	  two:
	    source: jsonl
	    preset: family
	    path: $T/two
	E

# An account has what its preset has, and its own comes first.
expect 0 holdfast config check
expect 0 holdfast config show
expect_text "$T/out" "^    preset: family$"
expect 0 holdfast init
expect 0 holdfast backup
restic_restore
compare_raw one jsonl "$T/one"
compare_raw two jsonl "$T/two"

# They are listed.
expect 0 holdfast plugins jsonl
expect_text "$T/out" "^  presets: family, wrong$"
expect 0 holdfast plugins --json jsonl
expect_text "$T/out" '"presets":\["family","wrong"\]'

# What is wrong is told with its place, in whichever file it is, before there is a job.
changed() {
	sed "$1" "$HOLDFAST_CONFIG" >"$T/changed.yaml"
	chmod 600 "$T/changed.yaml"
}
changed 's/preset: family/preset: famly/'
for command in "config check" backup; do
	# shellcheck disable=SC2086 # words
	expect 2 holdfast $command -c "$T/changed.yaml"
	expect_text "$T/err" "changed.yaml:13:13: account one: the source jsonl has no preset famly, did you mean family\?"
	expect_text "$T/err" "\(presets: family, wrong\)"
done
changed 's/preset: family/preset: wrong/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "presets/jsonl/wrong.yaml:2:8: account one: unknown option roms.kind"
changed 's|path: .*/two|path: [a, b]|'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:17:11: account two: path: it is one value, not a list"
changed 's|path: .*/two|path: {to: b}|'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:17:12: account two: path is no map"
chmod 666 "$T/presets/jsonl/family.yaml"
expect 2 holdfast config check
expect_text "$T/err" "family.yaml: other users may write to this file"
