#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Exports of Telegram Desktop, real ones and a generated account: every message comes back as one
# record; a newer export in the place of the first adds what is new and changed; what is broken is told.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
exports=$tests/data/chat-telegram

telegram() {
	"$PYTHON" "$tests/tools/gen-chat" --quiet --format telegram "$@" || fail "gen-chat"
}
telegram --messages "${MESSAGES:-6000}" --rooms 40 --seed 77 "$T/export"
cp -R "$T/export" "$T/first"
begin_config
add_account channel telegram-export "$exports/tg2md"
add_account direct telegram-export "$exports/chatpack/telegram_export.json"
add_account whole telegram-export "$T/export"
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw channel telegram "$exports/tg2md"
compare_raw direct telegram "$exports/chatpack/telegram_export.json"
compare_raw whole telegram "$T/export"
expect_text "$T/restored/chats/whole/people/records/000001.jsonl" '"op":"person","id":"user'

# Nothing new costs nothing.
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
[ $added -le 16384 ] || fail "an unchanged run added $added bytes"

# A newer export, with new, edited and deleted messages.
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 300 "$T/export" || fail "gen-chat --append"
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
restic_restore
compare_raw whole --history telegram "$T/first"
compare_raw whole --history telegram "$T/export"
[ $added -le $((before / 2)) ] || fail "300 messages added $added bytes to $before"

# Cut off, as by a full disk: what is there is kept, and the job says so.
head -c $(($(wc -c <"$T/export/result.json") / 2)) "$T/export/result.json" >"$T/cut.json"
mv "$T/cut.json" "$T/export/result.json"
expect 3 holdfast backup
expect_text "$T/out" "the file ends in the middle"
restic_restore
compare_raw whole --history telegram "$T/first"
