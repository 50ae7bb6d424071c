#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A full disk fails the run with a sentence; with room again the next run finishes.
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
