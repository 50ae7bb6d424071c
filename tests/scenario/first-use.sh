#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a new user runs into: a configuration that says more than is there, a job that was queued before,
# rooms that only have names.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
generate 500 3 "$T/one"
generate 300 2 "$T/two"
begin_config
add_account one jsonl "$T/one"

# A type that is named is wanted.  Left out, types are those that are installed.
changed() {
	sed "$1" "$HOLDFAST_CONFIG" >"$T/changed.yaml"
	chmod 600 "$T/changed.yaml"
}
all_plugins=$HOLDFAST_PLUGIN_PATH
HOLDFAST_PLUGIN_PATH=$(echo "$all_plugins" | tr ':' '\n' | grep -v 'strategy/media' | tr '\n' ':' | sed 's/:$//')
changed 's/types: .*/types: [chats, media]/'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:9:20: plan everything: media cannot be backed up: "
expect 2 holdfast backup -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:9:20: "
changed '/types: /d'
expect 0 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "no mistakes; 1 repository, 1 account, 1 plan$"

# What is right in itself, and will not work all the same.
changed 's/types: .*/schedule: "0 3 * * *"/'
expect 0 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:9:15: note: plan everything: nothing starts a schedule"
expect_text "$T/err" "note: repository home: path: .* does not exist"
expect 0 holdfast config check --quiet -c "$T/changed.yaml"
[ ! -s "$T/err" ] || fail "--quiet was not: $(cat "$T/err")"
changed 's|path: .*/one|path: /nonexistent/one|'
expect 0 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:13:11: warning: account one: path: /nonexistent/one: "
# shellcheck disable=SC2016 # not replaced here either
changed 's|path: .*/one|path: $HOME/one|'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:13:11: account one: path: .*variables are not replaced"
changed 's|path: .*/one|pth: /x|'
expect 2 holdfast config check -c "$T/changed.yaml"
expect_text "$T/err" "changed.yaml:13:5: account one: unknown option pth, did you mean path\?"
changed 's/^accounts:/acounts:/'
expect 2 holdfast config check -c "$T/changed.yaml"
[ "$(wc -l <"$T/err")" -eq 1 ] || fail "more than one message about a mistyped section: $(cat "$T/err")"

# The example is right as it is shipped, whatever its paths.
HOME=$T/home expect 0 holdfast config check -c "$tests/../config/holdfast.yaml.example"

# No repository: which one, and where.  -v says more.
expect 10 holdfast snapshots
expect_text "$T/err" "repository home: there is no repository: $RESTIC_REPOSITORY/.* mounted"
expect 10 holdfast backup
expect_text "$T/err" "$RESTIC_REPOSITORY/.* mounted"
expect_text "$T/err" "repository home of plan everything"
expect 0 holdfast init -v
expect_text "$T/err" "storage local"
changed '/types: /d'
expect 2 holdfast backup -c "$T/changed.yaml" --types chats,media
expect_text "$T/err" "no strategy for media"

# The same mistake has the same status everywhere, and makes no job.
jobs=$(holdfast status | wc -l)
chmod 644 "$T/password"
expect 2 holdfast config check
expect_text "$T/err" "holdfast.yaml:5:[0-9]+: repository home: .*chmod 600"
for command in backup snapshots check rooms; do
	expect 2 holdfast $command
	expect_text "$T/err" "chmod 600"
done
chmod 600 "$T/password"
for command in backup snapshots status watch; do
	HOLDFAST_STATE_DIR=relative expect 2 holdfast $command
	expect_text "$T/err" "absolute path"
done
[ "$(holdfast status | wc -l)" -eq "$jobs" ] || fail "a mistake made a job: $(holdfast status)"

