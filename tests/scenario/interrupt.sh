#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Ctrl-C leaves the job queued; the next backup finishes it first.
. "${srcdir:-.}/lib.sh"

begin_generated 50000 50
spawn "$PYTHON" -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler) # a background job of sh ignores it
os.execv(sys.argv[1], sys.argv[1:])' "$HOLDFAST" backup
deadline=$(($(date +%s) + 30))
until grep -q ": started" "$T/err" || [ "$(date +%s)" -ge $deadline ]; do sleep 0.02; done
kill -INT "$child"
wait "$child"
status=$?
[ $status = 130 ] || fail "status $status after Ctrl-C, not 130: $(cat "$T/err")"
expect_text "$T/err" "holdfast backup"
expect 0 holdfast status
expect_text "$T/out" "queued"
job=$(grep -Eo 'backup_[0-9]+_[0-9a-f]{8}' "$T/out" | head -n 1)
[ -n "$job" ] || fail "status names no job: $(cat "$T/out")"

expect 0 holdfast backup
expect 0 holdfast status "$job"
expect_text "$T/out" "completed"
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
