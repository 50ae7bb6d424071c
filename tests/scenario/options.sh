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
# A plan's options are for the host, or for a strategy.
for option in 'wifi-only: true' 'chats: {x: 1}'; do
	changed "s/^    types: .*/&\\n    options: {$option}/"
	for command in "config check" backup; do
		# shellcheck disable=SC2086 # words
		expect 2 holdfast $command -c "$T/changed.yaml"
		expect_text "$T/err" "changed.yaml:10:[0-9]+: plan everything: unknown option (wifi-only, did you mean wifi_only\?|chats.x)$"
	done
done
changed 's/^    types: .*/&\n    options: {max_media_size: 1 MB}/'
expect 0 holdfast config check -c "$T/changed.yaml"
chmod 666 "$T/presets/jsonl/family.yaml"
expect 2 holdfast config check
expect_text "$T/err" "family.yaml: other users may write to this file"
chmod 600 "$T/presets/jsonl/family.yaml"

# A source with contacts, and options in maps and lists.
mkdir "$T/plugins"
cp plugins/.libs/holdfast-sample.so "$T/plugins/"
# Nothing is to be installed that would back it up.
HOLDFAST_PLUGIN_PATH=$T/plugins:$(echo "$HOLDFAST_PLUGIN_PATH" | tr ':' '\n' | grep -v '/strategy/contacts/' |
	tr '\n' ':' | sed 's/:$//')
mkdir "$T/presets/sample"
printf 'cards:\n  collection: friends\n  fields: [name, mail]\n' >"$T/presets/sample/club.yaml"
cp "$HOLDFAST_CONFIG" "$T/people.yaml"
cat >>"$T/people.yaml" <<-E
	  people:
	    source: sample
	    preset: club
	    cards:
	      fields: name
	    folders: [., $T/nowhere]
	E
expect 0 holdfast plugins sample
expect_text "$T/out" "^  cards.fields: list of string$"
expect_text "$T/out" "^  presets: club$"
expect 0 holdfast config check -c "$T/people.yaml"
expect_text "$T/err" "people.yaml:23:14: warning: account people: folders: $T/nowhere: No such file"
expect 0 holdfast config show -c "$T/people.yaml"
expect_text "$T/out" "^    folders: \[., $T/nowhere\]$"
expect_text "$T/out" "^      fields: name$"

# people_with PATTERN: the configuration with one line changed.
people_with() {
	sed "$1" "$T/people.yaml" >"$T/changed.yaml"
	chmod 600 "$T/changed.yaml"
}
people_with 's/fields: name/feilds: [name]/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:22:7: account people: unknown option cards.feilds, did you mean cards.fields\?"
people_with 's/fields: name/fields: [a, b, c]/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:18:3: account people: cards.fields: more than two"
people_with 's/fields: name/fields: [a, {b: c}]/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:22:19: cards.fields: a map is no item"

# It has no chats, so that its account is left out of them; a type that no account has is a mistake.
expect 0 holdfast backup -c "$T/people.yaml"
! grep -q "collection" "$T/err" || fail "a source without chats was opened for them"
restic_restore
[ ! -e "$T/restored/chats/people" ] || fail "chats of a source that has none"
people_with 's/^    repository: home/&\n    accounts: [people]/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:10:13: plan everything: chats cannot be backed up: none of the plan's accounts has any"
expect 2 holdfast backup -c "$T/changed.yaml"
expect_text "$T/err" "none of the plan's accounts has any"

# Where no type is named, nothing is a mistake, but an account that nothing is for is told of.
people_with 's/^    types: .*/    accounts: [people]/'
expect 0 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:19:13: warning: account people: no strategy .* backs up what the source sample has"
expect 0 holdfast backup -c "$T/changed.yaml"
expect_text "$T/err" "account people is not backed up: no strategy"
expect_text "$T/out" "^device_info"
expect 2 holdfast backup -c "$T/changed.yaml" --types chats
expect_text "$T/err" "plan everything: none of its accounts has chats"
