#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Exports of DiscordChatExporter, a real one and generated ones in several parts: every message comes
# back as one record; a newer export adds what is new and changed; one that was interrupted is told.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
exports=$tests/data/chat-discord

"$PYTHON" "$tests/tools/gen-chat" --quiet --format discord --messages "${MESSAGES:-4000}" --rooms 20 --seed 78 \
	"$T/export" || fail "gen-chat"
cp -R "$T/export" "$T/first"
# The largest file in two parts, in a folder.
mkdir "$T/parts"
"$PYTHON" - "$T/export" "$T/parts" <<'E' || fail "cannot make parts"
import os, sys
files = [os.path.join(sys.argv[1], f) for f in os.listdir(sys.argv[1]) if f.endswith(".json") and f[0] != "."]
lines = open(max(files, key=os.path.getsize), encoding="utf-8", newline="\n").read().split("\n")
first, last = 6, len(lines) - 4  # the lines before the messages, and from their end on
middle = (first + last) // 2
os.makedirs(sys.argv[2] + "/guild")
for name, body in (("a [1].json", lines[first:middle]), ("a [1] [part 2].json", lines[middle:last])):
    body[-1] = body[-1].rstrip(",")
    with open(sys.argv[2] + "/guild/" + name, "w", encoding="utf-8", newline="\n") as f:
        f.write("\n".join(lines[:first] + body + lines[last:]))
E
begin_config
add_account real discord-export "$exports/chatpack/discord_export.json"
add_account whole discord-export "$T/export"
add_account parts discord-export "$T/parts"
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw real discord "$exports"
compare_raw whole discord "$T/export"
compare_raw parts discord "$T/parts"

# Nothing new costs nothing, once the files are old enough for their times to be believed.
sleep 3
expect 0 holdfast backup
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
[ $added -le 16384 ] || fail "an unchanged run added $added bytes"

# A newer export, with new, edited and deleted messages.
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 300 "$T/export" || fail "gen-chat --append"
expect 0 holdfast backup
restic_restore
compare_raw whole --history discord "$T/first"
compare_raw whole --history discord "$T/export"

# Interrupted: no end, and nothing at all.
part=$T/parts/guild/'a [1].json'
head -c $(($(wc -c <"$part") / 2)) "$part" >"$T/cut.json"
mv "$T/cut.json" "$part"
: >"$T/parts/empty.json"
expect 3 holdfast backup
expect_text "$T/out" "the file ends in the middle"
expect_text "$T/out" "empty.json: the file is empty"
restic_restore
compare_raw real discord "$exports"
