#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One flipped byte, one cut or one missing file anywhere in the repository: check finds it, and
# restore never gives wrong bytes without saying so.
. "${srcdir:-.}/lib.sh"

begin_generated 2000 5
expect 0 holdfast backup
restic_restore
mv "$T/restored" "$T/good"
find "$RESTIC_REPOSITORY" -type f ! -path '*/locks/*' | sort >"$T/files"
expect 0 holdfast check --read-data
count=0
while read -r file; do
	for damage in flip cut gone; do
		rm -f "$T/saved"
		cp -p "$file" "$T/saved" || fail "cp"
		"$PYTHON" - "$file" $damage <<-'E'
		import os, random, sys
		path, damage = sys.argv[1:]
		data = bytearray(open(path, "rb").read())
		os.chmod(path, 0o600)
		if damage == "flip":
		    data[random.randrange(len(data))] ^= 1 << random.randrange(8)
		elif damage == "cut":
		    del data[random.randrange(len(data)):]
		os.remove(path) if damage == "gone" else open(path, "wb").write(data)
		E
		count=$((count + 1))
		holdfast check --read-data >"$T/out" 2>"$T/err" </dev/null &&
			fail "check did not find: $damage ${file#"$T"/}"
		rm -rf "$T/ours"
		if holdfast restore latest --target "$T/ours" >"$T/out" 2>"$T/err" </dev/null; then
			"$PYTHON" "$tests/tools/compare-trees" "$T/good" "$T/ours" >"$T/out" ||
				fail "restore said nothing of: $damage ${file#"$T"/}"
		fi
		rm -f "$file"
		cp -p "$T/saved" "$file" || fail "cp"
	done
done <"$T/files"
echo "$count damages"
expect 0 holdfast check --read-data

# What was lost of the conversations is told by the next backup that reads them again: it is not complete.
rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
# Its media are nowhere: none is asked for.
set_types 'chats, media' 'options: {max_media_size: 1 B}'
expect 0 holdfast init
expect 0 holdfast backup
find "$RESTIC_REPOSITORY/data" -type f >"$T/files"
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 100 "$T/chats" || fail "gen-chat --append"
expect 0 holdfast backup
largest=$(xargs ls -S <"$T/files" | head -n 1)
mv "$largest" "$T/saved"
expect 3 holdfast backup --full
expect_text "$T/out" "/messages/000001.jsonl: a pack that the index names is missing"
expect 3 holdfast backup --full
# As holdfast(1) has it: what the source still has is backed up again.
expect 0 restic --quiet rebuild-index
expect 3 holdfast backup --full
expect_text "$T/err" "the previous snapshot names data"
expect 0 restic snapshots --json
"$PYTHON" -c 'import json, sys; print(*[s["id"] for s in json.load(open(sys.argv[1]))])' "$T/out" >"$T/ids"
# shellcheck disable=SC2046 # words
expect 0 restic --quiet forget $(cat "$T/ids")
expect 0 holdfast backup --full
restic_is_content
restic_restore
compare_raw chats --current jsonl "$T/chats"
