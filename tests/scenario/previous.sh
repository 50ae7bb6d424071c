#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What lies behind a run: a snapshot from the future, a repository that another took the place of, a
# history that its source tells again and again.
. "${srcdir:-.}/lib.sh"
begin_generated 2000 3

# message ROOM ID TEXT
message() {
	printf '{"id":"%s","room_id":"%s","sender_id":"p","type":"text","text":"%s",' "$2" "$1" "$3"
	printf '"sent_at":"2024-01-01T00:00:00.000Z"}\n'
}

# A killed job goes on in the repository that is there now.
spawn "$HOLDFAST" backup
until [ -n "$(find "$HOLDFAST_STATE_DIR/jobs" -name journal 2>/dev/null)" ]; do
	is_alive "$child" || fail "no run to kill: $(cat "$T/err")"
	sleep 0.01
done
kill -STOP "$child"
worker=$(worker_of "$child")
kill -9 "$child" ${worker:+"$worker"}
wait "$child"
rm -rf "$RESTIC_REPOSITORY"
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
nothing_left_over

# A clock that once ran ahead: what comes later is newer all the same, and builds on what came between.
(cd "$T/restored" && restic --quiet backup --time "2037-01-01 00:00:00" --tag holdfast --tag plan=everything .) ||
	fail "restic backup"
message between gone "only for a day" >"$T/chats/messages/between.jsonl"
expect 0 holdfast backup
expect_text "$T/err" "clock ran ahead"
rm "$T/chats/messages/between.jsonl"
expect 0 holdfast backup
restic_is_content
restic_restore
expect_text "$T/restored/chats/chats/rooms/between/messages/000001.jsonl" "only for a day"

# An older state that is told again is not counted as a record.
for _ in 1 2 3; do
	{ message edited m old && message edited m new; } >"$T/chats/messages/edited.jsonl"
	expect 0 holdfast backup
done
expect 0 holdfast dump latest /chats/chats/rooms/edited/room.json
expect_text "$T/out" '"records":2}'
expect 0 holdfast dump latest /chats/chats/rooms/edited/messages/000001.jsonl
[ "$(wc -l <"$T/out")" -eq 2 ] || fail "a history was written twice: $(cat "$T/out")"
