#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of supervisor or worker at random moments of a run; the next run finishes, nothing is lost or
# doubled.  KILLS says how many.
. "${srcdir:-.}/lib.sh"

begin_generated "${MESSAGES:-20000}" 50
cp -R "$RESTIC_REPOSITORY" "$T/empty"
began=$(date +%s%N)
expect 0 holdfast backup
length=$((($(date +%s%N) - began) / 1000000))
echo "an undisturbed run takes $length ms"

round=0 killed=0 workers=0 late=0
while [ $round -lt "${KILLS:-5}" ]; do
	round=$((round + 1))
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	cp -R "$T/empty" "$RESTIC_REPOSITORY"
	spawn "$HOLDFAST" backup
	moment=$(random_below $((length + 1)))
	sleep "$(awk -v ms="$moment" 'BEGIN { print ms / 1000 }')"
	victim=$child who="the supervisor"
	if [ "$(random_below 2)" = 1 ]; then
		worker=$(worker_of "$child")
		[ -z "$worker" ] || victim=$worker who="the worker"
	fi
	if is_alive "$victim"; then
		killed=$((killed + 1))
		[ "$who" = "the supervisor" ] || workers=$((workers + 1))
		kill -9 "$victim"
	else
		# It was faster than the first one.  Another round.
		who="nobody, for it had ended,"
		length=$(((length + moment) / 2)) round=$((round - 1)) late=$((late + 1))
		[ $late -lt $((20 + ${KILLS:-5})) ] || fail "it always ended before it could be killed"
	fi
	wait "$child"
	status=$?
	echo "round $round: killed $who after $moment ms, status $status, $(snapshot_count) snapshots"
	expect 0 holdfast backup
	restic_is_content
	restic_restore
	compare_raw chats jsonl "$T/chats"
	jobs_are_single
	nothing_left_over
done
echo "killed $killed runs, $workers of them in the worker: $round of $killed complete"
