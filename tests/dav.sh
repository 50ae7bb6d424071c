# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# shellcheck disable=SC2154,SC2034 # variables of lib.sh, and for the scenarios
# Sourced after lib.sh by scenarios with CardDAV servers: radicale and xandikos on loopback, and a proxy that counts.
# DAV_USER is alice:secret for radicale; xandikos asks nobody.  Variables: $server, $book (the folder of its cards),
# $book_path (its URL's path), $direct (the server's own URL), $url (through the proxy).

# A port that was free a moment ago.
free_port() {
	"$PYTHON" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# wait_for_port PORT PID
wait_for_port() {
	"$PYTHON" - "$1" "$2" <<-'E' || fail "nothing listens at port $1"
	import os, socket, sys, time
	for _ in range(300):
	    try:
	        socket.create_connection(("127.0.0.1", int(sys.argv[1])), 1).close()
	        sys.exit(0)
	    except OSError:
	        os.kill(int(sys.argv[2]), 0)
	        time.sleep(0.1)
	sys.exit(1)
	E
}

dav() {
	"$PYTHON" "$tests/tools/dav" "$@"
}

# The same with the Python that Xandikos has.
xandikos_dav() {
	"$(python_of xandikos)" "$tests/tools/dav" "$@" || fail "dav $1"
}

# The Python that a script is run with.
python_of() {
	sed -n '1s/^#! *//p' "$(command -v "$1")"
}

need_server() {
	need "$1"
	if [ "$1" = xandikos ]; then
		"$(python_of xandikos)" -c 'import dulwich' 2>/dev/null || skip "needs dulwich"
	fi
}

# start_server radicale|xandikos: with one empty address book, on a port that stays the same when it starts again.
start_server() {
	server=$1
	place=$T/$server
	[ -d "$place" ] || {
		mkdir -p "$place"
		free_port >"$place/port"
	}
	port=$(cat "$place/port")
	direct=http://127.0.0.1:$port
	case $server in
	radicale)
		export DAV_USER=alice:secret
		book=$place/data/collection-root/alice/book
		book_path=/alice/book/
		mkdir -p "$book"
		printf '{"tag": "VADDRESSBOOK", "D:displayname": "Friends"}' >"$book/.Radicale.props"
		printf 'alice:secret\nbob:secret\n' >"$place/users"
		cat >"$place/config" <<-X
		[server]
		hosts=127.0.0.1:$port
		[auth]
		type=htpasswd
		htpasswd_filename=$place/users
		htpasswd_encryption=plain
		delay=0
		[storage]
		filesystem_folder=$place/data
		[rights]
		type=owner_only
		X
		"$(python_of radicale)" -m radicale --config "$place/config" >>"$place/log" 2>&1 </dev/null &
		;;
	xandikos)
		unset DAV_USER
		book=$place/data/hf/contacts/addressbook
		book_path=/hf/contacts/addressbook/
		mkdir -p "$place/data"
		program=$(command -v xandikos)
		[ -z "${FIGURE-}" ] || program=$tests/tools/xandikos-kept
		"$(python_of xandikos)" "$program" -d "$place/data" --defaults --current-user-principal=/hf/ \
			-l 127.0.0.1 -p "$port" >>"$place/log" 2>&1 </dev/null &
		;;
	esac
	server_pid=$!
	spawned="$spawned $server_pid"
	wait_for_port "$port" "$server_pid"
}

stop_server() {
	kill "$server_pid"
	wait "$server_pid" 2>/dev/null
}

# fill_book FIRST LAST: cards with these numbers, put beside the server, which must not have looked yet.
fill_book() {
	dav fill "$book" "$1" "$2"
	[ "$server" != xandikos ] || xandikos_dav commit "$book"
}

# start_proxy [OPTION]..: fault-server before the server.
start_proxy() {
	rm -f "$T/proxy-input" "$T/proxy-port"
	mkfifo "$T/proxy-input"
	"$PYTHON" "$tests/tools/fault-server" --proxy "127.0.0.1:$port" --record --lifetime 14400 "$@" \
		<"$T/proxy-input" >"$T/proxy-port" 2>"$T/proxy-log" &
	proxy_pid=$!
	spawned="$spawned $proxy_pid"
	exec 9>"$T/proxy-input"
	n=0
	while [ ! -s "$T/proxy-port" ]; do
		n=$((n + 1))
		[ $n -lt 300 ] || fail "fault-server: $(cat "$T/proxy-log")"
		sleep 0.1
	done
	url=http://127.0.0.1:$(head -n 1 "$T/proxy-port")
}

stop_proxy() {
	exec 9>&-
	kill "$proxy_pid" 2>/dev/null
	wait "$proxy_pid" 2>/dev/null
}

# Requests since the last count_reset.
count_reset() {
	DAV_USER='' dav request GET "$url/.fault/reset${1-}" >/dev/null || fail "fault-server does not answer"
}

requests() {
	DAV_USER='' dav request GET "$url/.fault/status" |
		"$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)["requests"])'
}

# add_dav ACCOUNT URL
add_dav() {
	printf '  %s:\n    source: carddav\n    url: %s\n' "$1" "$2" >>"$HOLDFAST_CONFIG"
	if [ "$server" = radicale ]; then
		echo secret >"$T/dav-password"
		chmod 600 "$T/dav-password"
		printf '    user: %s\n    password_file: %s\n' "${3:-alice}" "$T/dav-password" >>"$HOLDFAST_CONFIG"
	fi
}

# compare_cards ACCOUNT [OPTION] CARDS, on what was restored.
compare_cards() {
	account=$T/restored/contacts/$1
	shift
	"$PYTHON" "$tests/tools/compare-cards" "$@" "$account" || fail "cards in are not cards out: $*"
}

# Nothing but holdfast.json differs between the last two snapshots.
nothing_changed() {
	restic --quiet snapshots --json >"$T/snapshots"
	"$PYTHON" -c 'import json, sys; print(*[s["id"] for s in json.load(sys.stdin)[-2:]])' <"$T/snapshots" >"$T/last"
	read -r before_last last <"$T/last"
	restic diff "$before_last" "$last" 2>/dev/null | grep '^[-+MTU?]  */' >"$T/diff"
	grep -v ' /holdfast.json$' "$T/diff" && fail "a backup with nothing new changed something"
	return 0
}

# expect_added N: what was restored says that its backup had so many new, changed and deleted cards.
expect_added() {
	"$PYTHON" - "$T/restored/holdfast.json" "$1" <<-'E' || fail "not $1 cards are NEW"
	import json, sys
	contacts = json.load(open(sys.argv[1]))["types"]["contacts"]
	sys.exit(0 if contacts["added"] == int(sys.argv[2]) else str(contacts))
	E
}
