#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every Slack export below a folder of yours, unpacked or zip: each message comes back as one record,
# token for token, by restic and by holdfast, and a second run adds next to nothing.  Not a part of
# "make check"; in the build's tests folder:
#	make check TESTS=extra/exports.sh HOLDFAST_TEST_DATA=/path/to/exports
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
[ -n "${HOLDFAST_TEST_DATA-}" ] || skip "needs HOLDFAST_TEST_DATA, a folder with Slack exports"

# A folder that has users.json or channels.json, or a zip that has: NAME, a tab, PATH, a tab, FOLDER.
"$PYTHON" - "$HOLDFAST_TEST_DATA" "$T/unpacked" >"$T/exports" <<'P' || fail "cannot look for exports"
import os, sys, zipfile
top, unpacked = os.path.abspath(sys.argv[1]), sys.argv[2]
tables = {"channels.json", "groups.json", "dms.json", "mpims.json"}
n = 0
for folder, folders, files in os.walk(top):
    if tables & set(files):
        n += 1
        print("export%d\t%s\t%s" % (n, folder, folder))
    for file in sorted(files):
        path = os.path.join(folder, file)
        if not file.endswith(".zip") or not zipfile.is_zipfile(path):
            continue
        names = [m for m in zipfile.ZipFile(path).namelist() if os.path.basename(m) in tables]
        if names:
            n += 1
            target = "%s/%d" % (unpacked, n)
            zipfile.ZipFile(path).extractall(target)
            print("export%d\t%s\t%s" % (n, path, os.path.join(target, os.path.dirname(min(names, key=len)))))
P
[ -s "$T/exports" ] || fail "no Slack export below $HOLDFAST_TEST_DATA"

tab=$(printf '\t')
begin_config
while IFS=$tab read -r account path _; do
	add_account "$account" slack-export "$path"
done <"$T/exports"
expect 0 holdfast init
expect 0 holdfast backup
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
[ $added -le 65536 ] || fail "an unchanged run added $added bytes"
restic_is_content
restic_restore
while IFS=$tab read -r account path folder; do
	echo "$path"
	compare_raw "$account" slack "$folder"
done <"$T/exports"
expect 0 holdfast restore latest --target "$T/ours"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/ours" || fail "the two restores differ"
expect 0 holdfast check --read-data
echo "$(wc -l <"$T/exports") exports, an unchanged run added $added bytes"
