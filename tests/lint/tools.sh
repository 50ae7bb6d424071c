#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The comparison tools find what they are there to find.
. "${srcdir:-.}/lib.sh"
need "$PYTHON"
generate 300 5

# What a perfect backup of the chats would be restored as, in white space of its own.
"$PYTHON" - "$T/chats" "$T/restored/chats/good" <<'E' || fail "cannot write the account"
import json, os, sys
export, account = sys.argv[1:]
for name in os.listdir(export + "/messages"):
    room = "".join(c if c.islower() or c.isdigit() else "%%%02X" % ord(c) for c in name[:-len(".jsonl")])
    os.makedirs("%s/rooms/%s/messages" % (account, room))
    with open("%s/rooms/%s/messages/000001.jsonl" % (account, room), "w") as f:
        for line in open("%s/messages/%s" % (export, name)):
            f.write('{"op":"message","id":%s,"raw": %s }\n' % (json.dumps(json.loads(line)["id"]), line.strip().replace('":', '" : ', 1)))
E
compare_raw good jsonl "$T/chats"
compare_raw good --current jsonl "$T/chats"
compare_raw good --history jsonl "$T/chats"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/restored" || fail "a tree differs from itself"

# damaged SED-COMMAND OPTION..: the longest log, changed by sed, must not pass.
log=$(find "$T/restored" -name '*.jsonl' -exec ls -S {} + | head -n 1)
damaged() {
	command=$1
	shift
	rm -rf "$T/restored/chats/bad" "$T/copy"
	cp -R "$T/restored/chats/good" "$T/restored/chats/bad"
	bad=$(echo "$log" | sed 's|/good/|/bad/|')
	sed "$command" "$log" >"$bad"
	cmp -s "$log" "$bad" && fail "sed '$command' changes nothing"
	"$PYTHON" "$tests/tools/compare-raw" "$@" jsonl "$T/chats" "$T/restored/chats/bad" >"$T/out" &&
		fail "compare-raw $* passes after sed '$command'"
	"$PYTHON" "$tests/tools/compare-trees" "$T/restored/chats/good" "$T/restored/chats/bad" >"$T/out" &&
		fail "compare-trees passes after sed '$command'"
	return 0
}
for option in "" --current --history; do
	# shellcheck disable=SC2086 # none or one
	damaged 3d $option
	# shellcheck disable=SC2086 # none or one
	damaged '5s/"text":"\(.\)/"text":"\\u0041/' $option
	# shellcheck disable=SC2086 # none or one
	damaged '2s/"sent_at"/"Sent_at"/' $option
done
damaged 4p
damaged '4p;4s/"id":"[^"]*"/"id":"other"/' --current

# Number spelling, key order and escapes count.
mkdir -p "$T/one/messages" "$T/restored/chats/one/rooms/r/messages"
echo '{"id":"r"}' >"$T/one/rooms.jsonl"
printf '%s\n' '{"id":"1","n":1.0,"t":"é","u":"\u00e9"}' >"$T/one/messages/r.jsonl"
for raw in '{"id":"1","n":1.00,"t":"é","u":"\u00e9"}' '{"id":"1","n":1.0,"u":"\u00e9","t":"é"}' \
	'{"id":"1","n":1.0,"t":"é","u":"é"}' '{"id":"1","n":1.0,"t":"é","u":"\u00E9"}'; do
	printf '{"op":"message","id":"1","raw":%s}\n' "$raw" >"$T/restored/chats/one/rooms/r/messages/000001.jsonl"
	"$PYTHON" "$tests/tools/compare-raw" jsonl "$T/one" "$T/restored/chats/one" >"$T/out" && fail "equal to $raw"
done
printf '{"op":"message","id":"1","raw":{"id" :"1", "n":1.0,"t":"é","u":"\\u00e9"} }\n' \
	>"$T/restored/chats/one/rooms/r/messages/000001.jsonl"
compare_raw one jsonl "$T/one"
