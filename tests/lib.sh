# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by each scenario: a directory of its own in $T, the uninstalled holdfast with its
# plugins, restic, and words for what must hold.  A scenario ends with 0 (passed), 77 (skipped, the
# reason is its last line) or anything else (failed).  The environment: KEEP=1 keeps $T of one that fails;
# MESSAGES, KILLS and STEP make some of them bigger.
set -u
umask 022
: "${srcdir:=.}" "${abs_top_builddir:=$(cd .. && pwd)}"
tests=$(cd "$srcdir" && pwd)
# Not a shim that looks for the right one each time.
PYTHON=$("${PYTHON:-python3}" -c "import sys; print(sys.executable)" 2>/dev/null) || PYTHON=python3

name=$(basename "$0" .sh)
T=$(mktemp -d "$(pwd)/$name.XXXXXX") || exit 99
spawned=

cleanup() {
	status=$?
	trap - EXIT
	for pid in $spawned; do
		# One that has ended may have left its number to somebody else.
		[ "$(ps -o ppid= -p "$pid" 2>/dev/null | tr -d ' ')" = $$ ] || continue
		kill -9 "$pid" 2>/dev/null
		kill -CONT "$pid" 2>/dev/null
	done
	wait
	if [ -n "${mounted-}" ]; then umount "$mounted"; fi
	if [ $status != 0 ] && [ $status != 77 ] && [ -n "${KEEP-}" ]; then
		echo "kept: $T"
	else
		rm -rf "$T"
	fi
	exit $status
}
trap cleanup EXIT
trap 'exit 99' HUP INT TERM

HOLDFAST=$abs_top_builddir/core/holdfast
HOLDFAST_PLUGIN_PATH=$(find "$abs_top_builddir/plugins" -type d -name .libs | tr '\n' ':' | sed 's/:$//')
HOLDFAST_PRESET_PATH=$(find "$tests/../plugins" -type d -name presets | tr '\n' ':')
HOLDFAST_CONFIG=$T/holdfast.yaml
HOLDFAST_STATE_DIR=$T/state
RESTIC_REPOSITORY=$T/repository
RESTIC_PASSWORD_FILE=$T/password
RESTIC_CACHE_DIR=$T/restic-cache
LC_ALL=C
TZ=UTC
export HOLDFAST_PLUGIN_PATH HOLDFAST_PRESET_PATH HOLDFAST_CONFIG HOLDFAST_STATE_DIR RESTIC_REPOSITORY \
	RESTIC_PASSWORD_FILE RESTIC_CACHE_DIR LC_ALL TZ
unset HOLDFAST_JOB XDG_CONFIG_HOME

# --- results -------------------------------------------------------------------------------------

