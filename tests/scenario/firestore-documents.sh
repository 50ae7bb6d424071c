#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The documents of the Firestore clients' own conformance tests as the messages of a room: odd field names, every type
# of value, maps within arrays.  Each comes back token for token, also one that changes.
# HOLDFAST_TEST_DATA: a folder with a chat-firestore-rest of yours.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

mkdir "$T/chats" "$T/later"
"$PYTHON" - "${HOLDFAST_TEST_DATA:-$tests/data}/chat-firestore-rest/documents.jsonl" "$T" <<'E' || fail "cannot read the documents"
import json, re, sys
documents, top = sys.argv[1:]
room = "projects/demo-chat/databases/(default)/documents/rooms/r1"
def line(name, fields, second):
    return '{"name": "%s", "fields": %s, "createTime": "2024-01-01T00:00:01Z", "updateTime": "2024-01-01T00:00:%02dZ"}\n' % (
        name, fields, second)
fields = []
for text in open(documents):
    at = re.search(r'"fields"\s*:\s*', text).end()
    fields.append(text[at:json.JSONDecoder().raw_decode(text, at)[1]])
for folder, second in ("chats", 2), ("later", 3):
    with open("%s/%s/documents.json" % (top, folder), "w") as out:
        out.write(line(room, '{"title": {"stringValue": "conformance"}}', 2))
        for n, value in enumerate(fields):
            changed = folder == "later" and n % 10 == 3
            out.write(line("%s/messages/m%03d" % (room, n), fields[n - 1] if changed else value, 3 if changed else 2))
sys.exit(len(fields) < 100)
E

make_key
for pretty in 0 1; do
	server_start --load "$T/chats" --account "$T/key.json" --pretty $pretty
	# They have no field that says when they were changed.
	fresh "service_account: $T/key.json" 'messages: {fields: {text: a.b.c, sender: foo, updated: ""}}'
	expect 0 holdfast backup
	compare_firestore
	restic_is_content
	expect 0 holdfast backup
	compare_firestore
	server POST "load?path=$T/later" >/dev/null
	expect 0 holdfast backup
	EXPORT=$T/later compare_firestore --current
	compare_raw app --history firestore "$T/chats"
	server_stop
done
