#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# 100,000 generated messages: in = out, token for token, restored by restic and by holdfast.
. "${srcdir:-.}/lib.sh"

begin_generated "${MESSAGES:-100000}" 300
expect 0 holdfast backup
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"

expect 0 holdfast restore latest --target "$T/ours"
"$PYTHON" "$tests/tools/compare-trees" "$T/restored" "$T/ours" || fail "the two restores differ"
expect 0 holdfast check --read-data
