#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Exports that are broken or mean harm: no crash, nothing outside the places that belong to us, and
# a sentence for each.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
"$PYTHON" - "$T/evil" <<'E' || fail "cannot write the export"
import json, os, sys
top = sys.argv[1]
os.makedirs(top + "/messages")
ids = ["../../../../escape", "..", "CON", "a\x01b", "\u202egnp", "x" * 300, "ordinary", "UPPER", "upper"]
with open(top + "/rooms.jsonl", "w") as f:
    for n, i in enumerate(ids):
        f.write(json.dumps({"id": i, "kind": "group", "name": i}) + "\n")
open(top + "/participants.jsonl", "w").close()
def message(room, n, **more):
    m = {"id": "m%d" % n, "room_id": room, "sender_id": "p", "type": "text", "sent_at": "2024-01-01T00:00:00.000Z",
         "updated_at": "2024-01-01T00:00:00.000Z", "text": "hello"}
    m.update(more)
    return json.dumps(m).replace('"ODD"', "[1e999, -0.0, 1E+2]")
for room in ("ordinary", "UPPER", "upper"):
    with open(top + "/messages/%s.jsonl" % room, "w") as f:
        for n in range(20):
            f.write(message(room, n, text="\x00\x1b[31m\u2028" + "\ud800", odd="ODD") + "\n")
def bad(name, data):
    with open(top + "/messages/%s.jsonl" % name, "wb") as f:
        f.write(data)
bad("deep", b'{"id":"d","room_id":"deep","text":"x","a":' + b"[" * 100000 + b"\n")
bad("utf8", b'{"id":"u","room_id":"utf8","text":"\xff\xfe\xc0\x80"}\n')
bad("binary", bytes(range(256)) * 100)
bad("long", b'{"id":"l","room_id":"long","text":"' + b"a" * 80000000 + b'"}\n')
bad("empty", b"")
E
begin_config
add_account evil jsonl "$T/evil"
expect 0 holdfast init
holdfast backup >"$T/out" 2>"$T/err" </dev/null
status=$?
[ $status = 3 ] || fail "status $status, not 3 (partial): $(cat "$T/err")"
if LC_ALL=C grep -q "$(printf '\033')" "$T/out" "$T/err"; then fail "an escape sequence reached the terminal"; fi
restic_is_content
restic_restore
[ -z "$(find "$T" -name '*escape*' ! -path "$T/restored/*" ! -path "$T/evil/*")" ] || fail "a name escaped"
for room in ordinary %55%50%50%45%52 upper; do
	log=$T/restored/chats/evil/rooms/$room/messages/000001.jsonl
	[ "$(wc -l <"$log")" = 20 ] || fail "room $room is not whole"
done

# A Slack export cut short, and one that is no zip.
head -c 20000 "$tests/data/chat-slack-export/slack-export-viewer.zip" >"$T/cut.zip"
echo "not a zip" >"$T/not.zip"
for file in cut.zip not.zip; do
	begin_config
	add_account slack slack-export "$T/$file"
	holdfast backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	[ $status = 1 ] || [ $status = 3 ] || fail "$file: status $status"
	cat "$T/out" "$T/err" >"$T/said"
	expect_text "$T/said" "$file"
done
expect_text "$T/said" "is not a zip, or an incomplete download"

# What is there but holds no chats is no empty backup that went well.
# refused SOURCE PATH PATTERN
refused() {
	begin_config
	add_account wrong "$1" "$2"
	expect 1 holdfast backup
	expect_text "$T/err" "$3"
}
mkdir -p "$T/wrong/empty" "$T/wrong/zipped" "$T/wrong/flat"
cp "$tests/data/chat-slack-export/langchain.zip" "$T/wrong/zipped/slack-export.zip"
echo '{"id":1}' >"$T/wrong/flat/garden.jsonl"
refused slack-export "$T/wrong/empty" "none of channels.json"
refused slack-export "$T/wrong/zipped" "there is slack-export.zip in it: give its path"
refused jsonl "$T/wrong/empty" "neither a folder"
refused jsonl "$T/wrong/flat" "files with messages belong into messages/"
refused jsonl "$T/wrong/flat/garden.jsonl" "not a folder"
mkdir "$T/wrong/empty/messages"
begin_config
add_account right jsonl "$T/wrong/empty"
expect 0 holdfast backup
