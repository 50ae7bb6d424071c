#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a run does not back up, or cannot, stays in the newest snapshot as it last was.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
generate 1000 5 "$T/one"
generate 700 4 "$T/two"
begin_config
add_account one jsonl "$T/one"
cp "$HOLDFAST_CONFIG" "$T/only-one.yaml"
add_account two jsonl "$T/two"
expect 0 holdfast init
expect 0 holdfast backup

# An account that is not run.
append 50 "$T/one"
HOLDFAST_CONFIG=$T/only-one.yaml expect 0 holdfast backup
restic_restore
compare_raw one --current jsonl "$T/one"
compare_raw two jsonl "$T/two"
"$PYTHON" - "$T/restored/holdfast.json" <<'E' || fail "holdfast.json does not say that two was carried over"
import json, sys
text = json.dumps(json.load(open(sys.argv[1])))
sys.exit(0 if "carried" in text and '"two"' in text else 1)
E

# An account that fails: partial, and its older copy stays.
mv "$T/two" "$T/away"
append 50 "$T/one"
expect 3 holdfast backup
expect_text "$T/out" "two"
mv "$T/away" "$T/two"
restic_restore
compare_raw one --current jsonl "$T/one"
compare_raw two jsonl "$T/two"

# A place that is empty all at once, as when a disk is not mounted.
mv "$T/two" "$T/away"
mkdir -p "$T/two/messages"
: >"$T/two/rooms.jsonl"
expect 3 holdfast backup
expect_text "$T/out" "two.*nothing is there now"
rm -r "$T/two"
mv "$T/away" "$T/two"
restic_restore
compare_raw two jsonl "$T/two"

# A room whose file is damaged: the others are saved, and its older copy stays.
append 60 "$T/two"
room=$(ls -S "$T/two/messages" | head -n 1)
cp "$T/two/messages/$room" "$T/whole"
echo '{"id":"x","text":"cut of' >>"$T/two/messages/$room"
expect 3 holdfast backup
mv "$T/whole" "$T/two/messages/$room"
expect 0 holdfast backup
restic_restore
compare_raw two --current jsonl "$T/two"
