#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A repository that cannot be written: snapshots, ls and restore work, backup fails with a sentence.
. "${srcdir:-.}/lib.sh"
[ "$(id -u)" = 0 ] || skip "needs root, to mount read-only"
[ "$(uname -s)" = Linux ] || skip "uses a bind mount, so runs on Linux only"

begin_generated 500 3
expect 0 holdfast backup
mount --bind "$RESTIC_REPOSITORY" "$RESTIC_REPOSITORY" 2>/dev/null || skip "mount is not permitted here"
mounted=$RESTIC_REPOSITORY
mount -o remount,ro,bind "$RESTIC_REPOSITORY" || skip "a read-only remount is not permitted here"

expect 1 holdfast backup
expect_text "$T/err" "[Rr]ead-only"
expect 0 holdfast snapshots
expect 0 holdfast ls latest
expect 0 holdfast restore latest --target "$T/restored"
compare_raw chats jsonl "$T/chats"
