#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A second run with nothing new stores nothing of the chats again.
. "${srcdir:-.}/lib.sh"

begin_generated 20000 50
# What was written a moment ago may change again and look the same: the first run only trusts older files.
sleep 3
expect 0 holdfast backup
before=$(repository_size)
for round in again --full; do
	[ "$round" = again ] && round=
	# shellcheck disable=SC2086 # none or one
	expect 0 holdfast backup $round
	after=$(repository_size)
	[ $((after - before)) -le 65536 ] || fail "an unchanged run ($round) added $((after - before)) bytes"
	before=$after
done
restic_restore
compare_raw chats jsonl "$T/chats"

# Without the state directory the backup still tells that nothing changed.
rm -rf "$HOLDFAST_STATE_DIR"
expect 0 holdfast backup
[ $(($(repository_size) - before)) -le 65536 ] || fail "a lost state directory cost $(($(repository_size) - before)) bytes"

# The conversations of all snapshots are one tree: only holdfast.json differs.
restic --quiet snapshots --json | "$PYTHON" -c 'import json, sys
for s in json.load(sys.stdin): print(s["id"])' >"$T/ids"
[ "$(wc -l <"$T/ids")" = 4 ] || fail "$(wc -l <"$T/ids") snapshots, not 4"
while read -r id; do
	restic_restore "$id"
	rm "$T/restored/holdfast.json"
	if [ -d "$T/one" ]; then
		"$PYTHON" "$tests/tools/compare-trees" "$T/one" "$T/restored" || fail "snapshot $id differs"
	else
		mv "$T/restored" "$T/one"
	fi
done <"$T/ids"
