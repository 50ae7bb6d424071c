#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Ctrl-C leaves the job queued; the next backup finishes it first.
. "${srcdir:-.}/lib.sh"

# spawn_backup: in the background, where a shell or nohup would have it ignore some signals; waits until it has a worker.
spawn_backup() {
	spawn "$PYTHON" -c 'import os, signal, sys
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$HOLDFAST" backup
	deadline=$(($(date +%s) + 30))
	until [ -n "$(worker_of "$child")" ] && grep -q started "$T/err"; do
		[ "$(date +%s)" -lt $deadline ] || fail "no worker: $(cat "$T/err")"
	done
}

# The only job that status tells.
job_id() {
	expect 0 holdfast status
	[ "$(grep -c '^backup_' "$T/out")" = 1 ] || fail "not one job: $(cat "$T/out")"
	expect_text "$T/out" "$1"
	grep -Eo '^backup_[0-9]+_[0-9a-f]{8}' "$T/out"
}

begin_generated "${MESSAGES:-20000}" 50
first=
for signal in INT TERM HUP; do
	spawn_backup
	kill -$signal "$child"
	wait "$child"
	status=$?
	[ $status = 130 ] || fail "status $status after SIG$signal, not 130: $(cat "$T/err")"
	expect_text "$T/err" "holdfast backup everything"
	job=$(job_id queued) || fail "$job"
	[ "$job" = "${first:=$job}" ] || fail "$job was queued beside $first"
done

# The second one does not wait for the worker.
spawn_backup
worker=$(worker_of "$child")
kill -STOP "$worker"
kill -INT "$child"
until grep -q "stopping" "$T/err"; do
	[ "$(date +%s)" -lt $deadline ] || fail "Ctrl-C was not noticed: $(cat "$T/err")"
done
kill -INT "$child"
wait "$child"
status=$?
[ $status = 130 ] || fail "status $status after a second Ctrl-C, not 130: $(cat "$T/err")"
[ $(($(date +%s) - deadline + 30)) -lt 20 ] || fail "the second Ctrl-C waited"
! kill -0 "$worker" 2>/dev/null || fail "the worker is still there"

# Another backup: the interrupted one comes first.
expect 0 holdfast backup --full
expect 0 holdfast status
[ "$(grep -c ' completed ' "$T/out")" = 2 ] || fail "not both jobs are completed: $(cat "$T/out")"
grep '^backup_' "$T/out" | head -n 1 | grep -q "^$first" || fail "$first did not come first: $(cat "$T/out")"
expect 0 holdfast status "$first"
expect_text "$T/out" "completed"
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
