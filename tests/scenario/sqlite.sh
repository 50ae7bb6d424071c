#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Databases: every row comes back as one record, also of one that is written to meanwhile; presets against the
# schemas of the programs they are for; files that are damaged.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
messages=${MESSAGES:-100000}
data=$tests/data/sqlite
database=$T/app.db

gen_chat() {
	"$PYTHON" "$tests/tools/gen-chat" --quiet "$@" || fail "gen-chat"
}

# sql DATABASE FILE..: runs the files.
sql() {
	"$PYTHON" - "$@" <<-'E' || fail "sql"
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for file in sys.argv[2:]:
	    db.executescript(open(file, encoding="utf-8").read())
	db.commit()
	E
}

# add_preset ACCOUNT PRESET DATABASE
add_preset() {
	add_account "$1" sqlite "$3"
	echo "    preset: $2" >>"$HOLDFAST_CONFIG"
	echo "$2" >>"$T/presets"
}

# grown_by_less BYTES COMMAND..: the repository, by the command.
grown_by_less() {
	most=$1
	shift
	before=$(repository_size)
	expect 0 "$@"
	grown=$(($(repository_size) - before))
	[ $grown -lt "$most" ] || fail "$* took $grown bytes"
}

# age DATABASE..: as if written long ago.  The state of one written just now proves nothing, so that it goes into
# the cursors with a later backup only.
age() {
	touch -t 202601020304 "$@" || fail "touch"
}

# Leaves a configuration with a repository of its own.
begin_other() {
	RESTIC_REPOSITORY=$T/$1
	begin_config
}

# --- every row --------------------------------------------------------------------------------------

gen_chat --format sqlite --messages "$messages" --rooms 300 --seed 4711 "$database"
age "$database"
begin_config
add_preset app gen-chat "$database"
expect 0 holdfast config check
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw app sqlite "$database"

# --- what is new, changed and deleted ---------------------------------------------------------------

grown_by_less 8192 holdfast backup
gen_chat --append $((messages / 100)) "$database"
expect 0 holdfast backup
restic_restore
"$PYTHON" - "$T/restored/chats/app" "$database" <<'E' || fail "changes"
import glob, json, sqlite3, sys
db = sqlite3.connect(sys.argv[2])
newest = {}
for file in sorted(glob.glob(sys.argv[1] + "/rooms/*/messages/*.jsonl")):
    for line in open(file, encoding="utf-8"):
        record = json.loads(line)
        newest[record["id"]] = record
rows = db.execute("SELECT * FROM messages")
names = [c[0] for c in rows.description]
count = gone = edited = 0
for row in rows:
    row = dict(zip(names, row))
    record = newest.pop(row["id"])
    count += 1
    if row["deleted_at"] is not None:
        assert record["op"] == "delete", record
        gone += 1
        continue
    assert record["raw"] == row, (record, row)
    assert record.get("text") == row["text"] and record["sender"] == row["sender_id"]
    edited += row["edited_at"] is not None and record["op"] == "edit"
assert not newest, list(newest)[:3]
assert gone > 0 and edited > 0, (gone, edited)
print(count, "rows,", gone, "deleted,", edited, "edited since")
E
# Without the cache, and all of it again: nothing is stored twice.
rm -rf "$HOLDFAST_STATE_DIR"
grown_by_less 65536 holdfast backup --full

# --- a database that is written to ----------------------------------------------------------------

# Transactions of 50 messages with one number, as fast as they go, until the file "stop" is there.
cat >"$T/writer.py" <<'E'
import os, sqlite3, sys
path, mode, stop = sys.argv[1:]
db = sqlite3.connect(path, isolation_level=None, timeout=60)
db.execute("PRAGMA journal_mode=" + mode)
db.executescript("CREATE TABLE m(id INTEGER PRIMARY KEY, batch INTEGER, text TEXT); CREATE INDEX b ON m(batch)")
batch = 0
while not os.path.exists(stop):
    batch += 1
    db.execute("BEGIN IMMEDIATE")
    db.executemany("INSERT INTO m(batch, text) VALUES(?, ?)", [(batch, "x" * 200)] * 50)
    if batch % 3 == 0:
        db.execute("UPDATE m SET text = ? WHERE batch = ?", ("y" * 300, batch - 2))
    db.execute("COMMIT")
    if batch == 20:
        print("begun", flush=True)
