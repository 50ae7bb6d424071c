#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# While a backup is at work others can look at it, live, and cannot disturb it.
. "${srcdir:-.}/lib.sh"

begin_generated 20000 20
expect 1 holdfast watch
expect_text "$T/err" "no holdfast is at work"
expect 0 holdfast status
expect_text "$T/err" "no jobs yet"

# A backup whose worker stands still.
"$HOLDFAST" backup >"$T/backup.out" 2>"$T/backup.err" </dev/null &
child=$!
spawned="$spawned $child"
deadline=$(($(date +%s) + 30))
until worker=$(worker_of "$child") && [ -n "$worker" ] && grep -q started "$T/backup.err"; do
	[ "$(date +%s)" -lt $deadline ] || fail "no worker: $(cat "$T/backup.err")"
done
kill -STOP "$worker" || fail "the worker is gone already"

expect 0 holdfast status
expect_text "$T/out" "^backup_[0-9]+_[0-9a-f]{8} +everything +running "
job=$(grep -Eo '^backup_[0-9]+_[0-9a-f]{8}' "$T/out")
expect 1 holdfast backup
expect_text "$T/err" "process $child.*holdfast watch $job"
expect 1 holdfast status no-such-job
expect 1 holdfast watch no-such-job
expect_text "$T/err" "no job \"no-such-job\""
expect 0 holdfast status everything
expect_text "$T/out" "^job: +$job"
# The end of the id is enough.
expect 0 holdfast status "${job##*_}"
expect_text "$T/out" "^status: +running"

"$HOLDFAST" watch --json everything >"$T/watch.out" 2>"$T/watch.err" </dev/null &
watcher=$!
spawned="$spawned $watcher"
"$HOLDFAST" watch >"$T/all.out" 2>"$T/all.err" </dev/null &
other=$!
spawned="$spawned $other"
until [ -s "$T/watch.out" ] && [ -s "$T/all.err" ]; do
	[ "$(date +%s)" -lt $deadline ] || fail "watch says nothing: $(cat "$T/watch.err" "$T/all.err")"
done
# One that watches and goes is not missed.
"$HOLDFAST" watch >/dev/null 2>&1 </dev/null &
gone=$!
kill -9 $gone
kill -CONT "$worker"

for pid in $child $watcher $other; do
	wait "$pid"
	status=$?
	[ $status = 0 ] || fail "status $status: $(cat "$T/backup.err" "$T/watch.err" "$T/all.err")"
done
expect_text "$T/backup.out" "^chats +20[0-9]{3} "
expect_text "$T/backup.out" "^snapshot [0-9a-f]{8} saved"
expect_text "$T/all.err" "$job: completed"
"$PYTHON" - "$T/watch.out" "$job" <<'PROGRAM' || fail "watch --json: $(cat "$T/watch.out")"
import json, sys
objects = [json.loads(line) for line in open(sys.argv[1])]
kinds = [o["type"] for o in objects]
assert kinds[0] == "job" and objects[0]["status"] == "running", kinds
assert kinds[-1] == "job" and objects[-1]["status"] == "completed", kinds
assert objects[-1]["result"]["types"]["chats"]["failed"] == 0
assert "progress" in kinds and "event" in kinds, kinds
assert [o["event"] for o in objects if o["type"] == "event"][-1] == "completed"
assert all(o.get("job", o.get("id")) == sys.argv[2] for o in objects)
PROGRAM

# Afterwards the queue itself answers.
expect 0 holdfast watch "$job"
expect_text "$T/out" "^snapshot [0-9a-f]{8} saved"
expect 0 holdfast status --json "$job"
"$PYTHON" -c 'import json, sys; assert json.load(sys.stdin)["jobs"][0]["result"]["snapshot"]' <"$T/out" ||
	fail "status --json: $(cat "$T/out")"
restic_is_content
