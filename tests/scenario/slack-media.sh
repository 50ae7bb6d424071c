#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Files of a Slack export: those beside it are read there, those of url_private are got with the token, which goes to its
# own server and nowhere else; a token that is wrong is told, and the right one brings the rest.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic

token=xoxb-1234-this-is-the-token
mkdir -p "$T/export/general" "$T/export/__uploads/F0BESIDE" "$T/www" "$T/elsewhere"
"$PYTHON" "$tests/tools/file-server" --token "$token" "$T/www" "$T/port" "$T/requests" &
spawned=$!
"$PYTHON" "$tests/tools/file-server" "$T/elsewhere" "$T/other-port" "$T/other-requests" &
spawned="$spawned $!"
until [ -s "$T/port" ] && [ -s "$T/other-port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$T/port") other=http://127.0.0.1:$(cat "$T/other-port")
"$PYTHON" - "$T" "$url" "$other" <<'P' || fail "making the export"
import json, random, sys
top, url, other = sys.argv[1:]
r = random.Random(5)
files = [("F0PRIVATE", "plan.pdf", url + "/guarded/plan.pdf", top + "/www/"),
         ("F0LARGE", "film.mp4", url + "/guarded/film.mp4", top + "/www/"),
         ("F0BESIDE", "note.txt", url + "/guarded/note.txt", top + "/export/__uploads/F0BESIDE/"),
         ("F0OTHER", "other.bin", other + "/other.bin", top + "/elsewhere/")]
messages = []
for i, (id, name, where, folder) in enumerate(files):
    data = r.randbytes(3 << 20 if name == "film.mp4" else 5000)
    with open(folder + name, "wb") as f:
        f.write(data)
    messages.append({"type": "message", "user": "U1", "ts": "17672%05d.000100" % i, "text": name,
                     "files": [{"id": id, "name": name, "size": len(data), "url_private": where}]})
for path, value in (("channels.json", [{"id": "C1", "name": "general"}]), ("users.json", [{"id": "U1", "name": "ann"}]),
                    ("general/2026-01-01.json", messages)):
    with open(top + "/export/" + path, "w") as f:
        json.dump(value, f)
P
mkdir "$T/all"
cp "$T"/www/* "$T"/elsewhere/* "$T"/export/__uploads/*/* "$T/all"

begin_config
cat >>"$HOLDFAST_CONFIG" <<E
  acme:
    source: slack-export
    path: $T/export
    token_file: $T/token
    files_url: $url
    http:
      allow_http: true
      media_origin: $other
E
set_types 'chats, media'
echo "not-$token" >"$T/token"
chmod 600 "$T/token"
expect 0 holdfast init

check() {
	restic_restore
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" acme "$T/all" "$@" ||
		fail "the media are not what they should be"
}

# The wrong one: what needs none is there all the same.
expect 3 holdfast backup
check stored=2 failed:no_permission=2
grep -q '^/guarded/plan.pdf 0 401 .* authorized$' "$T/requests" || fail "no token was sent: $(cat "$T/requests")"
echo "$token" >"$T/token"
expect 0 holdfast backup --full
cat "$T/out" "$T/err" >"$T/said"
check stored=4 original=4
! grep -q note.txt "$T/requests" || fail "a file beside the export was asked for"
! grep -q authorized "$T/other-requests" || fail "the token went to another server"
[ -s "$T/other-requests" ] || fail "the other server was not asked"
! grep -rqF "$token" "$T/said" "$T/restored" "$HOLDFAST_STATE_DIR" || fail "the token was written somewhere"
expect 0 holdfast backup
exit 0
