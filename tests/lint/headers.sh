#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Each SDK header compiles alone: as C11, as C99 -pedantic, and as C++17 where there is a compiler.
. "${srcdir:-.}/lib.sh"
CC=${CC:-cc}
include=$tests/../sdk/include
warnings="-Wall -Wextra -pedantic -Werror -fsyntax-only -DHOLDFAST_API=1"

cxx=
for program in ${CXX-} c++ g++ clang++; do
	if command -v "$program" >/dev/null 2>&1; then
		cxx=$program
		break
	fi
done
count=0
for header in "$include"/holdfast/*.h; do
	# The second time over must be harmless as well.
	echo "#include <holdfast/$(basename "$header")>" >"$T/one.c"
	cat "$T/one.c" "$T/one.c" >"$T/two.c"
	cp "$T/two.c" "$T/two.cc"
	for standard in c11 c99; do
		# shellcheck disable=SC2086 # words
		$CC -std=$standard $warnings -I "$include" "$T/two.c" || fail "$header as $standard"
	done
	# shellcheck disable=SC2086 # words
	[ -z "$cxx" ] || $cxx -std=c++17 $warnings -I "$include" "$T/two.cc" || fail "$header as C++17"
	count=$((count + 1))
done
[ $count -gt 0 ] || fail "no headers in $include"
echo "$count headers, C++ compiler: ${cxx:-none}"
