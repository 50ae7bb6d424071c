#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Accounts whose source could have chats and contacts, but as they are configured has one of them: with the types left
# to their default the other one is no failure, and asked for by name it is a mistake.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic

for name in gajim wa; do
	"$PYTHON" - "$tests/data/sqlite/$name.sql" "$T/$name.db" <<-'E' || fail "making $name.db"
	import sqlite3, sys
	with sqlite3.connect(sys.argv[2]) as db:
	    db.executescript(open(sys.argv[1]).read())
	E
done
begin_config
cat >>"$HOLDFAST_CONFIG" <<E
  jabber:
    source: sqlite
    preset: gajim
    path: $T/gajim.db
  book:
    source: sqlite
    preset: whatsapp-contacts
    path: $T/wa.db
E
# plan_of FILE TYPES ACCOUNTS: the configuration with a plan of these; TYPES may be empty.
plan_of() {
	sed "s/types: .*/${2:+types: $2, }accounts: $3/; s/, accounts: /\\
    accounts: /" "$HOLDFAST_CONFIG" >"$1"
	chmod 600 "$1"
}
plan_of "$T/three.yaml" "[chats, contacts, device_info]" "[jabber, book]"
plan_of "$T/default.yaml" "" "[book]"
plan_of "$T/named.yaml" "[contacts]" "[jabber]"

HOLDFAST_CONFIG=$T/three.yaml
expect 0 holdfast init
for run in first second; do
	expect 0 holdfast backup --json
	"$PYTHON" - "$T/out" <<-'P' || fail "the $run run: $(cat "$T/out")"
	import json, sys
	last = [json.loads(line) for line in open(sys.argv[1])][-1]
	assert last["event"] == "completed", last
	types = last["details"]["types"]
	assert sorted(types["chats"]["accounts"]) == ["jabber"] and types["chats"]["total"] > 0, types
	assert sorted(types["contacts"]["accounts"]) == ["book"] and types["contacts"]["total"] > 0, types
	P
done
restic_restore
[ -s "$T/restored/contacts/book/contacts.vcf" ] || fail "the contacts are not in the backup"
[ -d "$T/restored/chats/jabber/rooms" ] || fail "the chats are not in the backup"
[ ! -e "$T/restored/contacts/jabber" ] && [ ! -e "$T/restored/chats/book" ] || fail "what there is none of is there"

HOLDFAST_CONFIG=$T/default.yaml
expect 0 holdfast backup
! grep '^media' "$T/out" || fail "a type that no account has is in the result"

HOLDFAST_CONFIG=$T/named.yaml
expect 2 holdfast backup
expect_text "$T/err" "plan everything: none of its accounts has contacts"
