#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Exports of Telegram, Discord and WhatsApp that are cut off anywhere, changed anywhere, or mean harm: no
# crash, a sentence for what is wrong, nothing outside the places that belong to us, and what was once backed
# up stays.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
rounds=${ROUNDS:-4}

for format in telegram discord whatsapp; do
	"$PYTHON" "$tests/tools/gen-chat" --quiet --format $format --messages 600 --rooms 6 --seed 80 "$T/$format" ||
		fail "gen-chat"
done
mkdir "$T/whole"
cp -R "$T/telegram" "$T/discord" "$T/whatsapp" "$T/whole"
begin_config
for format in telegram discord whatsapp; do
	add_account $format $format-export "$T/$format"
done
expect 0 holdfast init
expect 0 holdfast backup

# damage WHAT SEED: the largest file of each export, from the whole one, is cut off or has some other bytes.
damage() {
	"$PYTHON" - "$T/whole" "$T" "$1" "$2" <<-'E' || fail "cannot damage the exports"
	import os, random, sys
	whole, top, what, seed = sys.argv[1:]
	for name in ("telegram", "discord", "whatsapp"):
	    rng = random.Random(name + seed)
	    files = [f for f in os.listdir(os.path.join(whole, name)) if not f.startswith(".")]
	    file = max(files, key=lambda f: os.path.getsize(os.path.join(whole, name, f)))
	    data = bytearray(open(os.path.join(whole, name, file), "rb").read())
	    if what == "cut":
	        del data[rng.randrange(len(data)):]
	    else:
	        for _ in range(5):
	            data[rng.randrange(len(data))] = rng.choice(b'\x00"\\{}[]:,0a\xff\n')
	    open(os.path.join(top, name, file), "wb").write(data)
	E
}
round=0
while [ $round -lt "$rounds" ]; do
	for what in cut other; do
		damage $what $round
		holdfast backup >"$T/out" 2>"$T/err" </dev/null
		status=$?
		[ $status = 0 ] || [ $status = 3 ] || fail "$what, round $round: status $status: $(cat "$T/err")"
	done
	round=$((round + 1))
done
restic_is_content
restic_restore
for format in telegram discord whatsapp; do
	compare_raw $format --history $format "$T/whole/$format"
done

# Names that lead elsewhere, and what would speak to a terminal.
mkdir -p "$T/evil/discord" "$T/evil/telegram" "$T/evil/whatsapp"
"$PYTHON" - "$T/evil" <<'E' || fail "cannot write the exports"
import json, os, sys
top = sys.argv[1]
names = ["../../../../escape", "..", "a\x1b[31mred", "\u202egnp", "x" * 300, "-rf", "CON", "a/b"]
attachments = ["../../../../etc/passwd", "/etc/passwd", "a/../../b", "photos/\x00", "x" * 5000]
messages = [{"id": n, "type": "message", "from": names[2], "from_id": "user1", "text": names[2], "date_unixtime": "1700000000",
             "photo": p} for n, p in enumerate(attachments, 1)]
json.dump({"chats": {"list": [{"name": n, "type": n, "id": n, "messages": messages} for n in names]}},
          open(top + "/telegram/result.json", "w"))
for n, name in enumerate(names):
    json.dump({"guild": {"id": "1"}, "channel": {"id": name, "name": name}, "messages": [
        {"id": str(i), "content": names[2], "attachments": [{"url": p, "fileName": p}]} for i, p in enumerate(attachments)]},
        open("%s/discord/%d.json" % (top, n), "w"))
with open(top + "/whatsapp/WhatsApp Chat with -rf.txt", "w") as f:
    for p in attachments:
        f.write("31/12/2024, 15:04 - %s: \u200e<attached: %s>\n" % (names[2], p))
E
begin_config
for format in telegram discord whatsapp; do
	add_account $format $format-export "$T/evil/$format"
done
holdfast backup >"$T/out" 2>"$T/err" </dev/null
status=$?
[ $status = 0 ] || [ $status = 3 ] || fail "status $status: $(cat "$T/err")"
if LC_ALL=C grep -q "$(printf '\033')" "$T/out" "$T/err"; then fail "an escape sequence reached the terminal"; fi
restic_is_content
restic_restore
[ -z "$(find "$T" -name '*escape*' ! -path "$T/restored/*" ! -path "$T/evil/*")" ] || fail "a name escaped"
