#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Restore whole, by path, into a target that holds things already, and never outside of it.
. "${srcdir:-.}/lib.sh"

begin_generated 3000 10
expect 0 holdfast backup
restic_restore

# By path: that room and nothing else.
room=$(ls "$T/restored/chats/chats/rooms" | head -n 1)
expect 0 holdfast restore latest --target "$T/part" --include "/chats/chats/rooms/$room"
diff -r "$T/restored/chats/chats/rooms/$room" "$T/part/chats/chats/rooms/$room" || fail "a part differs"
[ "$(ls "$T/part/chats/chats/rooms")" = "$room" ] || fail "more than one room was restored"

# dump and ls agree with restic.
file=/chats/chats/rooms/$room/messages/000001.jsonl
expect 0 holdfast dump latest "$file"
cmp "$T/out" "$T/restored$file" || fail "dump differs"
expect 0 holdfast ls latest
expect_text "$T/out" "000001.jsonl"
expect 1 holdfast dump latest /no/such/file
expect_text "$T/err" "/no/such/file"

# A link planted in the target is not followed.
mkdir -p "$T/target" "$T/outside"
ln -s "$T/outside" "$T/target/chats"
holdfast restore latest --target "$T/target" >"$T/out" 2>"$T/err"
[ -z "$(ls -A "$T/outside")" ] || fail "restore wrote through a symbolic link"
mkdir -p "$T/target2/chats/chats/rooms/$room/messages"
echo precious >"$T/outside/file"
ln -s "$T/outside/file" "$T/target2/chats/chats/rooms/$room/messages/000001.jsonl"
holdfast restore latest --target "$T/target2" >"$T/out" 2>"$T/err"
[ "$(cat "$T/outside/file")" = precious ] || fail "restore wrote through a symbolic link to a file"

# A snapshot of restic's is restored as restic restores it.
mkdir -p "$T/tree/sub"
head -c 3000000 /dev/urandom >"$T/tree/sub/big"
: >"$T/tree/empty"
ln -s sub/big "$T/tree/link"
printf 'x' >"$T/tree/sub/na\"me \\ é"
expect 0 restic --quiet backup "$T/tree"
restic_restore latest
expect 0 holdfast restore latest --target "$T/ours"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/ours" || fail "restic's snapshot differs"
expect 0 holdfast check --read-data
