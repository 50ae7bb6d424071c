#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 at the Nth write, fsync, rename or unlink of any process of the run; the next one finishes.
# STEP: every how manieth; 1 tries each.
. "${srcdir:-.}/lib.sh"
need strace
strace -f -o "$T/trace" true 2>/dev/null || skip "strace may not trace here"

begin_generated "${MESSAGES:-2000}" 5
cp -R "$RESTIC_REPOSITORY" "$T/empty"
calls=write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,ftruncate
strace -qq -f -e "trace=$calls" -o "$T/trace" "$HOLDFAST" backup >"$T/out" 2>"$T/err" ||
	fail "the undisturbed run failed: $(cat "$T/err")"
total=$(grep -c . "$T/trace")
step=${STEP:-$((total / 12 + 1))}
echo "$total calls, killing at every ${step}th"

n=$((1 + $(random_below "$step")))
while [ "$n" -le "$total" ]; do
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	cp -R "$T/empty" "$RESTIC_REPOSITORY"
	# strace counts the calls of each process by itself.
	strace -qq -f -e "trace=$calls" -e "inject=$calls:signal=SIGKILL:when=$n" -o "$T/trace" \
		"$HOLDFAST" backup >"$T/out" 2>"$T/err" </dev/null
	echo "killed at call $n: status $?"
	expect 0 holdfast backup
	restic_is_content
	restic_restore
	compare_raw chats jsonl "$T/chats"
	n=$((n + step))
done
