#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a Firestore app may lack, and a run may be denied: a budget of reads, a reading time that ends early, no index
# for all rooms, no time of update in some messages or in any; and mistakes in what it is called.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

make_key
generate_firestore "${MESSAGES:-2000}" 8
key="service_account: $T/key.json"
messages=${MESSAGES:-2000}
cp -R "$T/chats" "$T/first"
server_start --load "$T/first" --account "$T/key.json"

# --- a budget: each run goes on where the last one stopped -------------------------------------

fresh "$key" 'read_budget: 1000'
runs=0
while [ $runs -lt 12 ]; do
	runs=$((runs + 1))
	holdfast backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	[ $status = 3 ] || break
	expect_text "$T/out" 'messages of room [^ ]+: the read budget'
done
[ "$status" = 0 ] || fail "status $status after $runs runs with a budget: $(tail -n 5 "$T/err")"
[ $runs -ge $((messages / 1000)) ] || fail "all was read in $runs runs"
EXPORT=$T/first compare_firestore

# --- reading times that end early, no index for all rooms, no time of update at all -------------

server POST 'set?read_life=4' >/dev/null
fresh "$key"
expect 0 holdfast backup
EXPORT=$T/first compare_firestore
server POST 'set?read_life=0&no_group_index=1' >/dev/null
fresh "$key"
expect 0 holdfast backup
expect_text "$T/err" 'COLLECTION_GROUP_ASC index'
EXPORT=$T/first compare_firestore

# --- mistakes: another collection is told of, and a key that is none does not pass for a refused query ---

fresh "$key" 'rooms: {collection: none}'
expect 0 holdfast backup
expect_text "$T/err" 'account app: no conversation was found'
fresh "$key" 'messages: {collection: none}'
expect 0 holdfast backup
expect_text "$T/err" 'account app: nothing is in any of its [0-9]+ folders'
echo '{}' >"$T/no-key.json"
chmod 600 "$T/no-key.json"
fresh "service_account: $T/no-key.json"
expect 1 holdfast backup
expect_text "$T/err" "that is no service account's key file"
! grep 'every room is asked' "$T/err" || fail "a missing key passes for a query that is refused"
server_stop

server_start --load "$T/chats" --account "$T/key.json"
fresh "$key" 'messages: {fields: {updated: ""}}'
expect 0 holdfast backup
compare_firestore
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 100 "$T/chats" || fail "gen-chat --append"
server POST "load?path=$T/chats" >/dev/null
expect 0 holdfast backup
compare_firestore --current

# Documents that lack the time of update are found all the same.
fresh "$key" 'messages: {fields: {updated: editedAt}}'
expect 0 holdfast backup
compare_firestore
server_stop

