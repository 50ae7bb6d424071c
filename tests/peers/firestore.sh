#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The official client library of Firestore against tests/tools/firestore-server, with an open door and with a service
# account's JWT.  usage: firestore.sh DIRECTORY   (where the library is installed, once)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
[ -d node_modules/@google-cloud/firestore ] ||
	npm install --silent --no-audit --no-fund --prefix . '@google-cloud/firestore@8'
server=
trap '[ -z "$server" ] || kill "$server"' EXIT
METADATA_SERVER_DETECTION=none
NODE_PATH=$PWD/node_modules
export METADATA_SERVER_DETECTION NODE_PATH

# certify SERVER-OPTION..; $key is the client's key file, or empty
certify() {
	rm -f port
	python3 "$here/../tools/firestore-server" --port-file "$PWD/port" "$@" &
	server=$!
	tries=0
	until [ -s port ]; do
		tries=$((tries + 1))
		[ $tries -lt 600 ] || { echo "the server does not listen" >&2 && exit 1; }
		sleep 0.05
	done
	# shellcheck disable=SC2086 # no key is no argument
	node --no-warnings "$here/firestore.js" "$(cat port)" $key
	kill "$server"
	wait "$server" || :
	server=
}

key=
certify
key=key.json
python3 "$here/../tools/firestore-server" --port 1 --make-account "$key"
certify --account "$key"