# A job from before that is finished first has its own result.
expect 0 holdfast backup
expect_text "$T/out" "^backup_.*, plan everything: completed$"
if holdfast status | grep -E '[0-9]/[0-9]' | grep -q completed; then fail "attempts of a job that never failed"; fi
cp "$HOLDFAST_CONFIG" "$T/both.yaml"
sed -i.old 's/^accounts:/    accounts: [one]\n  second:\n    repository: home\n    accounts: [two]\n    types: [chats]\naccounts:/' "$T/both.yaml"
printf '  two:\n    source: jsonl\n    path: %s\n' "$T/two" >>"$T/both.yaml"
append 50 "$T/one"
spawn "$HOLDFAST" backup --full -c "$T/both.yaml" everything
worker=
deadline=$(($(date +%s) + 20))
until [ -n "$worker" ] || [ "$(date +%s)" -ge $deadline ]; do worker=$(worker_of "$child"); done
kill -STOP "$worker" || fail "the worker is gone already"
kill -9 "$child"
wait "$child" 2>/dev/null
kill -CONT "$worker"
expect 0 holdfast backup -c "$T/both.yaml" second
expect_text "$T/out" "^backup_.*, plan everything: completed$"
expect_text "$T/out" "^backup_.*, plan second: completed$"
[ "$(grep -c '^TYPE ' "$T/out")" -eq 2 ] || fail "not two results: $(cat "$T/out")"
expect 0 holdfast backup -c "$T/both.yaml" everything
expect_text "$T/out" "^chats  "

# Rooms by their names.
expect 0 holdfast rooms
expect_text "$T/out" "^ACCOUNT +NAME "
[ "$(wc -l <"$T/out")" -eq 4 ] || fail "not three rooms: $(cat "$T/out")"
folder=$(sed -n '2s|.* \(/chats/.*\)$|\1|p' "$T/out")
expect 0 holdfast dump latest "$folder/room.json"
expect 0 holdfast rooms --json latest --account one
json_lines "$T/out" '"path":"/chats/one/rooms/'
"$PYTHON" - "$T/out" "$T/one/rooms.jsonl" <<'P' || fail "rooms are not the account's: $(cat "$T/out")"
import json, sys
rooms = {r["id"]: r for r in map(json.loads, open(sys.argv[1], encoding="utf-8"))}
given = {r["id"]: r for r in map(json.loads, open(sys.argv[2], encoding="utf-8"))}
assert rooms.keys() == given.keys(), (rooms.keys(), given.keys())
for id, room in rooms.items():
    assert room["account"] == "one" and room.get("name") == given[id].get("name"), room
    assert room["messages"] > 0 and room["newest_at"] and room["complete"] is True, room
P
expect 1 holdfast rooms --account nobody
expect_text "$T/err" "nobody"

# Rooms that somebody else wrote: what is wrong with one does not hide the others.
for room in a-bad b-none c-good d-odd e-list; do mkdir -p "$T/forged/chats/x/rooms/$room/messages"; done
mkdir -p "$T/forged/chats/x/people/deep/er" "$T/forged/chats/empty"
echo '{"name":"cut o' >"$T/forged/chats/x/rooms/a-bad/room.json"
echo '{"id":"c","name":"Good","kind":"group","counts":{"messages":7}}' >"$T/forged/chats/x/rooms/c-good/room.json"
echo '{"id":5,"name":[],"counts":[1],"newest_at":"x","complete":{}}' >"$T/forged/chats/x/rooms/d-odd/room.json"
echo '[]' >"$T/forged/chats/x/rooms/e-list/room.json"
(cd "$T/forged" && restic --quiet backup chats) || fail "restic backup"
expect 1 holdfast rooms
expect_text "$T/out" "^x  +Good +group +7  - +/chats/x/rooms/c-good$"
expect_text "$T/out" "^x  +- +- +-  - +/chats/x/rooms/d-odd$"
[ "$(wc -l <"$T/out")" -eq 3 ] || fail "not two rooms: $(cat "$T/out")"
expect_text "$T/err" "rooms/a-bad/room.json: "
expect_text "$T/err" "rooms/b-none: there is no room.json"
expect_text "$T/err" "rooms/e-list/room.json: "
expect 1 holdfast rooms --json
json_lines "$T/out" '"path":"/chats/x/rooms/d-odd"'
restic --quiet forget latest
expect 0 holdfast check --accept-removed

# A snapshot that was removed on purpose: what to do is said.
first=$(holdfast snapshots | sed -n '2s/ .*//p')
expect 0 restic --quiet forget "$first"
expect 1 holdfast check
expect_text "$T/out" "is gone; .*--accept-removed"
expect 0 holdfast check --accept-removed

# A plugin by its file's name; its options come first.
expect 0 holdfast plugins holdfast-jsonl
expect_text "$T/out" "^  path: path, required"
if grep -Eq 'has_|ops_size' "$T/out"; then fail "internals without -v: $(cat "$T/out")"; fi
expect 0 holdfast plugins -v holdfast-jsonl.so
expect_text "$T/out" "^has_open=1"
