#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 at the Nth write, fsync, rename, unlink .. of a process of the run; the next run finishes, and
# no job ever leaves two snapshots.  strace counts each kind of call of each process by itself, so a
# worker that is started again dies there again.  STEP: every how manieth is tried; 1 tries each.
. "${srcdir:-.}/lib.sh"
need strace
strace -f -o "$T/trace" true 2>/dev/null || skip "strace may not trace here"
# A process that is traced cannot be looked at for leaks.
ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
export ASAN_OPTIONS

begin_generated "${MESSAGES:-2000}" 5
cp -R "$RESTIC_REPOSITORY" "$T/empty"
calls=write,pwrite64,writev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mkdir,mkdirat,ftruncate
strace -q -f -y -e signal=none -e "trace=$calls" -o "$T/trace" "$HOLDFAST" backup >"$T/out" 2>"$T/err" ||
	fail "the undisturbed run failed: $(cat "$T/err")"
# Each "CALL N" of a process once, in the order of time; from the snapshot's rename on with a mark.
awk '{
	call = $2
	sub(/\(.*/, "", call)
	if (call !~ /^[a-z0-9]+$/)
		next
	n = ++count[$1 " " call]
	if (!seen[call " " n]++)
		print call, n, (worker == $1 ? "saved" : "before")
	else if (worker == $1)
		print call, n, "again"
	if (!worker && $0 ~ /(rename|link).*\/snapshots\//)
		worker = $1
}' "$T/trace" >"$T/all"
grep -v again "$T/all" >"$T/points"
grep -v before "$T/all" >"$T/late"
[ -s "$T/late" ] || fail "no snapshot was renamed into its place"
total=$(wc -l <"$T/points")
step=${STEP:-$((total / 8 + 1))}
echo "$total points, killing at every ${step}th"

kills=0
kill_at() {
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	cp -R "$T/empty" "$RESTIC_REPOSITORY"
	strace -q -f -e "trace=$calls" -e "inject=$1:signal=SIGKILL:when=$2" -o "$T/trace" \
		"$HOLDFAST" backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	killed=$(grep -c 'killed by SIGKILL' "$T/trace")
	kills=$((kills + (killed > 0)))
	echo "$1 $2: $killed killed, status $status, $(snapshot_count) snapshots"
	expect 0 holdfast backup
	restic_is_content
	restic_restore
	compare_raw chats jsonl "$T/chats" >"$T/compared" || fail "$(cat "$T/compared")"
	jobs_are_single
	nothing_left_over
}

# try FILE FIRST STEP: at the lines FIRST, FIRST + STEP, ..
try() {
	awk -v first="$2" -v step="$3" 'NR >= first && (NR - first) % step == 0' "$1" >"$T/chosen"
	while read -r call n _; do
		kill_at "$call" "$n" </dev/null
	done <"$T/chosen"
}

try "$T/points" $((1 + $(random_below "$step"))) "$step"
# Between the snapshot and the queue's knowing of it.
if [ "$step" != 1 ]; then
	try "$T/late" 1 $(($(wc -l <"$T/late") / 2))
fi
[ $kills -gt 0 ] || fail "nothing was killed"
echo "$kills runs were killed"
