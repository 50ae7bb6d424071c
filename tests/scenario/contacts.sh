#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Contacts in files: every card comes back without its media, by restic; changes, deletions, what is broken and what
# is gone; and cards are put back.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic
cards=$T/cards
cp -R "$tests/data/vcards" "$cards"
find "$cards" -name '*.vcf' -exec touch -d 2020-01-01 {} +
begin_config
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_account people vcard "$cards"
add_account phone vcard "$cards/ez-vcard/gmail-list.vcf"
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_cards people "$cards"
compare_cards phone "$cards/ez-vcard/gmail-list.vcf"
expect_added "$(cat "$T/restored/contacts/people/index.jsonl" "$T/restored/contacts/phone/index.jsonl" | wc -l)"

# Nothing new: nothing is opened, nothing is stored.
sleep 2.1
expect 0 holdfast backup
expect 0 holdfast backup
nothing_changed
if command -v strace >/dev/null 2>&1; then
	strace -f -e trace=openat,open -o "$T/trace" "$HOLDFAST" backup >/dev/null 2>&1
	! grep -q '\.vcf"' "$T/trace" || fail "an unchanged file is opened: $(grep -m 1 '\.vcf"' "$T/trace")"
fi
# Read in full, it still is the same.
expect 0 holdfast backup --full
nothing_changed
restic_restore
expect_added 0

# A new, a changed, a deleted one; the deleted one stays in the older snapshot.
before=$(snapshot_ids | head -n 1)
dav fill "$cards" 1 3
rm "$cards/android/v21_simple_1.vcf"
printf 'BEGIN:VCARD\nVERSION:4.0\nFN:Changed\nEND:VCARD\n' >"$cards/android/v21_simple_2.vcf"
expect 0 holdfast backup
restic_restore
compare_cards people "$cards"
# A card without UID that is changed is another one, and the former is deleted.
expect_added 6
restic_restore "$before"
"$PYTHON" "$tests/tools/compare-cards" "$tests/data/vcards" "$T/restored/contacts/people" || fail "an older snapshot"

# A broken card is named with its line; the rest goes on, and its older good copy stays.
cp "$cards/card-000002.vcf" "$T/good.vcf"
printf 'BEGIN:VCARD\r\nVERSION:3.0\r\nUID:card-000002\r\n' >"$cards/card-000002.vcf"
dav fill "$cards" 4 4
expect 3 holdfast backup
expect_text "$T/out" 'card-000002.vcf:1: its END:VCARD is missing'
cp "$T/good.vcf" "$T/copy.vcf"
restic_restore
mv "$cards/card-000002.vcf" "$T/broken"
cp "$T/good.vcf" "$cards/card-000002.vcf"
compare_cards people "$cards"
expect 0 holdfast backup

# An empty folder is no deletion, nor is a missing one, and the other account goes on.
mv "$cards" "$T/away"
mkdir -p "$cards/ez-vcard"
cp "$T/away/ez-vcard/gmail-list.vcf" "$T/list.vcf"
sed "s|path: $cards/ez-vcard/gmail-list.vcf|path: $T/list.vcf|" "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
for kind in empty missing; do
	[ $kind = empty ] || rm -r "$cards"
	expect 3 holdfast backup
	expect_text "$T/out" 'people'
	restic_restore
	compare_cards people "$T/away"
	compare_cards phone "$T/list.vcf"
done
mv "$T/away" "$cards"
expect 0 holdfast backup

# A place that may not be read is told as such, without a second try.
if [ "$(id -u)" != 0 ]; then
	chmod 0 "$cards"
	expect 3 holdfast backup
	expect_text "$T/out" 'no permission to read the contacts'
	chmod 700 "$cards"
fi

# Putting back into an empty folder, and again.
mkdir "$T/new"
add_account new vcard "$T/new"
sed 's/^    types/    accounts: [people, phone]\n    types/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
expect 2 holdfast restore --contacts-to nobody
expect 2 holdfast restore --contacts-to new --target "$T/x"
# What cannot take contacts is told before the repository is looked at, and whatever there is to put back.
sed -e 's|^accounts:|&\n  chats: {source: jsonl, path: /nonexistent}|' -e 's|^    path: .*/repository$|    path: /nonexistent|' \
	"$HOLDFAST_CONFIG" >"$T/other.yaml"
chmod 600 "$T/other.yaml"
for option in --yes --json; do
	expect 2 holdfast restore -c "$T/other.yaml" --contacts-to chats --contacts-from people $option
	expect_text "$T/err" "account chats: its source, jsonl, cannot put contacts back; .* carddav or vcard"
	[ "$(cat "$T/out" "$T/err" | wc -l)" -eq 1 ] || fail "more was said: $(cat "$T/out" "$T/err")"
done
expect 2 holdfast restore --yes --target "$T/x"
expect 1 holdfast restore --contacts-to new
expect_text "$T/err" 'contacts-from'
expect 0 holdfast restore --contacts-to new --contacts-from people
expect_text "$T/out" 'nothing was changed'
[ -z "$(ls "$T/new")" ] || fail "a dry run has written"
expect 0 holdfast restore --contacts-to new --contacts-from people --yes
"$PYTHON" "$tests/tools/compare-cards" "$T/new" "$T/restored/contacts/people" >"$T/compared" ||
	fail "cards put back are not the cards: $(cat "$T/compared")"
expect 0 holdfast restore --contacts-to new --contacts-from people --yes
expect_text "$T/out" '^0 created, 0 replaced'
expect 0 holdfast restore --contacts-to people --json
json_lines "$T/out" '"dry_run":true,"created":0,"replaced":0'
