#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# No struct of the SDK has padding of the compiler's choice: a field appended later could land in it
# and struct_size would not tell.  As C99 and as C++17.
. "${srcdir:-.}/lib.sh"
CC=${CC:-cc}
include=$tests/../sdk/include
flags="-pedantic -Wall -Wextra -Wpadded -Werror -fsyntax-only -DHOLDFAST_API=1"

echo 'struct padded { char a; int b; };' >"$T/padded.c"
# shellcheck disable=SC2086 # words
if $CC -std=c99 $flags "$T/padded.c" 2>/dev/null; then
	skip "$CC does not tell about padding"
fi
cxx=
for program in ${CXX-} c++ g++ clang++; do
	if command -v "$program" >/dev/null 2>&1; then
		cxx=$program
		break
	fi
done
for header in "$include"/holdfast/*.h; do
	echo "#include <holdfast/$(basename "$header")>" >"$T/one.c"
	cp "$T/one.c" "$T/one.cc"
	# shellcheck disable=SC2086 # words
	$CC -std=c99 $flags -I "$include" "$T/one.c" || fail "$header"
	# shellcheck disable=SC2086 # words
	[ -z "$cxx" ] || $cxx -std=c++17 $flags -I "$include" "$T/one.cc" || fail "$header as C++17"
done
[ -n "$cxx" ] || skip "no C++ compiler: C++17 was not tried, C99 is good"
