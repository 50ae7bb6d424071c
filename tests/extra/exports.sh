#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every export below a folder of yours, of Slack (unpacked or zip), Telegram Desktop, DiscordChatExporter
# and WhatsApp: each message comes back as one record, token for token, by restic and by holdfast, and a
# second run adds next to nothing.  Not a part of "make check"; in the build's tests folder:
#	make check TESTS=extra/exports.sh HOLDFAST_TEST_DATA=/path/to/exports
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
[ -n "${HOLDFAST_TEST_DATA-}" ] || skip "needs HOLDFAST_TEST_DATA, a folder with exports"

# What is there, a line each: NAME, a tab, SOURCE, a tab, PATH, a tab, KIND and a tab and what to compare with.
"$PYTHON" - "$HOLDFAST_TEST_DATA" "$T/unpacked" >"$T/exports" <<'P' || fail "cannot look for exports"
import json, os, re, sys, zipfile
top, unpacked = os.path.abspath(sys.argv[1]), sys.argv[2]
tables = {"channels.json", "groups.json", "dms.json", "mpims.json"}
n = 0


def found(source, path, kind, compare):
    global n
    n += 1
    print("export%d\t%s\t%s\t%s\t%s" % (n, source, path, kind, compare))


def unpack(archive, member):
    target = "%s/%d" % (unpacked, n + 1)
    archive.extractall(target)
    return os.path.join(target, os.path.dirname(member))


def members(path):
    """The members of the object in a file, or none."""
    try:
        o = json.load(open(path, encoding="utf-8-sig"))
        return o if isinstance(o, dict) else {}
    except (ValueError, RecursionError):
        return {}


for folder, folders, files in os.walk(top):
    if tables & set(files):
        found("slack-export", folder, "slack", folder)
    chats = False
    for file in sorted(files):
        path = os.path.join(folder, file)
        if file.endswith(".zip") and zipfile.is_zipfile(path):
            archive = zipfile.ZipFile(path)
            slack = [m for m in archive.namelist() if os.path.basename(m) in tables]
            if slack:
                found("slack-export", path, "slack", unpack(archive, min(slack, key=len)))
        elif file.endswith(".json") and file not in tables:
            o = members(path)
            if "guild" in o and "messages" in o:
                found("discord-export", path, "discord", path)
            elif isinstance(o.get("chats"), dict) or {"name", "type", "id", "messages"} <= set(o):
                found("telegram-export", path, "telegram", path)
        elif file.endswith(".txt"):
            head = open(path, encoding="utf-8", errors="replace").readline()
            chats = chats or re.match("[\u200e\ufeff]*\\[?\\d+[-/.]\\d+[-/.]\\d+,? ", head) is not None
    if chats:
        texts = "%s/%d/%s" % (unpacked, n + 1, os.path.basename(folder))
        os.makedirs(texts)
        for file in files:
            if file.endswith(".txt"):
                open(os.path.join(texts, file), "wb").write(open(os.path.join(folder, file), "rb").read())
        found("whatsapp-export", texts, "whatsapp", texts)
P
[ -s "$T/exports" ] || fail "no export below $HOLDFAST_TEST_DATA"

tab=$(printf '\t')
begin_config
while IFS=$tab read -r account source path _; do
	add_account "$account" "$source" "$path"
done <"$T/exports"
expect 0 holdfast init
expect 0 holdfast backup
sleep 3
expect 0 holdfast backup
before=$(repository_size)
expect 0 holdfast backup
added=$(($(repository_size) - before))
[ $added -le 65536 ] || fail "an unchanged run added $added bytes"
restic_is_content
restic_restore
while IFS=$tab read -r account _ path kind compare; do
	echo "$path"
	compare_raw "$account" "$kind" "$compare"
done <"$T/exports"
expect 0 holdfast restore latest --target "$T/ours"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/ours" || fail "the two restores differ"
expect 0 holdfast check --read-data
echo "$(wc -l <"$T/exports") exports, an unchanged run added $added bytes"
