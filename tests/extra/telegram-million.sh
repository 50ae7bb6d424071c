#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A million generated messages in one result.json of Telegram: every one comes back token for token, and no
# process needs more than 32 MiB (but for the one that derives the key).  Not a part of "make check": it takes
# some minutes and 2 GB.  In the build's tests folder:
#	make check TESTS=extra/telegram-million.sh [MESSAGES=1006000] [ROOMS=500]
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic cc
# Some of them are deleted, and deleted messages are not in an export.
"$PYTHON" "$tests/tools/gen-chat" --quiet --format telegram --messages "${MESSAGES:-1006000}" --rooms "${ROOMS:-500}" \
	--seed 1 "$T/export" || fail "gen-chat"
cc -O1 -o "$T/follow" "$tests/bench/peaks.c" || fail "cannot compile peaks.c"
begin_config
add_account telegram telegram-export "$T/export"
expect 0 holdfast init
expect 0 "$T/follow" "$T/peaks" "$HOLDFAST" backup
cat "$T/peaks"
awk '$3 == "exec" && $4 > 32768 { print "over 32 MiB:", $0; bad = 1 } END { exit bad }' "$T/peaks" || fail "memory"
restic_restore
# Each message is a line of its own there, as compact as raw is: counts and sums of hashes tell whether all are there.
"$PYTHON" - "$T/export/result.json" "$T/restored/chats/telegram/rooms" <<'E' || fail "messages in are not records out"
import hashlib, os, sys
want, have = [0, 0], [0, 0]


def add(total, text):
    total[0] += 1
    total[1] = (total[1] + int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")) % (1 << 128)


for line in open(sys.argv[1], "rb"):
    if line.startswith(b'{"id":'):
        add(want, line.rstrip(b"\n").rstrip(b","))
for folder, _, files in os.walk(sys.argv[2]):
    for file in files if os.path.basename(folder) == "messages" else ():
        for line in open(os.path.join(folder, file), "rb"):
            add(have, line[line.index(b',"raw":') + 7:-2])
print("%d messages, %d records" % (want[0], have[0]))
assert want == have and want[0] > 0
E
