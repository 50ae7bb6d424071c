#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A CardDAV server, or the way to it, fails at each request of a full backup in each way there is: either the backup
# is whole and right, or it is a failure and the last good cards stay.  FAULTS and POSITIONS: others than some of
# them; POSITIONS="1 2 3 4 5 6" FAULTS=all is everything.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic
need_server radicale
some="503 429-after reset-body stall-body short-length bad-chunk error-page endless garbled gzip-bomb redirect-loop 401"
faults=${FAULTS-$some}
[ "$faults" != all ] || faults=$("$PYTHON" "$tests/tools/fault-server" --list | cut -d ' ' -f 1)
start_server radicale
fill_book 1 40
start_proxy
begin_config
sed 's/types: .*/types: [contacts]\n    retry: {max_attempts: 1}/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_dav people "$url/"
printf '    http: {timeout: 1 s, connect_timeout: 1 s}\n' >>"$HOLDFAST_CONFIG"
expect 0 holdfast init
expect 0 holdfast backup

# What the newest snapshot has.
dump() {
	mkdir -p "$T/restored/contacts/people"
	for file in contacts.vcf contacts.json index.jsonl; do
		restic --quiet dump latest "/contacts/people/$file" >"$T/restored/contacts/people/$file" ||
			fail "restic dump"
	done
}
dump
cp -R "$T/restored" "$T/before"

# From here on one card is another and one is gone.
dav fill "$T" 3 3
sed 's/Person Number 3/Somebody Else/' "$T/card-000003.vcf" >"$T/changed.vcf"
dav request PUT "$direct${book_path}card-000003.vcf" "$T/changed.vcf" >/dev/null || fail "PUT"
dav request DELETE "$direct${book_path}card-000004.vcf" >/dev/null || fail "DELETE"
cp -R "$RESTIC_REPOSITORY" "$T/base"
count_reset
expect 0 holdfast backup --full
clean=$(requests)
echo "$clean requests without a fault"

cells=0 whole=0
for fault in $faults; do
	for position in ${POSITIONS-$((cells % clean + 1))}; do
		[ "$position" -le "$clean" ] || continue
		rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR" "$RESTIC_CACHE_DIR"
		cp -R "$T/base" "$RESTIC_REPOSITORY"
		count_reset "?fault=$fault@$position"
		timeout 120 "$HOLDFAST" backup --full >"$T/out" 2>"$T/err" </dev/null
		status=$?
		n=$(requests)
		dump
		case $status in
		0)
			whole=$((whole + 1))
			compare_cards people --loose "$book" >"$T/compared" || fail "$fault@$position: wrong cards"
			;;
		1 | 3)
			cmp -s "$T/before/contacts/people/contacts.vcf" "$T/restored/contacts/people/contacts.vcf" ||
				fail "$fault@$position: a failed backup has changed the cards"
			;;
		*)
			cat "$T/out" "$T/err"
			fail "$fault@$position: status $status"
			;;
		esac
		[ "$n" -le $((3 * clean)) ] || fail "$fault@$position: $n requests, more than three times $clean"
		echo "$fault@$position: status $status, $n requests"
		cells=$((cells + 1))
	done
done
echo "$cells cells, $whole whole backups"
[ "$whole" -gt 0 ] && [ "$whole" -lt "$cells" ] || fail "all cells ended the same"
