#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# CardDAV servers that fill a client's memory: with a tag, a comment or names without end, with addresses, ETags, cards
# in cards, cards and properties that are long.  No process takes more than 32 MiB (but for the one that derives the
# key), neither at a backup nor when cards are put back.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" cc restic
cc -O1 -o "$T/follow" "$tests/bench/peaks.c" 2>"$T/err" || skip "peaks.c is for Linux: $(head -n 1 "$T/err")"

# follow STATUS COMMAND..: and no process is too large.
follow() {
	status=$1
	shift
	expect "$status" "$T/follow" "$T/peaks" "$HOLDFAST" "$@"
	awk '$3 == "exec" { n++; if ($4 > 32768) bad = 1 } END { exit bad || n == 0 }' "$T/peaks" ||
		fail "memory, $mode: $(cat "$T/peaks")"
	echo "$mode, $1: $(awk '$3 == "exec" && $4 > most { most = $4 } END { print most }' "$T/peaks") KiB"
}

# The cards in the newest snapshot are those that the server has, whatever their order.
compare_with() {
	expect 0 restic --quiet dump latest /contacts/people/contacts.vcf
	"$PYTHON" - "$1" "$T/out" <<-'P' || fail "$mode: not the server's cards"
	import sys, urllib.request
	def cards(text):
	    return sorted(text.split(b"\nEND:VCARD\n"))
	sent = cards(urllib.request.urlopen(sys.argv[1]).read())
	assert len(sent) > 3 and cards(open(sys.argv[2], "rb").read()) == sent
	P
}

for mode in tag:1 comment:1 names:1 addresses:1 ids:1 agents:0 large:3 property:0 etags:0; do
	status=${mode#*:}
	mode=${mode%:*}
	"$PYTHON" "$tests/tools/dav-hostile" "$mode" >"$T/port" 2>"$T/server" &
	server=$!
	spawned="$spawned $server"
	n=0
	while [ ! -s "$T/port" ]; do
		n=$((n + 1))
		[ $n -lt 300 ] || fail "dav-hostile: $(cat "$T/server")"
		sleep 0.1
	done
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	begin_config
	set_types contacts 'retry: {max_attempts: 1}'
	printf '  people:\n    source: carddav\n    url: http://127.0.0.1:%s/\n' "$(cat "$T/port")" >>"$HOLDFAST_CONFIG"
	expect 0 holdfast init
	follow "$status" backup
	[ "$status" != 0 ] || compare_with "http://127.0.0.1:$(cat "$T/port")/"
	[ "$mode" != etags ] || follow 0 restore --contacts-to people
	kill "$server"
	wait "$server" 2>/dev/null
	: >"$T/port"
done
