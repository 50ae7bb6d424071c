#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A worker that dies again and again without getting further fails its job after five times, which is
# not an attempt; the next backup is a new job.
. "${srcdir:-.}/lib.sh"

begin_generated 20000 50
spawn "$HOLDFAST" backup
deadline=$(($(date +%s) + 60))
killed=0
while kill -0 "$child" 2>/dev/null && [ "$(date +%s)" -lt $deadline ]; do
	worker=$(worker_of "$child")
	[ -n "$worker" ] && kill -9 "$worker" 2>/dev/null && killed=$((killed + 1))
	sleep 0.01
done
wait "$child"
status=$?
[ $status = 1 ] || fail "status $status after $killed kills, not 1: $(cat "$T/err")"
expect_text "$T/err" "crashed 5 times without getting further"
[ "$(grep -c ": started" "$T/err")" = 5 ] || fail "not five workers: $(cat "$T/err")"
expect 0 holdfast status
expect_text "$T/out" "failed +- +- "

expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
[ "$(snapshot_count)" = 1 ] || fail "$(snapshot_count) snapshots, not 1"
nothing_left_over
