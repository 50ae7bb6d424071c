#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A worker whose supervisor was killed writes nothing more and ends; the next supervisor waits until it is gone and
# goes on with the same job.
. "${srcdir:-.}/lib.sh"

begin_generated 20000 50
deadline=$(($(date +%s) + 60))
while :; do
	spawn "$HOLDFAST" backup
	supervisor=$child
	worker=
	until [ -n "$worker" ] || [ "$(date +%s)" -ge $deadline ]; do
		worker=$(worker_of "$supervisor")
	done
	[ -n "$worker" ] || fail "no worker was started"
	until [ -n "$(ls "$RESTIC_REPOSITORY/locks")" ] || [ "$(date +%s)" -ge $deadline ]; do :; done
	kill -STOP "$worker" 2>/dev/null
	# In the midst of its work: it has the repository's lock, and there is no snapshot.
	[ -z "$(ls "$RESTIC_REPOSITORY/locks")" ] || [ -n "$(ls "$RESTIC_REPOSITORY/snapshots")" ] || break
	# It was faster than we are.
	[ "$(date +%s)" -lt $deadline ] || fail "the worker was too fast"
	kill -CONT "$worker" 2>/dev/null
	wait "$supervisor"
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	expect 0 holdfast init
done
# As it is stopped and nobody's child any more, the system wakes it up: it finds itself alone.
kill -9 "$supervisor"
wait "$supervisor" 2>/dev/null
kill -CONT "$worker" 2>/dev/null
until ! is_alive "$worker" || [ "$(date +%s)" -ge $deadline ]; do sleep 0.02; done
is_alive "$worker" && fail "the worker did not end"
[ "$(snapshot_count)" = 0 ] || fail "it made a snapshot, alone"

# Nobody is at work, and the queue can be read.
expect 0 holdfast status
expect_text "$T/out" "^backup_[0-9]+_[0-9a-f]{8} +everything +queued "
job=$(grep -Eo 'backup_[0-9]+_[0-9a-f]{8}' "$T/out" | head -n 1)

# One that takes long to end, as where the storage hangs: it has its lock.
"$PYTHON" - "$HOLDFAST_STATE_DIR/worker.lock" "$T/held" <<'E' &
import fcntl, os, sys, time
f = open(sys.argv[1], "r+")
fcntl.flock(f, fcntl.LOCK_EX)
f.truncate(0)
f.write("%d\n" % os.getpid())
f.flush()
open(sys.argv[2], "w").close()
time.sleep(600)
E
holder=$!
spawned="$spawned $holder"
deadline=$(($(date +%s) + 30))
until [ -f "$T/held" ] || [ "$(date +%s)" -ge $deadline ]; do sleep 0.02; done
spawn "$HOLDFAST" backup
until grep -q "worker of an earlier run" "$T/err" || [ "$(date +%s)" -ge $deadline ]; do sleep 0.02; done
expect_text "$T/err" "worker of an earlier run .process $holder. uses .*waiting for it to stop"
[ "$(snapshot_count)" = 0 ] || fail "a snapshot, while nobody is at work"
kill -9 "$holder"
wait "$child"
status=$?
[ $status = 0 ] || fail "status $status: $(cat "$T/err")"
expect_text "$T/err" "$job: completed"
[ "$(snapshot_count)" = 1 ] || fail "$(snapshot_count) snapshots, not 1"
[ -z "$(ls "$RESTIC_REPOSITORY/locks")" ] || fail "a lock was left behind"
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
nothing_left_over
