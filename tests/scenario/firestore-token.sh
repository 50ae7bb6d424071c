#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Sign-in to a Firestore app: a token that ends at request k, for many k; users by refresh token, which the service
# renews, and by password; what is refused is asked for once.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

make_key
generate_firestore "${MESSAGES:-2000}" 8
key="service_account: $T/key.json"
mv "$T/chats" "$T/first"

# --- a token ends at every request, and in the middle of a page's life -------------------------

server_start --load "$T/first" --account "$T/key.json"
fresh "$key"
expect 0 holdfast backup
last=$(requests)
k=1
while [ "$k" -le "$last" ]; do
	server POST "set?expire_at=$k" >/dev/null
	server POST reset >/dev/null
	expect 0 holdfast backup --full
	n=$(requests)
	[ "$n" -le $((last + 4)) ] || fail "$n requests with a token that ended at $k, $last without"
	k=$((k + ${STEP:-3}))
done
EXPORT=$T/first compare_firestore
server POST 'set?expire_at=0&expire_every=5' >/dev/null
fresh "$key"
expect 0 holdfast backup
EXPORT=$T/first compare_firestore
server POST 'set?expire_every=0' >/dev/null

# A sign-in that is refused is asked for once.
server POST 'set?revoked=1&forget=1' >/dev/null
server POST reset >/dev/null
expect 1 holdfast backup
expect_text "$T/err" 'needs login'
[ "$(requests)" -le 2 ] || fail "a refused sign-in was tried $(requests) times"
server POST 'set?revoked=0' >/dev/null

# --- users ---------------------------------------------------------------------------------------

(umask 077 && echo k1 >"$T/api-key" && echo "first-refresh" >"$T/refresh" && echo "pass word" >"$T/user-password")
server_start --load "$T/first" --api-key k1 --refresh-token first-refresh --rotate at-once --expire-every 6
fresh "api_key_file: $T/api-key" "refresh_token_file: $T/refresh" "token_store: $T/store"
expect 0 holdfast backup
EXPORT=$T/first compare_firestore
expect 0 holdfast backup
[ "$(ls -l "$T/store" | cut -c1-10)" = "-rw-------" ] || fail "the token store: $(ls -l "$T/store")"
server_stop
server_start --load "$T/first" --api-key k1 --email a@b.example --password 'pass word' --expire-every 6
fresh "api_key_file: $T/api-key" 'email: a@b.example' "password_file: $T/user-password"
expect 0 holdfast backup
EXPORT=$T/first compare_firestore
grep -rl 'pass word\|access-[0-9]\|PRIVATE' "$HOLDFAST_STATE_DIR" "$T/err" "$T/out" && fail "a secret was written down"
server_stop

