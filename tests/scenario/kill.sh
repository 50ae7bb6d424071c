#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of supervisor or worker at random moments; the next run finishes, nothing is lost or
# doubled.  KILLS says how many.
. "${srcdir:-.}/lib.sh"

begin_generated "${MESSAGES:-20000}" 50
cp -R "$RESTIC_REPOSITORY" "$T/empty"
began=$(date +%s%N)
expect 0 holdfast backup
length=$((($(date +%s%N) - began) / 1000000))
echo "an undisturbed run takes $length ms"

round=0 killed=0
while [ $round -lt "${KILLS:-8}" ]; do
	round=$((round + 1))
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	cp -R "$T/empty" "$RESTIC_REPOSITORY"
	spawn "$HOLDFAST" backup
	moment=$(random_below $((length + 1)))
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	victim=$child who=supervisor
	if [ "$(random_below 2)" = 1 ]; then
		worker=$(children_of "$child" | head -n 1)
		[ -z "$worker" ] || victim=$worker who=worker
	fi
	if kill -9 "$victim" 2>/dev/null; then killed=$((killed + 1)); fi
	wait "$child"
	echo "round $round: killed the $who after $moment ms, status $?"
	expect 0 holdfast backup
	restic_is_content
	restic_restore
	compare_raw chats jsonl "$T/chats"
	jobs_are_single
	nothing_left_over
done
[ $killed -gt 0 ] || fail "nothing was killed"
