#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Somebody takes the lock of a backup away while it reads, as "restic unlock --remove-all" does: who prunes then may
# delete what the backup counts on, so it makes no snapshot.  The next backup does, with everything.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic

# A server whose only file comes when $T/go is there; $T/asked says that it is waited for.
"$PYTHON" - "$T" <<'P' &
import http.server, os, sys, time
top = sys.argv[1]
class Slow(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open(top + "/asked", "w").close()
        while not os.path.exists(top + "/go"):
            time.sleep(0.05)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"file\n")
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
with open(top + "/new-port", "w") as file:
    file.write("%d\n" % server.server_port)
os.rename(top + "/new-port", top + "/port")
server.serve_forever()
P
spawned=$!
deadline=$(($(date +%s) + 120))

# wait_for FILE
wait_for() {
	until [ -e "$1" ]; do
		[ "$(date +%s)" -lt $deadline ] || fail "no $1: $(cat "$T/err")"
		sleep 0.1
	done
}

wait_for "$T/port"
url=http://127.0.0.1:$(cat "$T/port")
mkdir -p "$T/chats/messages"
echo '{"id":"room"}' >"$T/chats/rooms.jsonl"
awk -v url="$url" 'BEGIN {
	for (i = 1; i <= 200; i++)
		printf("{\"id\":\"m%d\",\"sender_id\":\"u\",\"sent_at\":\"2026-01-02T03:04:05Z\",\"text\":\"%d\"%s}\n",
		    i, i, i == 7 ? ",\"media\":{\"name\":\"a.bin\",\"url\":\"" url "/a.bin\"}" : "")
}' >"$T/chats/messages/room.jsonl"
begin_config
add_web_account chats "$T/chats" "$url"
set_types 'chats, media'
expect 0 holdfast init

spawn "$HOLDFAST" backup
wait_for "$T/asked"
expect 0 restic --quiet unlock --remove-all
[ -z "$(find "$RESTIC_REPOSITORY/locks" -type f)" ] || fail "restic has left a lock"
: >"$T/go"
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
[ "$(cat "$T"/restored/media/chats/room/m7-*)" = file ] || fail "not the file: $(find "$T/restored/media")"
nothing_left_over
