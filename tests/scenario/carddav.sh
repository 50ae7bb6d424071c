#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Contacts of radicale and xandikos: all cards restored by restic, requests counted, changes, deletions, states that
# the server has forgotten, and cards put back.  CARDS and SERVERS: other numbers and servers.  FIGURE=1: only the
# requests of the first backups are measured, as the rest takes hours with 10,000 cards.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic
: "${CARDS:=300}"

# begin KIND: a server with cards, the proxy, and a repository.
begin() {
	need_server "$1"
	start_server "$1"
	if [ "$1" = xandikos ]; then
		# It has made the address book; it reads what is put beside it only after a start.
		dav request PROPFIND "$direct$book_path" >/dev/null || fail "xandikos"
		stop_server
	fi
	fill_book 1 "$2"
	[ "$1" = radicale ] || start_server "$1"
	# Cards that were put there in another way are slow when they are first looked at.
	dav request PROPFIND "$direct$book_path" >/dev/null || fail "PROPFIND"
	start_proxy
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR" "$RESTIC_CACHE_DIR"
	begin_config
	sed 's/types: .*/types: [contacts]\n    accounts: [people]/' "$HOLDFAST_CONFIG" >"$T/config"
	cat "$T/config" >"$HOLDFAST_CONFIG"
	add_dav people "$url/"
	expect 0 holdfast init
}

end() {
	stop_proxy
	stop_server
}

# backup STATUS WHAT MOST NEW: a backup with so many requests at most, and so many cards that are NEW, if given.
backup() {
	count_reset
	expect "$1" holdfast backup
	n=$(requests)
	echo "$server: $2: $n requests"
	[ "$n" -le "$3" ] || fail "$server: $2: $n requests, more than $3"
	restic_restore
	compare_cards people --loose "$book"
	[ -z "${4-}" ] || expect_added "$4"
}

# The server's own way to change a card.
change() {
	dav request PUT "$direct$book_path$2" "$1" >/dev/null || fail "PUT"
}

forget_states() {
	case $server in
	radicale) rm -rf "$book/.Radicale.cache/sync-token" ;;
	xandikos)
		stop_server
		rm -rf "$book/.git"
		xandikos_dav commit "$book"
		start_server xandikos
		;;
	esac
}

for kind in ${SERVERS-radicale xandikos}; do
	begin "$kind" "$CARDS"
	backup 0 "first backup of $CARDS cards" $((CARDS / 64 + 10)) "$CARDS"
	[ "$(wc -l <"$T/restored/contacts/people/index.jsonl")" = "$CARDS" ] || fail "not $CARDS cards"
	backup 0 "nothing new" 3 0
	nothing_changed
	dav fill "$T" 10 10
	sed 's/Person Number 10/Somebody New/' "$T/card-000010.vcf" >"$T/changed.vcf"
	change "$T/changed.vcf" card-000010.vcf
	backup 0 "one changed" 3 1
	first=$(restic --quiet snapshots --json | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["id"])')

	dav fill "$T" 7 7
	sed 's/Person Number 7/Somebody Else/' "$T/card-000007.vcf" >"$T/changed.vcf"
	change "$T/changed.vcf" card-000007.vcf
	dav fill "$T" $((CARDS + 1)) $((CARDS + 1))
	new=$(printf 'card-%06d.vcf' $((CARDS + 1)))
	change "$T/$new" "$new"
	dav request DELETE "$direct${book_path}card-000008.vcf" >/dev/null || fail "DELETE"
	backup 0 "one new, one changed, one deleted" 4 3
	[ "$(wc -l <"$T/restored/contacts/people/index.jsonl")" = "$CARDS" ] || fail "not $CARDS cards"
	grep -q 'card-000008' "$T/restored/contacts/people/contacts.vcf" && fail "a deleted card is there"
	restic_restore "$first"
	grep -q 'UID:card-000008' "$T/restored/contacts/people/contacts.vcf" ||
		fail "the older snapshot has lost a card"
	if [ -n "${FIGURE-}" ]; then
		end
		continue
	fi

	# A state that the server has forgotten: all is read again, and what is gone is gone.
	dav request DELETE "$direct${book_path}card-000009.vcf" >/dev/null || fail "DELETE"
	forget_states
	backup 0 "a forgotten state" $((CARDS / 64 + 16)) 1
	grep -q 'UID:card-000009' "$T/restored/contacts/people/contacts.vcf" && fail "a deleted card is there"
	backup 0 "nothing new" 3 0
	nothing_changed

	# Cards come back that were deleted and changed, with the pictures that are still there, and none is deleted.
	dav request DELETE "$direct${book_path}card-000011.vcf" >/dev/null || fail "DELETE"
	dav fill "$T" 20 20
	sed 's/Person Number 20/Nobody/' "$T/card-000020.vcf" >"$T/changed.vcf"
	change "$T/changed.vcf" card-000020.vcf
	dav fill "$T" 999999 999999
	change "$T/card-999999.vcf" card-999999.vcf
	expect 0 holdfast restore --contacts-to people
	expect_text "$T/out" "^dry run: 1 created, 1 replaced, $((CARDS - 3)) the same, 0 failed"
	dav request GET "$direct${book_path}card-000020.vcf" >"$T/card" && expect_text "$T/card" Nobody
	expect 0 holdfast restore --contacts-to people --yes
	expect_text "$T/out" "^1 created, 1 replaced, $((CARDS - 3)) the same, 0 failed"
	for name in card-000011.vcf card-000020.vcf card-999999.vcf; do
		dav request GET "$direct$book_path$name" >"$T/card" || fail "$name is not there"
	done
	dav request GET "$direct${book_path}card-000020.vcf" >"$T/card"
	expect_text "$T/card" 'Person Number 20'
	expect_text "$T/card" '^PHOTO'
	expect 0 holdfast restore --contacts-to people --json
	json_lines "$T/out" '"dry_run":true,"created":0,"replaced":0'
	backup 0 "after putting back" 5
	end
done
