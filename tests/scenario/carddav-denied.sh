#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# No permission is a result of its own: it is told, not tried again, takes nothing away, and the other types go on.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic
need_server radicale
start_server radicale
fill_book 1 20
start_proxy
generate 200 3
begin_config
sed 's/types: .*/types: [chats, contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_account chats jsonl "$T/chats"
add_dav people "$url/"
expect 0 holdfast init
expect 0 holdfast backup

# denied STATUS WHAT
denied() {
	count_reset
	append 5
	expect 3 holdfast backup
	expect_text "$T/out" "people.*no permission to read the contacts: .*HTTP status $1"
	n=$(requests)
	[ "$n" -le 2 ] || fail "$n requests with $2"
	restic_restore
	compare_raw chats --current jsonl "$T/chats"
	compare_cards people --loose "$book"
	[ "$(wc -l <"$T/restored/contacts/people/index.jsonl")" = 20 ] || fail "cards are gone with $2"
}

echo wrong >"$T/dav-password"
denied 401 "a wrong password"
echo secret >"$T/dav-password"
expect 0 holdfast backup

# Somebody else's address book.
sed "s|url: .*|url: $url$book_path|; s|user: .*|user: bob|" "$HOLDFAST_CONFIG" >"$T/config"
cp "$HOLDFAST_CONFIG" "$T/before"
cat "$T/config" >"$HOLDFAST_CONFIG"
denied 403 "another's address book"
cat "$T/before" >"$HOLDFAST_CONFIG"
expect 0 holdfast backup

# When nothing else was to be backed up, the job has failed.
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
snapshots=$(snapshot_count)
echo wrong >"$T/dav-password"
expect 1 holdfast backup
expect_text "$T/err" 'no permission to read the contacts'
[ "$(snapshot_count)" = "$snapshots" ] || fail "a snapshot of nothing"

# A password is in no log, no state and no snapshot.
echo secret >"$T/dav-password"
expect 0 holdfast backup -v
! grep -rq 'secret' "$T/out" "$T/err" "$HOLDFAST_STATE_DIR" || fail "the password is told"
! grep -q 'YWxpY2U6c2VjcmV0' "$T/out" "$T/err" || fail "the password is told"
restic_restore
! grep -rq 'secret' "$T/restored" || fail "the password is in the snapshot"
