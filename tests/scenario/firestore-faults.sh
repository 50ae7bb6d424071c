#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A fault server before a Firestore app: each fault at a request of the first backup.  Whatever it is, nothing wrong is
# stored, nothing that is missing counts as saved, and there are no more than three times the requests; the next
# backup, without the fault, has everything.  Each fault is at one of four positions; at all of them with FAULTS=all, or
# those that FAULTS names.
# shellcheck source=tests/lib.sh
. "${srcdir:-.}/lib.sh"
# shellcheck source=tests/firestore.sh
. "$tests/firestore.sh"
need "$PYTHON" restic

make_key
generate_firestore 1000 4
server_start --load "$T/chats" --account "$T/key.json"
"$PYTHON" "$tests/tools/fault-server" --proxy "127.0.0.1:$port" --private http://10.0.0.1/ --lifetime 7200 >"$T/fault-port" 2>"$T/fault.log" \
	</dev/null &
spawned="$spawned $!"
tries=0
until [ -s "$T/fault-port" ]; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || fail "the fault server does not listen: $(cat "$T/fault.log")"
	sleep 0.05
done
through=$(head -n 1 "$T/fault-port")

# plan [FAULT@K]: what goes wrong from now on.
plan() {
	"$PYTHON" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1]).read()' \
		"http://127.0.0.1:$through/.fault/reset${1:+?fault=$1}" || fail "no plan $1"
}

asked() {
	"$PYTHON" -c 'import sys, json, urllib.request as u; print(json.load(u.urlopen(sys.argv[1]))["requests"])' \
		"http://127.0.0.1:$through/.fault/status"
}

begin() {
	fresh "service_account: $T/key.json" 'participants: {collection: participants}' 'http: {timeout: 1 s, connect_timeout: 1 s}'
	sed -i.old 's/^    types: \[chats\]/&\n    retry: {max_attempts: 1}/' "$HOLDFAST_CONFIG"
}

# cell FAULT K
cell() {
	begin
	plan "$1@$2"
	holdfast backup >"$T/out" 2>"$T/err" </dev/null
	status=$?
	n=$(asked)
	echo "$1 at $2: status $status, $n requests"
	[ "$n" -le $((3 * clean)) ] || fail "$1 at $2: $n requests, $clean without"
	case $status in
	0) compare_firestore ;;
	3)
		restic_restore
		"$PYTHON" "$tests/tools/compare-raw" --subset firestore "$T/chats" "$T/restored/chats/app" || fail "$1 at $2"
		;;
	1) ;;
	*) fail "$1 at $2: status $status: $(cat "$T/err")" ;;
	esac
	[ $status = 0 ] && return 0
	plan
	expect 0 holdfast backup
	compare_firestore
}

begin
plan
expect 0 holdfast backup
clean=$(asked)
echo "$clean requests without a fault"
i=0
for fault in $("$PYTHON" "$tests/tools/fault-server" --list | awk '{ print $1 }'); do
	i=$((i + 1))
	case " ${FAULTS-} " in
	*" $fault "* | ' all ') positions='1 2 3 4' ;;
	'  ') positions=$((i % 4 + 1)) ;;
	*) continue ;;
	esac
	for position in $positions; do
		cell "$fault" $((1 + (position - 1) * (clean - 1) / 3))
	done
done
