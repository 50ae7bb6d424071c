#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A server with the media of a chat fails at one request of the first backup, in each way there is: no wrong byte is
# ever stored, nothing that is missing counts as saved, the next backup without the fault has everything, and the two
# together make no more than three times the requests of one without a fault.  FAULTS and POSITIONS: others than some
# of them; FAULTS=all is everything at all four positions: the first request, a middle one with a body that breaks off
# after its first byte, a middle one with a body that breaks off before its last byte, and the last request.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
some="503 reset-body stale error-page endless 429-hour"
faults=${FAULTS-$some}
positions=${POSITIONS-}
if [ "$faults" = all ]; then
	faults=$("$PYTHON" "$tests/tools/fault-server" --list | cut -d ' ' -f 1)
	: "${positions:=1 2 3 4}"
fi

mkdir -p "$T/chats/messages" "$T/www"
"$PYTHON" "$tests/tools/fault-server" --root "$T/www" --private http://10.0.0.1/ --lifetime 7200 >"$T/port" \
	2>"$T/fault.log" </dev/null &
spawned=$!
until [ -s "$T/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(head -n 1 "$T/port")
"$PYTHON" - "$T" "$url" <<'P' || fail "making the files"
import json, random, sys
top, url = sys.argv[1:]
r = random.Random(31)
# All of a size that the message tells, as most systems do; one has no byte, and one is longer than a buffer of any kind.
sizes = [1, 2, 100, 4096, 65536, 300000, 0, 70001, 1500000, 17, 50000, 8000, 120000, 3, 900000, 40000]
with open(top + "/chats/messages/room.jsonl", "w") as chat:
    for i, size in enumerate(sizes):
        name = "f%02d.bin" % i
        with open("%s/www/%s" % (top, name), "wb") as file:
            file.write(r.randbytes(size))
        media = {"name": name, "url": "%s/%s" % (url, name), "size": size}
        if i % 2:
            media.update(kind="file", mime="application/octet-stream")
        chat.write(json.dumps({"id": "m%02d" % i, "sender_id": "u", "sent_at": "2026-01-02T03:04:05Z", "media": media}) + "\n")
P
files=16

begin_config
add_web_account family "$T/chats" "$url" 'timeout: 1 s' 'connect_timeout: 1 s'
set_types 'chats, media' 'options: {max_media_size: 2 MB}' 'retry: {max_attempts: 1}'
expect 0 holdfast init
cp -R "$RESTIC_REPOSITORY" "$T/base"

control() {
	"$PYTHON" -c 'import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1]).read().decode())' \
		"$url/.fault/$1" || fail "the fault server: $1"
}

asked() {
	control status | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["requests"])'
}

# check WORD [COUNT..]: what is in the newest snapshot; each stored file is the true one.
check() {
	what=$1
	shift
	restic_restore
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" family "$T/www" "$@" >"$T/checked" ||
		fail "$what: $(cat "$T/checked" "$T/err")"
}

# The backup after one that was not whole, when what failed is due again.
get_rest() {
	if command -v faketime >/dev/null 2>&1; then
		FAKETIME_DONT_FAKE_MONOTONIC=1 faketime -f +61m "$HOLDFAST" backup >"$T/out" 2>"$T/err" </dev/null
	else
		sleep 1
		holdfast backup --full >"$T/out" 2>"$T/err" </dev/null
	fi
}

cells=0 whole=0 most=0
# cell FAULT POSITION
cell() {
	case $2 in
	1) at=1 cut='' ;;
	2) at=$((clean / 3)) cut='&cut=1' ;;
	3) at=$((clean * 2 / 3)) cut='&cut=-1' ;;
	*) at=$clean cut='' ;;
	esac
	cell="$1 at $2 (request $at)"
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR" "$RESTIC_CACHE_DIR"
	cp -R "$T/base" "$RESTIC_REPOSITORY"
	control "reset?fault=$1@$at$cut" >/dev/null
	timeout 120 "$HOLDFAST" backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	n=$(asked)
	control status | grep -q '"faults": \["' || fail "$cell: there was no fault"
	case $status in
	0)
		whole=$((whole + 1))
		check "$cell: not whole, and a success" stored=$files
		;;
	3)
		cp "$T/err" "$T/first"
		check "$cell"
		first=$(cat "$T/checked")
		! grep -q skipped "$T/checked" || fail "$cell: given up for good: $first"
		control reset >/dev/null
		get_rest || fail "$cell: the next backup: $? $(cat "$T/err") after $(cat "$T/first")"
		n=$((n + $(asked)))
		check "$cell: then" stored=$files
		;;
	*) fail "$cell: status $status: $(cat "$T/err")" ;;
	esac
	[ "$n" -le $((3 * clean)) ] || fail "$cell: $n requests, $clean without"
	[ "$n" -le "$most" ] || most=$n
	cells=$((cells + 1))
	echo "$cell: status $status, $n requests${first:+ ($first)}"
	first=
}

control reset >/dev/null
expect 0 holdfast backup
check "without a fault" stored=$files
clean=$(asked)
[ "$clean" = $files ] || fail "$clean requests for $files files"
i=0 first=
for fault in $faults; do
	i=$((i + 1))
	for position in ${positions:-$((i % 4 + 1))}; do
		cell "$fault" "$position"
	done
done
echo "$cells cells, $whole of them whole at once; $clean requests without a fault, at most $most with one"
