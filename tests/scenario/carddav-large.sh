#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Cards of 10 MiB: with a picture, which comes without it, and with a note, which is too long and fails by name at each
# backup until it is shorter, whatever else goes on; no process takes more than 32 MiB.  Two cards with one UID are two.
. "${srcdir:-.}/lib.sh"
. "$tests/dav.sh"
need "$PYTHON" restic cc
need_server radicale
cc -O1 -o "$T/follow" "$tests/bench/peaks.c" 2>"$T/err" || skip "peaks.c is for Linux: $(head -n 1 "$T/err")"
start_server radicale
fill_book 1 5
# large NAME PROPERTY: a card with 10 MiB of it.
large() {
	"$PYTHON" - "$1" "$2" <<-'E' >"$book/$1.vcf"
	import sys
	line = " " + "QUJD" * 18 + "\r\n"
	print("BEGIN:VCARD\r\nVERSION:3.0\r\nUID:%s\r\nFN:%s\r\nN:;;;;\r\n%s:\r\n" % (sys.argv[1], sys.argv[1], sys.argv[2])
	    + line * ((10 << 20) // len(line)), end="END:VCARD\r\n")
	E
}
large picture 'PHOTO;ENCODING=b;TYPE=JPEG'
large note NOTE
sed 's/Person/Double/' "$book/card-000001.vcf" >"$book/double.vcf"
begin_config
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
add_dav people "$direct/"
expect 0 holdfast init
for run in first second; do
	expect 3 "$T/follow" "$T/peaks" "$HOLDFAST" backup
	expect_text "$T/out" 'note.vcf: '
	cat "$T/peaks"
	awk '$3 == "exec" { n++; if ($4 > 32768) bad = 1 } END { exit bad || n == 0 }' "$T/peaks" || fail "memory, $run"
	restic_restore
	[ "$(wc -l <"$T/restored/contacts/people/index.jsonl")" = 7 ] || fail "not 7 cards"
	expect_text "$T/restored/contacts/people/contacts.vcf" '^UID:picture'
	[ "$(grep -c '^UID:card-000001' "$T/restored/contacts/people/contacts.vcf")" = 2 ] || fail "not both cards of a UID"
done
dav fill "$T" 6 6
sed 's/^UID:.*card-000006/UID:note/' "$T/card-000006.vcf" >"$T/short.vcf"
dav request PUT "$direct${book_path}note.vcf" "$T/short.vcf" >/dev/null || fail "PUT"
expect 0 holdfast backup
restic_restore
compare_cards people --loose "$book"
