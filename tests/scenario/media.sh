#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Media beside an export and from a server: every byte comes back, limits hold, dead links are told and tried again
# later, the same file is got once, and a run with nothing new adds nothing.
. "${srcdir:-.}/lib.sh"
need restic

files=$T/chats/files
mkdir -p "$T/chats/messages" "$files" "$T/www"
"$PYTHON" - "$T" <<'E' || fail "making the files"
import os, random, sys
top = sys.argv[1]
r = random.Random(11)
sizes = {"a.bin": 0, "b.bin": 1, "c d.bin": 70000, "e.bin": 3 << 20, "big.bin": 9 << 20}
for name, size in sizes.items():
    with open(top + "/chats/files/" + name, "wb") as f:
        f.write(r.randbytes(size))
for name, size in {"w1.bin": 100, "w2.bin": 500000, "w3.bin": 2 << 20, "twice.bin": 30000, "huge.bin": 9 << 20}.items():
    with open(top + "/www/" + name, "wb") as f:
        f.write(r.randbytes(size))
with open(top + "/secret", "w") as f:
    f.write("not yours\n")
os.symlink("../../secret", top + "/chats/files/link.bin")
E
"$PYTHON" "$tests/tools/file-server" "$T/www" "$T/port" "$T/requests" &
spawned=$!
until [ -s "$T/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$T/port")

message() {
	printf '{"id":"%s","sender_id":"u1","sent_at":"2026-01-02T03:04:%02dZ","text":"%s","media":[%s]}\n' "$1" "$2" "$1" "$3"
}
{
	message one 1 '{"name":"a.bin","path":"files/a.bin"},{"name":"b.bin","path":"files/b.bin"}'
	message two 2 '{"kind":"file","url":"files/c%20d.bin"}'
	message three 3 '{"name":"same.bin","path":"files/b.bin"},{"name":"same.bin","path":"files/e.bin"}'
	# What leads out of the folder, or is no file.
	message bad 4 '{"path":"../secret"},{"path":"files/link.bin"},{"path":"files"},{"path":"files/none.bin"}'
	message lost 5 '{"name":"gone.jpg","missing":"not included, change data exporting settings"}'
	message big 6 '{"path":"files/big.bin"},{"path":"files/big.bin","size":99999999,"name":"told.bin"}'
} >"$T/chats/messages/index.jsonl"
{
	message w1 7 '{"url":"'"$url"'/w1.bin","kind":"image"}'
	message w2 8 '{"url":"'"$url"'/w2.bin?x=1"}'
	message w3 9 '{"url":"'"$url"'/untold/w3.bin"}'
	message t1 10 '{"id":"T","url":"'"$url"'/twice.bin"}'
	message t2 11 '{"id":"T","url":"'"$url"'/twice.bin"}'
	message t3 12 '{"id":"T","url":"'"$url"'/twice.bin"}'
	message huge 13 '{"url":"'"$url"'/huge.bin"},{"url":"'"$url"'/endless/x.bin"}'
	message dead 14 '{"url":"'"$url"'/gone/x.bin"},{"url":"'"$url"'/missing/y.bin"},{"url":"'"$url"'/secret/z.bin"}'
	message page 15 '{"url":"'"$url"'/login/x.png","mime":"image/png"}'
	message odd 16 '{"url":"gopher://example.org/x"},{"url":"https://127.0.0.1:9/x"}'
} >"$T/chats/messages/web.jsonl"

begin_config
add_web_account family "$T/chats" "$url"
set_limit() {
	sed -e 's/types: \[chats\]/types: [chats, media]/' -e '/max_media_size/d' -e '/^    options:/d' "$HOLDFAST_CONFIG" |
		sed "/types:/a\\
    options:\\
      max_media_size: $1" >"$T/new.yaml"
	cat "$T/new.yaml" >"$HOLDFAST_CONFIG"
}
set_limit '8 MB'
expect 0 holdfast init

# check COUNTS..: what is in the newest snapshot.
check() {
	restic_restore
	mkdir -p "$T/all"
	cp -R "$T/chats/." "$T/www/." "$T/all/"
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" family "$T/all" "$@" ||
		fail "the media are not what they should be"
}

# is_new COUNT: so many files are told to be new; what was left out or failed is not.
is_new() {
	[ "$(awk '$1 == "media" && $2 != "of" { print $4 }' "$T/out")" = "$1" ] || { cat "$T/out"; fail "not $1 files are new"; }
}