db.close()
E
for mode in WAL DELETE; do
	begin_other "live-$mode"
	cat >>"$HOLDFAST_CONFIG" <<-E
	  live:
	    source: sqlite
	    path: $T/live-$mode.db
	    queries:
	      rooms: SELECT 'all' AS id
	      messages: SELECT * FROM m ORDER BY id
	E
	rm -f "$T/stop"
	"$PYTHON" "$T/writer.py" "$T/live-$mode.db" $mode "$T/stop" >"$T/writer.out" &
	writer=$!
	spawned="$spawned $writer"
	tries=0
	until grep -q begun "$T/writer.out"; do
		sleep 0.2
		tries=$((tries + 1))
		[ $tries -lt 300 ] || fail "the writer does not begin"
	done
	expect 0 holdfast init
	expect 0 holdfast backup
	expect 0 holdfast backup
	expect 0 holdfast backup
	is_alive $writer || fail "the writer of $mode has ended"
	: >"$T/stop"
	wait $writer || fail "the writer of $mode was disturbed"
	rm -rf "$T/restored"
	for id in $(snapshot_ids); do
		expect 0 restic --quiet restore "$id" --target "$T/restored/$id"
	done
	"$PYTHON" - "$T/restored" <<'E' || fail "a transaction is there in part ($mode)"
import collections, glob, json, sys
snapshots = glob.glob(sys.argv[1] + "/*")
assert len(snapshots) == 3, snapshots
for snapshot in snapshots:
    newest = {}
    for file in sorted(glob.glob(snapshot + "/chats/live/rooms/all/messages/*.jsonl")):
        for line in open(file, encoding="utf-8"):
            raw = json.loads(line)["raw"]
            newest[raw["id"]] = raw
    batches = collections.defaultdict(list)
    for raw in newest.values():
        batches[raw["batch"]].append(raw["text"][0])
    assert len(batches) >= 20, len(batches)
    last = max(batches)
    for batch, texts in batches.items():
        assert len(texts) == 50 and len(set(texts)) == 1, (snapshot, batch, texts)
        # The update is a part of the transaction two batches later.
        assert (texts[0] == "y") == (batch % 3 == 1 and batch + 2 <= last), (batch, last, texts[0])
    print(len(batches), "whole transactions")
E
done

# --- presets, against the tables of the programs -----------------------------------------------------

begin_other with-presets
mkdir "$T/db"
for name in dino gajim whatsapp imessage; do
	sql "$T/db/$name.db" "$data/$name.sql"
	add_preset $name $name "$T/db/$name.db"
done
sed -e '/^-- OLD/,$d' "$data/imessage.sql" >"$T/old.sql"
sql "$T/db/imessage-old.db" "$T/old.sql"
add_preset imessage-old imessage "$T/db/imessage-old.db"
# As Dino had it before calls, and before version 28; and Gajim before its reactions and file transfers.
sed -e '/^CREATE TABLE call/d; /^INSERT INTO call/d; s/file_sharing_id TEXT, //; s/, modification_date.*DEFAULT -1)/)/' \
	-e "s/VALUES (1, 'fs1', /VALUES (1, /; s/, 's9', -1, 40, 30, -1);/, 's9');/" "$data/dino.sql" >"$T/old.sql"
