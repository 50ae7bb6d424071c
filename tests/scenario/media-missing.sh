#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Media that cannot be got: without a network all of them are tried by the next backup, whenever it is; a link that is
# dead waits for its time, and until then each result tells that it is missing and when it is tried again.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic

mkdir -p "$T/chats/messages" "$T/www"
port=$("$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
for i in 1 2 3; do
	echo "these are the bytes of file $i" >"$T/www/f$i.bin"
	printf '{"id":"m%d","sender_id":"u","sent_at":"2026-01-02T03:04:05Z","media":{"url":"%s/f%d.bin"}}\n' $i "$url" $i
done >"$T/chats/messages/room.jsonl"
begin_config
add_web_account family "$T/chats" "$url"
set_types 'chats, media'
expect 0 holdfast init

check() {
	restic_restore
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" family "$T/www" "$@" ||
		fail "the media are not what they should be"
}

# Nobody listens, twice: the third time is as soon as the first.
for round in 1 2; do
	expect 3 holdfast backup
	expect_text "$T/out" 'media of account family: 3 still missing, to be tried again by the next backup'
	check failed:unreachable=3
	expect_text "$T/restored/media/family/index/000001.jsonl" '"attempts":0'
	! grep -q '"attempts":[1-9]' "$T/restored/media/family/index/000001.jsonl" || fail "round $round counts as a failure"
done
"$PYTHON" "$tests/tools/fault-server" --root "$T/www" --port "$port" >"$T/listens" 2>"$T/fault.log" </dev/null &
spawned=$!
until [ -s "$T/listens" ]; do
	is_alive "$spawned" || fail "the server: $(cat "$T/fault.log")"
	sleep 0.1
done
expect 0 holdfast backup
! grep -q 'still missing' "$T/out" || fail "something is said to be missing: $(cat "$T/out")"
check stored=3

# A dead link.  Later backups say what is still not there, and are complete for all that.
printf '{"id":"m4","sender_id":"u","sent_at":"2026-01-02T03:05:05Z","media":{"url":"%s/gone.bin"}}\n' "$url" \
	>>"$T/chats/messages/room.jsonl"
expect 3 holdfast backup
expect_text "$T/out" 'media of account family: 1 still missing, next try at 20'
expect 0 holdfast backup
expect_text "$T/out" 'completed'
expect_text "$T/out" 'media of account family: 1 still missing, next try at 20'
check stored=3 failed:gone=1
expect_text "$T/restored/holdfast.json" '"missing": ?1'
job=$(grep -Eo 'backup_[0-9]+_[0-9a-f]{8}' "$T/restored/holdfast.json" | head -n 1)
expect 0 holdfast status "$job"
expect_text "$T/out" 'media of account family: 1 still missing, next try at 20'
expect 0 holdfast status --json "$job"
expect_text "$T/out" '"missing": ?1,"next_try": ?"20'
# A backup of something else remembers it.
expect 0 holdfast backup --types chats
expect_text "$T/out" '1 still missing'
exit 0
