# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by the scenarios about Firestore, after lib.sh: the test server, and accounts that read from it.
: "${tests:?}" "${T:?}" "${PYTHON:?}"

# The server on a free port, $port; its id is in $server.  server_start OPTION..
server_start() {
	rm -f "$T/port"
	"$PYTHON" "$tests/tools/firestore-server" --project demo-chat --port-file "$T/port" \
		"$@" >"$T/server.log" 2>&1 &
	server=$!
	spawned="$spawned $server"
	tries=0
	until [ -s "$T/port" ]; do
		is_alive "$server" || fail "the server did not start: $(cat "$T/server.log")"
		tries=$((tries + 1))
		[ $tries -lt 600 ] || fail "the server does not listen"
		sleep 0.05
	done
	port=$(cat "$T/port")
}

server_stop() {
	kill "$server" 2>/dev/null
	wait "$server" 2>/dev/null
	return 0
}

# server GET|POST PATH [BODY-FILE]: asks the server's control; the answer goes to standard output.
server() {
	"$PYTHON" - "$@" <<-E || fail "the server's control: $*"
	import sys, urllib.request
	body = open(sys.argv[3], "rb").read() if len(sys.argv) > 3 else b""
	r = urllib.request.Request("http://127.0.0.1:$port/control/" + sys.argv[2], method=sys.argv[1],
	    data=body if sys.argv[1] == "POST" else None)
	sys.stdout.buffer.write(urllib.request.urlopen(r).read())
	E
}

# How many requests the server has answered since the last "server POST reset".
requests() {
	server GET counts | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["requests"])'
}

make_key() {
	[ -f "$T/key.json" ] || "$PYTHON" "$tests/tools/firestore-server" --port 1 --make-account "$T/key.json" ||
		fail "no key was made"
}

# add_firestore [PORT]: the account "app", without a sign-in; its options go to the file behind it.
add_firestore() {
	cat >>"$HOLDFAST_CONFIG" <<-E
	  app:
	    source: firestore
	    project: demo-chat
	    endpoints:
	      firestore: http://127.0.0.1:${1:-$port}
	      oauth: http://127.0.0.1:${1:-$port}/token
	      refresh: http://127.0.0.1:${1:-$port}
	      identity: http://127.0.0.1:${1:-$port}
	      storage: http://127.0.0.1:${1:-$port}
	E
}

# A new repository with the account alone: fresh OPTION-LINE..
fresh() {
	rm -rf "$RESTIC_REPOSITORY" "$HOLDFAST_STATE_DIR"
	begin_config
	add_firestore "${through-}"
	for line in "$@"; do
		printf '    %s\n' "$line" >>"$HOLDFAST_CONFIG"
	done
	expect 0 holdfast init
	server POST reset >/dev/null
}

generate_firestore() {
	"$PYTHON" "$tests/tools/gen-chat" --quiet --format firestore --messages "$1" --rooms "$2" --seed 4711 \
		"${3:-$T/chats}" || fail "gen-chat"
}

# Every message of $T/chats is there, as its newest record.  compare_firestore [OPTION]
compare_firestore() {
	restic_restore
	compare_raw app "$@" firestore "${EXPORT:-$T/chats}"
}
