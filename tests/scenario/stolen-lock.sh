#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Somebody takes the lock of a backup away while it reads, as "restic unlock --remove-all" does: who prunes then may
# delete what the backup counts on, so it makes no snapshot.  Another try reads all of it again, and is whole.
. "${srcdir:-.}/lib.sh"
begin_generated "${MESSAGES:-40000}" 50

locks() {
	find "$RESTIC_REPOSITORY/locks" -type f
}

spawn "$HOLDFAST" backup
deadline=$(($(date +%s) + 60))
until [ -n "$(locks)" ] && worker=$(worker_of "$child") && [ -n "$worker" ]; do
	[ "$(date +%s)" -lt $deadline ] || fail "no lock: $(cat "$T/err")"
done
# It looks at the repository once more 200 ms after it has the lock; what it does then is not this test's.
sleep 0.5
kill -STOP "$worker" || fail "the worker has ended: more messages are needed"
[ "$(snapshot_count)" = 0 ] || fail "the backup has ended: more messages are needed"
expect 0 restic --quiet unlock --remove-all
[ -z "$(locks)" ] || fail "restic has left a lock: $(locks)"
kill -CONT "$worker"
wait "$child"
status=$?
[ $status = 11 ] || fail "status $status, not 11, without its lock: $(cat "$T/err")"
expect_text "$T/err" "lock was removed by somebody else"
[ "$(snapshot_count)" = 0 ] || fail "a snapshot without a lock"

expect 0 holdfast backup
[ "$(snapshot_count)" = 1 ] || fail "no snapshot"
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"
nothing_left_over
