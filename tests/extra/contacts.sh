#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every .vcf file below a folder of yours: each card comes back without its media, by restic, each file that is broken
# is named, and a second run adds next to nothing.  Not a part of "make check"; in the build's tests folder:
#	make check TESTS=extra/contacts.sh HOLDFAST_TEST_DATA=/path/to/cards
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic
[ -n "${HOLDFAST_TEST_DATA-}" ] || skip "needs HOLDFAST_TEST_DATA, a folder with .vcf files"
cards=$(cd "$HOLDFAST_TEST_DATA" && pwd)
begin_config
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_account people vcard "$cards"
expect 0 holdfast init
holdfast backup >"$T/out" 2>"$T/err"
status=$?
[ $status = 0 ] || [ $status = 3 ] || fail "status $status: $(cat "$T/err")"
grep '^failed: ' "$T/out"
# A failed item names a file and a line.
! grep '^failed: ' "$T/out" | grep -Evq 'people: .*\.(vcf|vcard)(:[0-9]+)?: ' || fail "a failure without its place"
restic_is_content
restic_restore
compare_cards people "$cards"
holdfast backup >"$T/out" 2>"$T/err"
nothing_changed
