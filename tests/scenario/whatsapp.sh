#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Chats as WhatsApp exports them, real ones and generated ones in the spellings of several countries, as
# text and in a zip: every message comes back as one record; a longer export adds what is new only.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
exports=$tests/data/chat-whatsapp

"$PYTHON" "$tests/tools/gen-chat" --quiet --format whatsapp --messages "${MESSAGES:-4000}" --rooms 21 --seed 79 \
	"$T/export" || fail "gen-chat"
begin_config
for export in chatpack langchain port-whatsapp; do
	add_account "$export" whatsapp-export "$exports/$export"
done
add_account whole whatsapp-export "$T/export"
mkdir "$T/zips"
"$PYTHON" - "$T/export/WhatsApp Chat with chat 0.txt" "$T/zips/WhatsApp Chat - Zipped.zip" <<'E' || fail "cannot make a zip"
import sys, zipfile
with zipfile.ZipFile(sys.argv[2], "w", zipfile.ZIP_DEFLATED) as z:
    z.write(sys.argv[1], "_chat.txt")
    z.writestr("00000001-PHOTO.jpg", b"not much of a photograph")
E
add_account zipped whatsapp-export "$T/zips"
printf '    timezone: Europe/Berlin\n    date_order: dmy\n' >>"$HOLDFAST_CONFIG"
mkdir -p "$T/unzipped/Zipped"
cp "$T/export/WhatsApp Chat with chat 0.txt" "$T/unzipped/Zipped/_chat.txt"
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chatpack whatsapp "$exports/chatpack"
compare_raw langchain whatsapp "$exports/langchain"
compare_raw port-whatsapp --history whatsapp "$exports/port-whatsapp"
compare_raw whole whatsapp "$T/export"
compare_raw zipped whatsapp "$T/unzipped"

# The spellings of times are understood: each record has one, and they are those of the generator.
"$PYTHON" - "$T/restored/chats/whole/rooms" <<'E' || fail "times are not what they were"
import json, os, re, sys
n = 0
for room in os.listdir(sys.argv[1]):
    folder = os.path.join(sys.argv[1], room, "messages")
    last = ""
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        for line in open(os.path.join(folder, file), encoding="utf-8"):
            record = json.loads(line)
            assert "2021-12-31" < record["sent_at"] < "2024-01-10", record
            assert last <= record["sent_at"], (last, record)  # as they come, so no day is taken for a month
            last = record["sent_at"]
            n += 1
assert n > 0
E

# Nothing new costs nothing.
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
[ $added -le 16384 ] || fail "an unchanged run added $added bytes"

# A longer export in the place of the first: old messages keep their ids.
"$PYTHON" "$tests/tools/gen-chat" --quiet --append 200 "$T/export" || fail "gen-chat --append"
expect 0 holdfast backup
restic_restore
compare_raw whole whatsapp "$T/export"
