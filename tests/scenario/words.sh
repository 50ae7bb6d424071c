#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What is said: each thing once, and in words that can be acted on.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic
mkdir -p "$T/chats/messages"
echo '{"id":"r","name":"Room"}' >"$T/chats/rooms.jsonl"
file=$T/chats/messages/r.jsonl
printf '{"id":"%d","sender_id":"a","text":"Hello","created_at":"2026-01-0%dT00:00:00Z"}\n' 1 1 2 2 3 3 >"$file"
begin_config
add_account chats jsonl "$T/chats"
expect 0 holdfast init
add_account gone jsonl "$T/nowhere"

# --- failed items ----------------------------------------------------------------------------------

# said N PATTERN: so many lines of the last command, wherever it said them.
said() {
	count=$(cat "$T/out" "$T/err" | grep -Ec -e "$2")
	[ "$count" -eq "$1" ] || fail "$count times \"$2\", not $1: $(cat "$T/out" "$T/err")"
}

set_types "chats, media"
cp "$file" "$T/whole"
sed '2s/^/x/' "$T/whole" >"$file"
expect 3 holdfast backup
said 1 ":2: not valid JSON"
expect_text "$T/out" "^failed: chats of account chats: .*:2: not valid JSON"
said 1 "$T/nowhere: "
expect_text "$T/out" "^failed: chats, media of account gone: could not be read: $T/nowhere: "
expect 3 holdfast backup --json
[ "$(grep -c '"item_failed".*:2",.*not valid JSON' "$T/out")" -eq 1 ] || fail "programs are not told: $(cat "$T/out")"
cp "$T/whole" "$file"

# Where there is no result to list them, they are told for all that: the job itself names one account.
mv "$T/chats" "$T/away"
set_types chats "retry: {max_attempts: 1}"
expect 1 holdfast backup
said 1 "$T/chats: "
said 1 "$T/nowhere: "
expect_text "$T/err" ": failed: nothing could be read: chats: $T/chats: "
mv "$T/away" "$T/chats"

# --- a key that others can read ----------------------------------------------------------------------

make_key
server_start --account "$T/key.json"
rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
begin_config
set_types "chats, media"
add_firestore
echo "    service_account: $T/key.json" >>"$HOLDFAST_CONFIG"
expect 0 holdfast init
chmod 644 "$T/key.json"
expect 0 holdfast config check
said 1 "holdfast.yaml:[0-9]+:[0-9]+: warning: account app: service_account: .*; run: chmod 600 $T/key.json$"
expect 0 holdfast backup
said 1 "chmod 600"
chmod 600 "$T/key.json"
expect 0 holdfast backup
said 0 "chmod 600"
server_stop

# --- numbers ---------------------------------------------------------------------------------------

rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
begin_config
set_types chats
add_account chats jsonl "$T/chats"
expect 0 holdfast init
expect 0 holdfast backup
expect 0 holdfast check
expect_text "$T/out" "^checked 1 snapshot, [0-9]+ trees, .*: 0 errors, 0 warnings$"
expect 0 holdfast restore --include /holdfast.json --target "$T/one"
expect_text "$T/out" "^restored 1 file in [0-9]+ director(y|ies), "

# --- what a configuration leads to -------------------------------------------------------------------

# findings STATUS PATTERN..: "config check" ends so, and says these, each once, at their places; so do its objects.
findings() {
	status=$1
	shift
	expect "$status" holdfast config check
	for pattern in "$@"; do said 1 "holdfast.yaml:$pattern"; done
	[ "$(grep -c 'holdfast.yaml:[0-9]' "$T/err")" -eq $# ] || fail "more was found: $(cat "$T/err")"
	sed -e 's/^holdfast: //' "$T/err" | grep ':[0-9]*:[0-9]*: ' >"$T/told"
	expect "$status" holdfast config check --json
	"$PYTHON" - "$T/out" "$T/told" <<-'P' || fail "objects and words differ: $(cat "$T/out" "$T/told")"
	import json, sys
	objects = [json.loads(line) for line in open(sys.argv[1])]
	summary = objects.pop()
	told = open(sys.argv[2]).read().splitlines()
	words = ["%s:%d:%d: %s%s" % (o["file"], o["line"], o["column"], "" if o["type"] == "error" else o["type"] + ": ",
	    o["message"]) for o in objects]
	assert words == told, words
	assert summary == {"type": "summary", **{kind + "s": sum(o["type"] == kind for o in objects)
	    for kind in ("error", "warning", "note")}}, summary
	P
	[ ! -s "$T/err" ] || fail "words beside objects: $(cat "$T/err")"
}

findings 0
: >"$T/password"
findings 2 "5:20: repository home: $T/password: the password is empty$"
expect 2 holdfast backup
rm "$T/password"
findings 0 "5:20: warning: repository home: $T/password: No such file or directory"
mkdir "$T/password"
findings 2 "5:20: repository home: $T/password: a password file must be a regular file$"
rmdir "$T/password"
echo "correct horse battery staple" >"$T/password"
chmod 600 "$T/password"
mv "$T/chats" "$T/away"
findings 0 "13:11: warning: account chats: path: $T/chats: No such file or directory$"
ln -s chats "$T/chats"
findings 2 "13:11: account chats: path: $T/chats: Too many levels of symbolic links$"
rm "$T/chats"
mv "$T/away" "$T/chats"
if [ "$(id -u)" != 0 ]; then
	chmod 300 "$T/chats"
	findings 2 "13:11: account chats: path: $T/chats: Permission denied$"
	chmod 700 "$T/chats"
fi
cat >>"$HOLDFAST_CONFIG" <<-E
	  people:
	    source: carddav
	    url: https://dav.example.org/
	    user: alice
	    password_file: $T/dav
	E
: >"$T/dav"
chmod 600 "$T/dav"
findings 2 "18:20: account people: $T/dav: the password is empty$"
# That is no reason to back up nothing.
sed 's/types: .*/&\n    accounts: [chats, people]/' "$HOLDFAST_CONFIG" >"$T/new.yaml"
expect 0 holdfast config check --file-only -c "$T/new.yaml"
chmod 600 "$T/new.yaml"
expect 0 holdfast backup -c "$T/new.yaml"
echo "    pasword: x" >>"$HOLDFAST_CONFIG"
findings 2 "19:5: account people: unknown option pasword"
echo "nonsense: 1" >>"$HOLDFAST_CONFIG"
findings 2 "20:1: the file: unknown key nonsense"
expect 2 holdfast config check --json -c /nonexistent.yaml
json_lines "$T/out" '^{"type":"error","message":"/nonexistent.yaml: No such file or directory"}$'
