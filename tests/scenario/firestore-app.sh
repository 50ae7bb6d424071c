#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A whole chat app in Firestore: its chats, media and contacts, by README's example with nothing but the preset, a
# project and an account; every message, file and card compared.  Media that are gone, tokens that end between them,
# nested arrays, changes, nothing new, contacts that are refused.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

HOME=$T/home
export HOME
app=$T/gen
mkdir -p "$HOME/.config/holdfast" "$app/www" "$app/storage"

# The account's key as the console gives it: it says itself where tokens are got.
place_key() {
	key=$HOME/.config/holdfast/my-project.json
	(umask 077 && sed "s|http://127.0.0.1:[0-9]*/token|http://127.0.0.1:$port/token|" "$T/key.json" >"$key")
}

make_key
server_start --project my-project --account "$T/key.json" --files "$app/storage"
place_key
"$PYTHON" "$tests/tools/file-server" "$app/www" "$T/www-port" "$T/www-log" &
spawned="$spawned $!"
until [ -s "$T/www-port" ]; do sleep 0.05; done
plain=http://127.0.0.1:$(cat "$T/www-port")

# make_app OPTION..: what the app has from now on; $stored and $lost attachments.
make_app() {
	"$PYTHON" "$tests/tools/gen-app" --photo "$tests/data/images/hibiscus.regular.jpeg" "$@" "$app" \
		"http://127.0.0.1:$port" "$plain" >"$T/counts" || fail "gen-app"
	read -r stored lost <"$T/counts"
	server POST "load?path=$app/app.jsonl" >/dev/null
}

# begin_app [OPTION-LINE..]: a new repository, README's account, and these options.
begin_app() {
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	begin_config
	sed -e '/^accounts:/d' -e 's/types: .*/types: [chats, media, contacts]/' "$HOLDFAST_CONFIG" >"$T/begin.yaml"
	{
		cat "$T/begin.yaml"
		sed -n '/^### A Firestore app/,/^The preset/s/^    //p' "$tests/../README.md"
		cat <<-E
		    endpoints: {firestore: "http://127.0.0.1:$port", storage: "http://127.0.0.1:$port"}
		    http: {allow_http: true, media_origin: "$plain"}
		E
		for line in "$@"; do
			printf '    %s\n' "$line"
		done
	} >"$HOLDFAST_CONFIG"
	expect 0 holdfast init
	forget_requests
}

forget_requests() {
	server POST reset >/dev/null
	: >"$T/www-log"
}

# asked_for KIND: how many requests of one kind there were.
asked_for() {
	server GET counts | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["by"].get(sys.argv[1], 0))' "$1"
}

# How many files were asked for.
media_requests() {
	echo $(($(asked_for media) + $(wc -l <"$T/www-log")))
}

# compare_app [OPTION]: everything in the newest snapshot is as it is in the app.
compare_app() {
	restic_restore
	compare_raw app "$@" firestore "$app/app.jsonl"
	mkdir -p "$T/all/v0/b/my-project.appspot.com/o"
	cp -R "$app/www/." "$app/storage/my-project.appspot.com/." "$T/all/"
	cp -R "$app/storage/my-project.appspot.com/." "$T/all/v0/b/my-project.appspot.com/o/"
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" app "$T/all" stored="$stored" \
		failed="$lost" failed:gone="$lost" || fail "the media are not what they should be"
	"$PYTHON" "$tests/tools/compare-cards" --loose "$app/people.vcf" "$T/restored/contacts/app" ||
		fail "the contacts are not what they should be"
	"$PYTHON" - "$T/restored" "$app" <<-'P' || fail "people, or what is told of the media"
	import glob, hashlib, json, sys
	top, app = sys.argv[1:]
	rooms, names = json.load(open(app + "/rooms.json")), {}
	for file in glob.glob(top + "/chats/app/rooms/*/room.json"):
	    room = json.load(open(file))
	    want = rooms.pop(room["id"])
	    assert room["name"] == want["name"], room
	    people = json.load(open(file.replace("/room.json", "/participants.json")))["participants"]
	    assert sorted(p["id"] for p in people) == sorted(want["members"]), people
	    for user in want["members"]:
	        names[user] = want["members"][user]
	assert not rooms, "lost: %s" % list(rooms)
	docs = [json.loads(line) for line in open(app + "/app.jsonl")]
	users = {d["name"].split("/")[-1]: d for d in docs if "/documents/users/" in d["name"]}
	people = [json.loads(line) for file in glob.glob(top + "/chats/app/people/records/*.jsonl") for line in open(file)]
	assert {p["id"]: p["name"] for p in people} == names, people
	assert {p["id"]: p["raw"] for p in people} == users and len(people) == len(users), people
	records = {}
	for file in sorted(glob.glob(top + "/media/app/index/*.jsonl")):
	    for line in open(file):
	        r = json.loads(line)
	        if r["op"] == "media":
	            records[r["room"], r["message"], r["attachment"]["url"]] = r
	for m in json.load(open(app + "/media.json")):
	    r = records.pop((m["room"], m["message"], m["url"]))
	    if m["file"] is None:
	        assert (r["state"], r["reason"], r["http_status"]) == ("failed", "gone", 404), r
	        continue
	    data = open(app + "/" + m["file"], "rb").read()
	    assert r["state"] == "stored" and r["sha256"] == hashlib.sha256(data).hexdigest(), r
	assert not records, list(records)[:3]
	P
}

