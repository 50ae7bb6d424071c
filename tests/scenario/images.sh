#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The helper for pictures as it runs: what its process can reach, and that the picture it dies of stays as it was
# while the next one becomes smaller.
. "${srcdir:-.}/lib.sh"
files=$abs_top_builddir/core/image/test-files
[ -x "$files" ] || fail "there is no $files"
mkdir "$T/new"
expect 0 "$files" -m 4000 -p "$T/large.jpg"
expect 0 "$files" -m 400 "$T/small.jpg"
cp "$T/large.jpg" "$T/large.copy"

child_of() {
	ps -A -o pid= -o ppid= | awk -v parent="$1" '$2 == parent { print $1; exit }'
}

# Starts the large and the small picture; pid, helper and picture are then the processes, the last one stopped at work.
start() {
	(cd "$T" && exec "$files" -o new "$HOLDFAST" large.jpg small.jpg >result 2>err) &
	pid=$!
	spawned="$spawned $pid"
	helper='' picture='' n=0
	while [ -z "$picture" ]; do
		n=$((n + 1))
		[ $n -lt 2000 ] && kill -0 "$pid" 2>/dev/null || fail "the picture's process was not seen"
		helper=$(child_of "$pid")
		[ -z "$helper" ] || picture=$(child_of "$helper")
	done
	kill -STOP "$picture" || fail "the picture's process was gone"
}

# The large one stays, the small one became smaller, in whatever way the helper ended.
end() {
	kill -CONT "$picture" 2>/dev/null
	wait "$pid" || fail "test-files: $(cat "$T/err")"
	cut -f 1 "$T/result" | head -n 2 | tr '\n' ' ' >"$T/words"
	[ "$(cat "$T/words")" = "$1 recompressed " ] || fail "not $1 recompressed: $(cat "$T/result")"
	cmp "$T/large.jpg" "$T/large.copy" || fail "the old picture was changed"
	[ ! -e "$T/new/1" ] || fail "there are bytes of a picture that was not done"
	[ -s "$T/new/2" ] || fail "the small picture is not there"
	rm -f "$T/new/2"
	if kill -0 "$helper" 2>/dev/null; then fail "the helper still runs"; fi
}

# --- what its process has, where it can be seen -------------------------------------------------------

start
if [ -r "/proc/$picture/status" ] && ls "/proc/$picture/fd" >"$T/fds" 2>/dev/null; then
	grep -q '^Seccomp:	2' "/proc/$picture/status" || fail "there is no system call filter"
	grep -q '^NoNewPrivs:	1' "/proc/$picture/status" || fail "it can gain privileges"
	[ "$(tr '\n' ' ' <"$T/fds")" = "0 1 2 4 5 " ] || fail "open descriptors: $(cat "$T/fds")"
	for fd in 0 1 2; do
		[ "$(readlink "/proc/$picture/fd/$fd")" = /dev/null ] || fail "descriptor $fd is not /dev/null"
	done
	[ "$(tr '\0' '\n' <"/proc/$picture/environ" | wc -c)" -eq 0 ] || fail "it has an environment"
	grep -q '^flags:.*[04]$' "/proc/$picture/fdinfo/4" || fail "it can write the old picture"
	awk '/^Max core file size/ { core = $5 } /^Max open files/ { files = $4 } /^Max cpu time/ { cpu = $4 }
		END { exit core != 0 || files != 0 || cpu != 30 }' "/proc/$picture/limits" || fail "its limits"
fi
kill -9 "$picture"
end helper_died

# --- the helper itself dies, and so does the picture's process ------------------------------------------

start
kill -9 "$helper"
end helper_died
n=0
while kill -0 "$picture" 2>/dev/null; do
	n=$((n + 1))
	[ $n -lt 300 ] || fail "the picture's process outlives its helper"
	sleep 0.1
done

# --- and when nothing happens to it -------------------------------------------------------------------

(cd "$T" && "$files" -o new "$HOLDFAST" large.jpg small.jpg >result) || fail "test-files"
[ "$(cut -f 1 "$T/result" | head -n 2 | sort -u)" = recompressed ] || fail "not recompressed: $(cat "$T/result")"

# --- by hand it does nothing -------------------------------------------------------------------------

expect 2 holdfast image-helper </dev/null
expect_text "$T/err" 'not by hand'
