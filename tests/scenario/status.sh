#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What goes wrong has its exit status, and a sentence that says what to do.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
generate 500 3
begin_config
add_account chats jsonl "$T/chats"

expect 2 holdfast
expect 2 holdfast no-such-command
expect 2 holdfast backup --no-such-option
expect 2 holdfast -c "$HOLDFAST_CONFIG"
expect 0 holdfast -c "$HOLDFAST_CONFIG" config check
expect 2 holdfast backup no-such-plan
expect_text "$T/err" "everything"
expect 2 holdfast backup --types chats,media
expect_text "$T/err" "media"
expect 2 holdfast backup --types chat
expect_text "$T/err" "chats"
expect 10 holdfast backup
expect 10 holdfast snapshots
[ ! -e "$RESTIC_REPOSITORY/config" ] || fail "backup made a repository"
expect 0 holdfast init
expect 1 holdfast init

# The configuration: nothing is touched where it is wrong.
wrong() {
	sed "$1" "$HOLDFAST_CONFIG" >"$T/wrong.yaml"
	chmod 600 "$T/wrong.yaml"
	before=$(repository_size)
	HOLDFAST_STATE_DIR=$T/untouched
	HOLDFAST_CONFIG=$T/wrong.yaml expect 2 holdfast backup
	HOLDFAST_STATE_DIR=$T/state
	[ ! -e "$T/untouched" ] || fail "a wrong configuration touched the state directory"
	expect_text "$T/err" "wrong.yaml:$2:[0-9]+: .*$3"
	[ "$(repository_size)" = "$before" ] || fail "a wrong configuration touched the repository"
}
wrong 's/storage:/storag:/' 3 'storage'
wrong 's/password_file:/pasword_file:/' 5 'password_file'
wrong 's/repository: home/repository: hom/' 8 'home'
wrong 's/types: .*/types: [chat]/' 9 'chats'
wrong 's/types: .*/types: yes/' 9 ''
wrong 's/    types: .*/&\n    types: [chats]/' 10 'types'
wrong 's/source: jsonl/source: json/' 12 'jsonl'
wrong 's/types: .*/types: \&a [chats]/' 9 ''
expect 0 holdfast config check

# The password.
cp "$T/password" "$T/right"
echo wrong >"$T/password"
expect 12 holdfast backup
expect 12 holdfast snapshots
rm "$T/password"
holdfast snapshots >"$T/out" 2>"$T/err" </dev/null && fail "no password file, and status 0"
expect_text "$T/err" "$T/password"
mv "$T/right" "$T/password"
sed "s|password_file: .*|password_command: cat $T/password|" "$HOLDFAST_CONFIG" >"$T/command.yaml"
sed "s|password_file: .*|password_command: echo geheim; exit 7|" "$HOLDFAST_CONFIG" >"$T/failing.yaml"
chmod 600 "$T/command.yaml" "$T/failing.yaml"
expect 0 holdfast snapshots -c "$T/command.yaml"
expect 0 holdfast backup -c "$T/command.yaml"
holdfast backup -c "$T/failing.yaml" >"$T/out" 2>"$T/err" </dev/null && fail "no password, and status 0"
expect_text "$T/err" "password command: failed with exit status 7"
! grep -q geheim "$T/out" "$T/err" || fail "what a password command printed was shown"

# A lock that excludes others, held by a living restic.
restic --quiet check >"$T/restic.out" 2>&1 &
locker=$!
spawned="$spawned $locker"
deadline=$(($(date +%s) + 20))
# Under its own name: it begins as a temporary file.
locked() {
	find "$RESTIC_REPOSITORY/locks" -type f -size +0 ! -name '*tmp*' | grep -q .
}
until locked || [ "$(date +%s)" -ge $deadline ]; do :; done
kill -STOP "$locker"
if locked; then
	expect 11 holdfast backup
	expect_text "$T/err" "locked exclusively by process [0-9]+ "
	expect_text "$T/err" "holdfast backup everything"
	cp -p "$HOLDFAST_CONFIG" "$T/it's mine.yaml"
	expect 11 holdfast backup -c "$T/it's mine.yaml" --types chats --full
	hint=$(sed -n 's/.*queue, and "holdfast \(.*\)" continues it when.*/\1/p' "$T/err")
	expect 0 holdfast status
	expect_text "$T/out" "queued"
else
	fail "restic held no lock"
fi
kill -CONT "$locker"
wait "$locker"
# What was proposed works as it stands.
[ -n "$hint" ] || fail "nothing was proposed"
eval "expect 0 holdfast $hint"
expect 0 holdfast status
! grep -q queued "$T/out" || fail "$hint did not continue it: $(cat "$T/out")"
expect 0 holdfast backup
[ -z "$(ls "$RESTIC_REPOSITORY/locks")" ] || fail "a lock was left behind"
