#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What --json writes is JSON, an object or a list on each line, and nothing else; only the
# configuration takes several lines.
. "${srcdir:-.}/lib.sh"

begin_generated 2000 5
expect 0 holdfast status --json
json_lines "$T/out" '"jobs":\[\]'
expect 0 holdfast backup --json
json_lines "$T/out" '"event":"completed"'
expect_text "$T/out" '"type":"progress"'
"$PYTHON" - "$T/out" <<'P' || fail "progress or result are not as documented: $(cat "$T/out")"
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
progress = [o for o in lines if o["type"] == "progress"]
for name in ("job", "total_items", "processed_items", "failed_items", "current_type", "bytes_received",
             "bytes_transferred", "bytes_read", "total_bytes", "bytes_per_second", "started_at", "percent"):
    assert all(name in o for o in progress), name
percents = [o["percent"] for o in progress]
assert percents == sorted(percents) and percents[-1] == 100, percents
last = progress[-1]
assert last["processed_items"] == last["total_items"] and last["bytes_read"] == last["total_bytes"] > 0, last
done = [o for o in lines if o.get("event") == "completed"]
assert len(done) == 1 and done[0] is lines[-1], done
events = [o["event"] for o in lines if o["type"] == "event"]
assert events[:2] == ["queued", "started"], events
assert [e for e in events if e.startswith("type_")] == ["type_started", "type_completed"], events
assert all("time" in o and o["job"] == done[0]["job"] for o in lines if o["type"] == "event")
P
expect 0 holdfast status --json
json_lines "$T/out" '"status":"completed"'
job=$(grep -Eo 'backup_[0-9]+_[0-9a-f]{8}' "$T/out" | head -n 1)
expect 0 holdfast status --json "$job"
json_lines "$T/out" '"status":"completed"'
expect 0 holdfast watch --json "$job"
json_lines "$T/out" "$job"
expect 0 holdfast snapshots --json
json_lines "$T/out" '"plan=everything"'
expect 0 holdfast ls --json latest
json_lines "$T/out" '/holdfast.json"'
expect 0 holdfast check --json --read-data
json_lines "$T/out"
expect 0 holdfast restore --json latest --target "$T/target"
[ ! -s "$T/out" ] || json_lines "$T/out"
expect 0 holdfast plugins --json
json_lines "$T/out" '"slack-export"'
expect 0 holdfast config show --json
"$PYTHON" -m json.tool "$T/out" >"$T/tidy" || fail "config show is not JSON: $(cat "$T/out")"
if grep -q "$(cat "$T/password")" "$T/out"; then fail "config show tells the password"; fi
expect 0 holdfast config check --json
json_lines "$T/out" '^{"type":"summary","errors":0,"warnings":0,"notes":0}$'

# What went wrong is there too.
mv "$T/chats" "$T/away"
holdfast backup --json >"$T/out" 2>"$T/err" </dev/null
status=$?
[ $status = 1 ] || fail "nothing could be read, and status $status"
json_lines "$T/out" '"event":"failed"'