# 11 that are stored: of the two same.bin each has its own bytes.
expect 3 holdfast backup
is_new 11
check stored=11 original=11 skipped:missing=1 skipped:too_large=4 skipped:not_supported=1 \
	failed:no_permission=6 failed:not_found=1 failed:gone=2
[ -f "$T/restored/media/family/%69ndex/one-a.bin" ] || fail "the room \"index\" has no folder of its own"
expect_text "$T/restored/holdfast.json" 'media/family/web/dead-x.bin'
expect_text "$T/restored/media/family/index/000001.jsonl" '"reason":"gone","http_status":410'
[ "$(grep -c '^/twice.bin ' "$T/requests")" = 1 ] || fail "one file with one id was got more than once"
# An endless body stops at the limit, but for what is on its way.
sent=$(awk '$1 == "/endless/x.bin" { print $4 }' "$T/requests")
[ -n "$sent" ] && [ "$sent" -le $((8000000 + 8 * 1048576)) ] || fail "an endless body went on: ${sent:-?} bytes"
! grep -rq 'not yours' "$T/restored" || fail "a file outside of the export was backed up"

# Nothing new: nothing is asked for, and only /holdfast.json differs.
before=$(wc -l <"$T/requests")
newest() {
	restic --quiet snapshots --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[-1]["id"])'
}
snapshot=$(newest)
expect 0 holdfast backup
is_new 0
[ "$(wc -l <"$T/requests")" = "$before" ] || fail "a run with nothing new asked the server"
restic --quiet diff "$snapshot" "$(newest)" >"$T/diff" || fail "restic diff"
grep '^[M+U-] ' "$T/diff" | grep -v '^[MU] *[0-9]* */holdfast.json$' >"$T/more"
[ ! -s "$T/more" ] || { cat "$T/diff"; fail "a run with nothing new changed more than holdfast.json"; }

# A higher limit: what was too large is fetched now, and the rest is not asked for again.
set_limit '20 MB'
expect 0 holdfast backup
is_new 2
check stored=13 skipped:too_large=2
sort "$T/requests" | uniq -c | awk '$1 > 1 && $2 != "/huge.bin" && $2 != "/endless/x.bin"' >"$T/twice"
[ ! -s "$T/twice" ] || { cat "$T/twice"; fail "something was asked for twice"; }

# Edits and deletions take nothing away.
{
	printf '{"id":"one","deleted_at":"2026-02-01T00:00:00Z"}\n'
	message two 2 ''
} >>"$T/chats/messages/index.jsonl"
expect 0 holdfast backup
check stored=13

# Dead links are tried again, at growing distances.
if command -v faketime >/dev/null 2>&1; then
	tries() {
		grep -c '^/gone/x.bin ' "$T/requests"
	}
	[ "$(tries)" = 1 ] || fail "tried $(tries) times at first"
	later() {
		FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f "+$1" "$HOLDFAST" backup >"$T/out" 2>"$T/err"
		[ $? = "$2" ] || { cat "$T/err"; fail "the backup $1 later"; }
	}
	later 30m 0
	[ "$(tries)" = 1 ] || fail "tried again within the hour"
	later 61m 3
	[ "$(tries)" = 2 ] || fail "not tried again after an hour"
	later 130m 0
	[ "$(tries)" = 2 ] || fail "tried again within two hours"
	later 185m 3
	[ "$(tries)" = 3 ] || fail "not tried again after two hours more"
	# It is there again.
	mkdir -p "$T/www/gone"
	restic_restore
	expect_text "$T/restored/media/family/index/000001.jsonl" '"attempts":3'
else
	echo "faketime is missing: the distance of tries was not tested"
fi

# Without chats the source is asked.
sed -e 's/types: \[chats, media\]/types: [media]/' -e "s|$RESTIC_REPOSITORY|$T/other|" "$HOLDFAST_CONFIG" >"$T/other.yaml"
rm -rf "$T/state"
expect 0 holdfast -c "$T/other.yaml" init
expect 3 holdfast -c "$T/other.yaml" backup
RESTIC_REPOSITORY=$T/other
restic_restore
check skipped:missing=1 skipped:not_supported=1 failed:not_found=1 failed:gone=2
[ -f "$T/restored/media/family/web/w3-w3.bin" ] || fail "without chats: nothing was stored"
expect 0 holdfast -c "$T/other.yaml" backup
exit 0