sql "$T/db/dino-old.db" "$T/old.sql"
add_preset dino-old dino "$T/db/dino-old.db"
sed -e '/ reaction/d; / filetransfer/d; / ft_source/d; / moderation/d' "$data/gajim.sql" >"$T/old.sql"
sql "$T/db/gajim-old.db" "$T/old.sql"
add_preset gajim-old gajim "$T/db/gajim-old.db"
age "$T"/db/*.db
expect 0 holdfast config check
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
"$PYTHON" "$tests/tools/list-records" "$T/restored/chats" >"$T/list" || fail "list-records"
diff "$data/presets.txt" "$T/list" || fail "presets do not give what tests/data/sqlite/presets.txt has"
grown_by_less 8192 holdfast backup

# An address book: every person is a card, also after one has got another name and one has gone.
begin_other contacts
sed 's/types: .*/types: [contacts]/' "$HOLDFAST_CONFIG" >"$T/contacts.yaml"
cat "$T/contacts.yaml" >"$HOLDFAST_CONFIG"
sql "$T/db/wa.db" "$data/wa.sql"
age "$T/db/wa.db"
add_preset book whatsapp-contacts "$T/db/wa.db"
expect 0 holdfast config check
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
"$PYTHON" "$tests/tools/compare-cards" "$data/wa.vcf" "$T/restored/contacts/book" || fail "not the cards of wa.db"
grown_by_less 8192 holdfast backup
echo "UPDATE wa_contacts SET wa_name = 'Angelica' WHERE wa_name = 'Nurse';
	DELETE FROM wa_contacts WHERE jid LIKE '491700000004@%'" >"$T/changes.sql"
sql "$T/db/wa.db" "$T/changes.sql"
expect 0 holdfast backup
restic_restore
"$PYTHON" - "$data/wa.vcf" "$T/changed.vcf" <<'E' || fail "the cards to compare with"
import re, sys
text = open(sys.argv[1], newline="", encoding="utf-8").read().replace("FN:Nurse", "FN:Angelica")
gone = "BEGIN:VCARD\r\nVERSION:4.0\r\nUID;VALUE=text:491700000004@.*?END:VCARD\r\n"
text, count = re.subn(gone, "", text, flags=re.S)
assert count == 1 and "Angelica" in text
open(sys.argv[2], "w", newline="", encoding="utf-8").write(text)
E
"$PYTHON" "$tests/tools/compare-cards" "$T/changed.vcf" "$T/restored/contacts/book" || fail "not the changed cards"

# Every preset was run, and as the file that is installed: there is no other.
for preset in "$tests"/../plugins/source/sqlite/presets/sqlite/*.yaml; do
	grep -qx "$(basename "$preset" .yaml)" "$T/presets" || fail "$preset was not run"
done

# --- files that are not what they should be ----------------------------------------------------------

# Of a damaged one the rows that can be read are kept and the others told; the rest of the plan is whole.
"$PYTHON" - "$database" "$T/damaged.db" <<'E' || fail "damage"
import sys
data = bytearray(open(sys.argv[1], "rb").read())
page = 4096
for at in range(40 * page, len(data) - page, 97 * page):
    data[at + 8:at + 600] = bytes((i * 37 + at // page) % 256 for i in range(592))
open(sys.argv[2], "wb").write(data)
E
echo "not a database at all, but long enough to have a header, if only one of the right kind: 0123456789" >"$T/text.db"
begin_other damaged
# Not the last one: of very many failed items not all are told one by one.
add_preset text dino "$T/text.db"
add_preset damaged gen-chat "$T/damaged.db"
add_preset dino dino "$T/db/dino.db"
expect 0 holdfast init
expect 3 holdfast backup
expect_text "$T/out" "^failed: .*malformed"
expect_text "$T/out" "^failed: .*text.db is no SQLite database"
restic_is_content
restic_restore
[ "$(cat "$T"/restored/chats/dino/rooms/*/messages/*.jsonl | wc -l)" -eq 6 ] || fail "the other account is not whole"
