#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# How far a job of several types and accounts is: it never goes back, ends at what there was, and after the
# first run the totals are known from the start.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
messages=${MESSAGES:-60000}
begin_config
generate "$messages" 20 "$T/one"
generate $((messages / 3)) 7 "$T/two"
add_account one jsonl "$T/one"
add_account two jsonl "$T/two"
sed 's/types: .*/types: [chats, device_info]/' "$HOLDFAST_CONFIG" >"$T/both.yaml"
chmod 600 "$T/both.yaml"
HOLDFAST_CONFIG=$T/both.yaml
expect 0 holdfast init

# check_progress RUN: on $T/out.
check_progress() {
	"$PYTHON" - "$T/out" "$1" "$messages" <<-'P' || fail "progress of the $1 run is not right: $(grep '"progress"' "$T/out")"
	import json, sys
	lines = [json.loads(line) for line in open(sys.argv[1])]
	run, messages = sys.argv[2], int(sys.argv[3])
	progress = [o for o in lines if o["type"] == "progress"]
	percents = [o["percent"] for o in progress]
	assert percents == sorted(percents) and percents[-1] == 100, percents
	for name in "processed_items", "bytes_read", "bytes_transferred":
	    values = [o[name] for o in progress]
	    assert values == sorted(values), (name, values)
	last = progress[-1]
	assert last["processed_items"] == last["total_items"] and last["bytes_read"] == last["total_bytes"], last
	types = [o for o in lines if o.get("event") == "completed"][0]["details"]["types"]
	assert sum(t["total"] for t in types.values()) == last["total_items"], types
	assert sum(t["bytes_read"] for t in types.values()) == last["bytes_read"], types
	assert types["device_info"]["total"] == 1 and sorted(types["chats"]["accounts"]) == ["one", "two"], types
	if run != "second":
	    assert last["total_items"] > messages * 4 // 3 and last["bytes_read"] > 100 * messages, last
	    # Between two progresses that are far apart there is a speed.
	    assert len(progress) < 8 or any(o["bytes_per_second"] > 0 for o in progress), progress
	    assert types["device_info"]["added"] == (run == "first"), types
	totals = [o["total_items"] for o in progress if o["total_items"] > 0]
	assert all(total >= o["processed_items"] for total, o in zip(totals[::-1], progress[::-1])), totals
	if run != "first":
	    assert types["chats"]["added"] == 0, types
	if run == "second":
	    assert len(totals) == len(progress), totals
	P
}
expect 0 holdfast backup --json
check_progress first
sleep 3
expect 0 holdfast backup --json --full
check_progress full
expect 0 holdfast backup --json
check_progress second
