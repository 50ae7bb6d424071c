#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A full disk fails the run with a sentence; with room again the next run finishes.  So for the
# repository, for the state directory and for the target of a restore.
. "${srcdir:-.}/lib.sh"
[ "$(id -u)" = 0 ] || skip "needs root, to mount a small file system"
[ "$(uname -s)" = Linux ] || skip "mounts a tmpfs, so runs on Linux only"

begin_generated 20000 50
mkdir "$T/small"
mount -t tmpfs -o size=1m tmpfs "$T/small" 2>/dev/null || skip "mount is not permitted here"
mounted=$T/small
mv "$RESTIC_REPOSITORY" "$T/small/repository"
ln -s "$T/small/repository" "$RESTIC_REPOSITORY"

holdfast backup >"$T/out" 2>"$T/err" </dev/null
status=$?
[ $status = 1 ] || fail "status $status on a full disk, not 1: $(cat "$T/err")"
expect_text "$T/err" "[Nn]o space left|is full"
[ -z "$(ls "$RESTIC_REPOSITORY/snapshots/")" ] || fail "a snapshot was written on a full disk"

mount -o remount,size=64m "$T/small" || fail "remount"
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"

# The target of a restore: what is there under its name is whole.
mv "$T/small/repository" "$T/whole"
ln -sfn "$T/whole" "$RESTIC_REPOSITORY"
mount -o remount,size=300k "$T/small" || fail "remount"
holdfast restore latest --target "$T/small/target" >"$T/out" 2>"$T/err" </dev/null
status=$?
[ $status = 1 ] || fail "status $status on a full target, not 1: $(cat "$T/err")"
expect_text "$T/err" "[Nn]o space left|is full"
[ "$(wc -l <"$T/err")" = 1 ] || fail "more than one sentence: $(cat "$T/err")"
(cd "$T/small/target" && find . -type f -name '[0-9]*.jsonl' -size +0) >"$T/files"
[ -s "$T/files" ] || fail "nothing was restored"
while read -r file; do
	cmp "$T/small/target/$file" "$T/restored/$file" || fail "a half file has its final name"
done <"$T/files"
rm -rf "$T/small/target"

# The state directory: too small for the queue, then for the spool.
append 5000
rm -rf "$HOLDFAST_STATE_DIR"
HOLDFAST_STATE_DIR=$T/small/state
for size in 64k 300k; do
	mount -o remount,size=$size "$T/small" || fail "remount"
	holdfast backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	[ $status = 1 ] || fail "status $status in a full state directory of $size, not 1: $(cat "$T/err")"
	expect_text "$T/err" "[Nn]o space left|is full"
	[ "$(snapshot_count)" = 1 ] || fail "a snapshot was written"
done
mount -o remount,size=64m "$T/small" || fail "remount"
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chats --current jsonl "$T/chats"
