#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# All that a restore gives is as the published schemas say.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
"$PYTHON" -c 'import jsonschema' 2>/dev/null || skip "needs Python's jsonschema"
exports=$tests/data/chat-slack-export
begin_config
generate 3000 10
add_account chats jsonl "$T/chats"
for export in slack-export-viewer langchain; do
	add_account "$export" slack-export "$exports/$export"
done
add_account people vcard "$tests/data/vcards"
sed 's/types: .*/types: [chats, contacts]/' "$HOLDFAST_CONFIG" >"$T/config"
cat "$T/config" >"$HOLDFAST_CONFIG"
expect 0 holdfast init
expect 0 holdfast backup
append 300
expect 0 holdfast backup
restic_restore
"$PYTHON" "$tests/tools/check-schemas" "$tests/../sdk/schemas" "$T/restored" || fail "not as the schemas say"
