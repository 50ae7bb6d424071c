#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Feeds random bytes to a parser under clang's libFuzzer, with the address and undefined behaviour sanitizers:
#	tests/fuzz/fuzz.sh BUILD TARGET [CORPUS].. [-OPTION]..
# BUILD is a folder that was configured; TARGET a folder here, with the names of its sources in core in "sources", one
# a line, the libraries in "libraries", and inputs to begin with in "corpus".  What it finds, and the inputs that reach
# new code, go to BUILD/fuzz/TARGET.  Options are libFuzzer's, as -runs=100000.
set -eu
[ $# -ge 2 ] || { sed -n '4s/^#	/usage: /p' "$0" >&2; exit 2; }
tests=$(cd "$(dirname "$0")/.." && pwd)
top=$(dirname "$tests")
build=$(cd "$1" && pwd) target=$2
shift 2
folder=$tests/fuzz/$target
work=$build/fuzz/$target
mkdir -p "$work/corpus" "$work/found"

sources=$(sed "s|^|$top/core/|" "$folder/sources")
libraries=$(cat "$folder/libraries")
# shellcheck disable=SC2086 # words
${CLANG:-clang} -std=c11 -g -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined \
	-fno-sanitize-recover=all -DHAVE_CONFIG_H -DHOLDFAST_API=1 \
	-I "$top/core" -I "$build" -I "$top/sdk/include" -o "$work/fuzz" $sources $libraries
exec "$work/fuzz" -artifact_prefix="$work/found/" "$work/corpus" "$folder/corpus" "$@"
