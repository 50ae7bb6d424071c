#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Real Slack exports, as folder and as zip: every message comes back as one record, by restic and
# by holdfast alike.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
exports=$tests/data/chat-slack-export

begin_config
for export in slack-export-viewer langchain; do
	add_account "$export" slack-export "$exports/$export"
	add_account "$export-zip" slack-export "$exports/$export.zip"
done
expect 0 holdfast init
expect 0 holdfast backup
restic_is_content
restic_restore
for export in slack-export-viewer langchain; do
	compare_raw "$export" slack "$exports/$export"
	compare_raw "$export-zip" slack "$exports/$export"
done

expect 0 holdfast restore latest --target "$T/ours"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/ours" || fail "the two restores differ"