# --- README's example, and nothing else ------------------------------------------------------------

make_app
begin_app
expect 0 holdfast config check
expect 3 holdfast backup
expect_text "$T/out" '404'
compare_app
restic_is_content
[ "$(grep -c '"done":"recompressed"' "$T/restored/media/app/index/000001.jsonl")" = 1 ] ||
	fail "the photograph is as large as it was"

# Nothing new: no file is asked for, and what is gone only after its time.
forget_requests
expect 0 holdfast backup
[ "$(media_requests)" = 0 ] || fail "a run with nothing new asked for files"
[ "$(requests)" -le 10 ] || fail "$(requests) requests in a run with nothing new"
expect 0 restic snapshots --json
"$PYTHON" -c 'import json, sys; print(*[s["id"] for s in json.load(open(sys.argv[1]))[-2:]])' "$T/out" >"$T/ids"
# shellcheck disable=SC2046 # two words
expect 0 restic diff $(cat "$T/ids")
[ "$(grep -c '^[-+MTU] ' "$T/out")" = 1 ] || fail "more was written than the manifest: $(cat "$T/out")"

# New messages, a picture that an edit adds, contacts that are new, changed and gone: only what is new is asked for.
before=$stored
for more in 1 2; do
	make_app --more $more
	forget_requests
	expect 0 holdfast backup
	compare_app --current
	n=$(media_requests)
	[ "$n" = $((stored - before)) ] || fail "$n files asked for, not $((stored - before))"
	before=$stored
done
expect 0 restic snapshots --json
older=$("$PYTHON" -c 'import json, sys; print(json.load(open(sys.argv[1]))[-1]["id"])' "$T/out")
server POST 'delete?path=contacts/c05' >/dev/null
expect 0 holdfast backup
restic_restore
grep -q '^UID:c05' "$T/restored/contacts/app/contacts.vcf" && fail "a contact that is gone is there"
restic_restore "$older"
grep -q '^UID:c05' "$T/restored/contacts/app/contacts.vcf" || fail "the older snapshot has lost a contact"

# Contacts that may not be read: told once, nothing is lost, and the rest goes on.
server POST 'set?fail=%3Econtacts=403' >/dev/null
make_app --more 3
forget_requests
expect 3 holdfast backup
expect_text "$T/out" 'no permission to read the contacts'
# Changes, rooms, users and contacts are asked for once each.
[ "$(server GET log | grep -c '^runQuery $')" = 4 ] || fail "contacts that are refused were asked for again"
restic_restore
compare_raw app --current firestore "$app/app.jsonl"
grep -q '^UID:c04' "$T/restored/contacts/app/contacts.vcf" || fail "contacts were lost"
server POST 'set?fail=' >/dev/null
expect 0 holdfast backup
compare_app --current

# --- arrays in maps in arrays, and a token that ends between the files -------------------------------

rm -rf "$app"
mkdir -p "$app/www" "$app/storage"
server_stop
server_start --project my-project --account "$T/key.json" --files "$app/storage" --pretty 1
place_key
make_app --nested
nested='messages: {fields: {media: [mediaUrl, "attachments[].url", "albums[].pictures[].at.src", "links[]"]}}'
begin_app "$nested"
expect 3 holdfast backup
compare_app
all=$(requests)
tokens=$(asked_for token)
for k in 1 3; do
	begin_app "$nested"
	# Requests with the account's token: a few for the chats, then those files that bring none of their own.
	server POST "set?expire_at=$((5 + 20 * k))" >/dev/null
	expect 3 holdfast backup
	[ "$(asked_for token)" = $((tokens + 1)) ] || fail "$(asked_for token) tokens, $tokens without one that ends"
	[ "$(requests)" -le $((all + 12)) ] || fail "$(requests) requests with a token that ends, $all without"
	compare_app
	server POST "set?expire_at=0" >/dev/null
done
# It ends again and again.
begin_app "$nested"
server POST "set?expire_every=30&forget=1" >/dev/null
expect 3 holdfast backup
compare_app
server POST "set?expire_every=0&forget=1" >/dev/null

# The account is locked out between the files: told, and later got, and the service is not asked again and again.
begin_app "$nested"
server POST "set?expire_at=40&revoked=2" >/dev/null
expect 3 holdfast backup
expect_text "$T/out" 'needs login'
[ "$(asked_for token)" -le $((tokens + 1)) ] || fail "a refused sign-in was tried $(asked_for token) times"
restic_restore
compare_raw app firestore "$app/app.jsonl"
server POST "set?expire_at=0&revoked=0" >/dev/null
expect 3 holdfast backup --full
compare_app
restic_is_content
grep -rl 'access-[0-9]\|PRIVATE' "$HOLDFAST_STATE_DIR" "$T/err" "$T/out" && fail "a secret was written down"
server_stop
