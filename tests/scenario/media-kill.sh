#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A worker that is killed while it downloads: what was stored at a checkpoint is not asked for again, a file that was
# on its way goes on where it stopped, and the result is that of a run without a kill.
. "${srcdir:-.}/lib.sh"
need restic

mkdir -p "$T/chats/messages" "$T/www"
"$PYTHON" - "$T" <<'E' || fail "making the files"
import random, sys
top = sys.argv[1]
r = random.Random(12)
for i in range(60):
    with open(top + "/www/s%02d.bin" % i, "wb") as f:
        f.write(r.randbytes(20000 + 1000 * i))
with open(top + "/www/long.bin", "wb") as f:
    f.write(r.randbytes(12 << 20))
E
"$PYTHON" "$tests/tools/file-server" --slow 500000 "$T/www" "$T/port" "$T/requests" &
spawned=$!
until [ -s "$T/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$T/port")
"$PYTHON" - "$url" >"$T/chats/messages/room.jsonl" <<'E'
import sys
for i, name in enumerate(["long.bin"] + ["s%02d.bin" % i for i in range(60)]):
    print('{"id":"m%02d","sender_id":"u","sent_at":"2026-01-02T03:04:05Z","media":{"url":"%s/%s"}}' % (i, sys.argv[1], name))
E
begin_config
add_web_account family "$T/chats" "$url"
set_types 'chats, media'
expect 0 holdfast init

# Killed twice, each time when the long one is under way; supervisor and worker at once.
journal=0
for round in 1 2; do
	spawn "$HOLDFAST" backup
	waited=0 before=$journal
	# Until a checkpoint is on the disk, and then a moment.
	until [ "$journal" -gt "$before" ] || [ $waited -gt 150 ]; do
		sleep 0.2
		waited=$((waited + 1))
		journal=$(cat "$HOLDFAST_STATE_DIR"/jobs/*/unit.journal 2>/dev/null | wc -c)
	done
	sleep 1
	worker=$(worker_of "$child")
	[ -n "$worker" ] || fail "the backup is over before it was killed"
	kill -9 "$worker" "$child"
	wait "$child" 2>/dev/null
	while is_alive "$worker"; do sleep 0.1; done
	sleep 1
	echo "round $round: $(wc -l <"$T/requests") requests so far"
done
expect 0 holdfast backup
# Both kills' part of it included, and none twice.
new=$(awk '$1 == "media" && $2 != "of" { print $4 }' "$T/out")
[ "$new" = 61 ] || { cat "$T/out"; fail "$new files are new, not 61"; }
restic_is_content
restic_restore
"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" family "$T/www" stored=61 original=61 ||
	fail "the media are not what they should be"
jobs_are_single
nothing_left_over

# The long one went on where it stopped.
offsets=$(awk '$1 == "/long.bin" && $2 > 0' "$T/requests" | wc -l)
[ "$offsets" -ge 2 ] || { cat "$T/requests"; fail "the long file did not go on where it stopped"; }
again=$(grep '^/s' "$T/requests" | sort | uniq -c | awk '$1 > 1' | wc -l)
echo "$again of 60 small files were asked for again"
[ "$again" -le 5 ] || fail "most of what was stored was asked for again"