fail() {
	echo "FAILED: $*"
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# Skips the scenario where a program is missing.
need() {
	for program in "$@"; do
		command -v "$program" >/dev/null 2>&1 || skip "needs $program"
	done
}

# expect STATUS COMMAND..: runs it with its output in $T/out and $T/err.
expect() {
	want=$1
	shift
	"$@" >"$T/out" 2>"$T/err" </dev/null
	got=$?
	[ $got = "$want" ] && return 0
	tail -n 40 "$T/out" "$T/err"
	fail "status $got, not $want: $*"
}

# expect_text FILE PATTERN: the extended regular expression is in the file.
expect_text() {
	grep -Eq -e "$2" "$1" && return 0
	cat "$1"
	fail "no \"$2\" in $1"
}

# --- what the scenarios are about ---------------------------------------------------------------

holdfast() {
	"$HOLDFAST" "$@"
}

# Leaves a repository (not yet made), its password, and a configuration without accounts.
begin_config() {
	echo "correct horse battery staple" >"$T/password"
	cat >"$HOLDFAST_CONFIG" <<-E
	repositories:
	  home:
	    storage: local
	    path: $RESTIC_REPOSITORY
	    password_file: $T/password
	plans:
	  everything:
	    repository: home
	    types: [chats]
	accounts:
	E
	chmod 600 "$T/password" "$HOLDFAST_CONFIG"
}

# add_account NAME SOURCE PATH
add_account() {
	printf '  %s:\n    source: %s\n    path: %s\n' "$1" "$2" "$3" >>"$HOLDFAST_CONFIG"
}

# add_web_account NAME PATH ORIGIN [SETTING..]: chats in jsonl whose media come by plain HTTP from a server on loopback;
# the settings are more of those of "http".
add_web_account() {
	add_account "$1" jsonl "$2"
	printf '    http:\n      allow_http: true\n      media_origin: %s\n' "$3" >>"$HOLDFAST_CONFIG"
	shift 3
	[ $# = 0 ] || printf '      %s\n' "$@" >>"$HOLDFAST_CONFIG"
}

# set_types TYPES [LINE..]: of the plan, and more lines of it.
set_types() {
	types=$1
	shift
	lines=$(printf '    %s\n' "types: [$types]" "$@") awk '
		/^    types:/ { print ENVIRON["lines"]; next }
		{ print }' "$HOLDFAST_CONFIG" >"$T/new.yaml"
	cat "$T/new.yaml" >"$HOLDFAST_CONFIG"
}

# generate MESSAGES ROOMS [DIRECTORY]: chats in jsonl; made once, then continued with append.
generate() {
	"$PYTHON" "$tests/tools/gen-chat" --quiet --format jsonl --messages "$1" --rooms "$2" \
		--seed 4711 "${3:-$T/chats}" || fail "gen-chat"
}

append() {
	"$PYTHON" "$tests/tools/gen-chat" --quiet --append "$1" "${2:-$T/chats}" || fail "gen-chat --append"
}

# A configuration with one account "chats" of generated chats, and its repository.
begin_generated() {
	need "$PYTHON" restic
	generate "$1" "$2"
	begin_config
	add_account chats jsonl "$T/chats"
	expect 0 holdfast init
}

restic_is_content() {
	expect 0 restic --quiet check --read-data
	! grep -qi error "$T/err" || fail "restic check: $(cat "$T/err")"
}

# restic_restore [SNAPSHOT]: into $T/restored, which is emptied.
restic_restore() {
	rm -rf "$T/restored"
	expect 0 restic --quiet restore "${1:-latest}" --target "$T/restored"
}

# compare_raw ACCOUNT [OPTION] KIND EXPORT, on what was restored.
compare_raw() {
	account=$T/restored/chats/$1
	shift
	"$PYTHON" "$tests/tools/compare-raw" "$@" "$account" || fail "messages in are not records out: $*"
}

# The size of all files of the repository in bytes.
repository_size() {
	find "$RESTIC_REPOSITORY" -type f -exec ls -ln {} + | awk '{ n += $5 } END { print n + 0 }'
}

# Without the temporary files that a killed run may leave.
snapshot_ids() {
	find "$RESTIC_REPOSITORY/snapshots" -type f | sed 's|.*/||' | grep -E '^[0-9a-f]{64}$'
}

snapshot_count() {
	snapshot_ids | wc -l | tr -d ' '
}

# No job has left two snapshots.
jobs_are_single() {
	[ "$(snapshot_count)" -gt 1 ] || return 0
	: >"$T/jobs"
	for snapshot in $(snapshot_ids); do
		restic --quiet dump "$snapshot" /holdfast.json 2>/dev/null |
			grep -Eo 'backup_[0-9]+_[0-9a-f]{8}' | head -n 1 >>"$T/jobs"
	done
	[ "$(wc -l <"$T/jobs")" -eq "$(snapshot_count)" ] || fail "snapshots that do not say their job: $(cat "$T/jobs")"
	[ -z "$(sort "$T/jobs" | uniq -d)" ] || fail "two snapshots of one job: $(sort "$T/jobs" | uniq -d)"
}

# The state directory holds nothing of jobs that have ended.
nothing_left_over() {
	[ -z "$(find "$HOLDFAST_STATE_DIR/jobs" -mindepth 1 2>/dev/null)" ] ||
		fail "left in the state directory: $(find "$HOLDFAST_STATE_DIR/jobs" -mindepth 1)"
}

# json_lines FILE [PATTERN]: each line is a JSON object or array, and there is one; one holds the pattern.
json_lines() {
	"$PYTHON" - "$1" <<-'E' || fail "$1 is not JSON: $(head -c 2000 "$1")"
	import json, sys
	lines = open(sys.argv[1], encoding="utf-8").read().split("\n")
	assert lines.pop() == "" and lines, "no line, or one without an end"
	for line in lines:
	    assert isinstance(json.loads(line), (dict, list)), line
	E
	[ -z "${2-}" ] || expect_text "$1" "$2"
}

# spawn COMMAND..: in the background, output in $T/out and $T/err; its id is in $child.
spawn() {
	"$@" >"$T/out" 2>"$T/err" </dev/null &
	child=$!
	spawned="$spawned $child"
}

# The id of the worker of supervisor $1, if one lives.
worker_of() {
	ps -A -o pid= -o ppid= -o stat= -o args= | awk -v p="$1" '$2 == p && $3 !~ /Z/ && $5 == "worker" { print $1 }'
}

# Whether process $1 has not ended.
is_alive() {
	case $(ps -o stat= -p "$1" 2>/dev/null) in
	'' | *Z*) return 1 ;;
	esac
}

# A number from 0 to $1 - 1.
random_below() {
	od -An -N4 -tu4 /dev/urandom | awk -v n="$1" '{ print $1 % n }'
}
