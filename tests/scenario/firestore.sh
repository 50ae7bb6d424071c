#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A Firestore app, first backup, what changed since, nothing new; each restored by restic and compared token for
# token.  A room that is refused; people who write while we read.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

# The preset is one that the source takes.
begin_config
add_firestore 1
printf '    preset: chat-app\n    service_account: %s\n' "$T/key.json" >>"$HOLDFAST_CONFIG"
expect 0 holdfast config check

messages=${MESSAGES:-2000}
rooms=8
make_key
generate_firestore "$messages" $rooms
cp -R "$T/chats" "$T/first"

key="service_account: $T/key.json"

# --- the service's answers have white space between the tokens ----------------------------------

server_start --load "$T/chats" --account "$T/key.json" --pretty 1
fresh "$key" 'participants: {collection: participants}'
expect 0 holdfast backup
n=$(requests)
[ "$n" -le $((messages / 300 + rooms + 10)) ] || fail "$n requests for a first backup"
compare_firestore
restic_is_content

# Nothing new: a few requests, and nothing but the manifest is written.
server POST reset >/dev/null
expect 0 holdfast backup
n=$(requests)
[ "$n" -le 10 ] || fail "$n requests where nothing has changed"
expect 0 restic snapshots --json
"$PYTHON" -c 'import json, sys; print(*[s["id"] for s in json.load(open(sys.argv[1]))[-2:]])' "$T/out" >"$T/ids"
# shellcheck disable=SC2046 # two words
expect 0 restic diff $(cat "$T/ids")
[ "$(grep -c '^[-+MTU] ' "$T/out")" = 1 ] || fail "more was written than the manifest: $(cat "$T/out")"

# New messages, edits, reactions and deletions.
for step in 1 2; do
	"$PYTHON" "$tests/tools/gen-chat" --quiet --append 200 "$T/chats" || fail "gen-chat --append"
	server POST "load?path=$T/chats" >/dev/null
	server POST reset >/dev/null
	expect 0 holdfast backup
	n=$(requests)
	[ "$n" -le $((300 / 300 + rooms + 2 + 10)) ] || fail "$n requests for a few changes, step $step"
	compare_firestore --current
done
compare_raw app --history firestore "$T/first"
grep -rq '"op":"delete"' "$T/restored/chats/app/rooms" || fail "no deletion was kept"
grep -rq '"op":"edit"' "$T/restored/chats/app/rooms" || fail "no edit was kept"
restic_is_content

# A room that is refused keeps what was saved, others go on.
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 200 "$T/chats" || fail "gen-chat --append"
server POST "load?path=$T/chats" >/dev/null
room=$(ls "$T/chats/rooms" | head -n 1)
for status in 403 404; do
	server POST "set?fail=runQuery%20rooms/$room=$status" >/dev/null
	expect 3 holdfast backup
	expect_text "$T/out" "$room"
	restic_restore
	compare_raw app --history firestore "$T/first"
done
server POST 'set?fail=' >/dev/null
expect 0 holdfast backup
compare_firestore --current
server_stop

# --- people write while we read ------------------------------------------------------------------

server_start --load "$T/first" --account "$T/key.json" --churn 2 --seed "${SEED:-7}"
fresh "$key"
expect 0 holdfast backup
server GET dump >"$T/dump.jsonl"
restic_restore
"$PYTHON" - "$T/restored/chats/app" "$T/first" "$T/dump.jsonl" <<-'E' || fail "while people wrote, seed ${SEED:-7}"
import glob, json, os, sys
from collections import defaultdict
app, first, dump = sys.argv[1:]
def ids(files):
    for f in files:
        for line in open(f):
            if line.startswith('{"name"') and "/messages/" in line:
                yield json.loads(line.strip().rstrip(","))
versions = defaultdict(list)
for d in ids([dump]):
    versions[d["name"]].append(d)
saved = defaultdict(list)
for f in glob.glob(app + "/rooms/*/messages/*.jsonl"):
    for line in open(f):
        raw = json.loads(line)["raw"]
        assert raw in versions[raw["name"]], "never was: " + line[:300]
        saved[raw["name"]].append(raw)
n = 0
for d in ids(glob.glob(first + "/rooms/*/messages.json")):
    assert saved[d["name"]], "lost: " + d["name"]
    n += 1
assert n > 0
E
server POST 'set?churn=0' >/dev/null
expect 0 holdfast backup
server GET dump >"$T/dump.jsonl"
EXPORT=$T/dump.jsonl compare_firestore --current
server_stop
