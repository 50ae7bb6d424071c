#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# New, edited and deleted messages become new records; what was there before stays.
. "${srcdir:-.}/lib.sh"

begin_generated 20000 50
expect 0 holdfast backup
first=$(repository_size)
cp -R "$T/chats" "$T/before"

for round in 1 2 3; do
	append 200
	expect 0 holdfast backup
	restic_is_content
	restic_restore
	compare_raw chats --current jsonl "$T/chats"
	compare_raw chats --history jsonl "$T/before"
	echo "round $round: the repository grew from $first to $(repository_size) bytes"
done
[ "$(snapshot_count)" = 4 ] || fail "4 backups left $(snapshot_count) snapshots"

# The edits and deletions of all rounds are there under their names.
cat "$T"/restored/chats/chats/rooms/*/messages/*.jsonl >"$T/log"
expect_text "$T/log" '"op":"edit"'
expect_text "$T/log" '"op":"delete"'
# 600 new messages, and 2.5 % of them changed older ones: nothing else was written again.
records=$(wc -l <"$T/log")
[ "$records" -ge 20600 ] && [ "$records" -le 20640 ] || fail "$records records, wanted about 20615"

# An older snapshot still is what it was.
oldest=$(restic --quiet snapshots --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')
restic_restore "$oldest"
compare_raw chats jsonl "$T/before"
