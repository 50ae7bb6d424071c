#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What a compiler does not check in our sources.
. "${srcdir:-.}/lib.sh"
top=$tests/..
find "$top/core" "$top/plugins" "$top/sdk" -name '*.[ch]' | sort >"$T/sources"
[ -s "$T/sources" ] || fail "no sources found"
find "$top/core" "$top/plugins" "$top/sdk" "$top/tests" "$top/quickstart" "$top/configure.ac" "$top/Makefile.am" \
	-path "$top/tests/data" -prune -o \( -name '*.sh' -o -name '*.[ch]' -o -name '*.inc' -o -name '*.am' \
	-o -name quickstart -o -name configure.ac \) -type f -print | sort >"$T/all"

# report SENTENCE: fails later where standard input has a line.
report() {
	sed "s|^$top/||" | head -n 20 >"$T/found"
	[ -s "$T/found" ] || return 0
	echo "$1:"
	cat "$T/found"
	: >"$T/bad"
}

# shellcheck disable=SC2016 # the inner shell's variable
tr '\n' '\0' <"$T/all" | xargs -0 -n 1 sh -c 'head -n 2 "$1" | grep -q "SPDX-License-Identifier: BSD-2-Clause" || echo "$1"' sh |
	report "no SPDX line at the top"
# shellcheck disable=SC2016 # awk's variable
# Test vectors stay on one line.
grep -v '/test-[^/]*$' "$T/sources" | tr '\n' '\0' | xargs -0 awk '{ line = $0; gsub(/\t/, "        ", line) }
	length(line) > 120 { print FILENAME ":" FNR ": " length(line) " columns" }' | report "lines over 120 columns"
tr '\n' '\0' <"$T/sources" | xargs -0 grep -nE '[ 	]+$' | report "white space at the end"
grep -v '/test-[^/]*$' "$T/sources" | tr '\n' '\0' |
	xargs -0 grep -nE '(^|[^a-zA-Z0-9_.>])(strcpy|strcat|sprintf|vsprintf|strtok|gets|atoi|atol|alloca|system|mktemp|tmpnam|rand|localtime|gmtime|strerror_r)\(' |
	report "functions we do not use"
grep -vE '/(os-[a-z]+\.c|compat/)|sdk/include' "$T/sources" | tr '\n' '\0' |
	xargs -0 grep -nE '^[ 	]*#[ 	]*(if|ifdef|elif).*__(linux|FreeBSD|OpenBSD|NetBSD|APPLE)' |
	report "system conditionals outside os-<system>.c and compat/"
grep '/core/' "$T/sources" | grep -vE '/core/(main\.c|command/|supervisor/|[a-z]+/test-)' | tr '\n' '\0' |
	xargs -0 grep -nE '(^|[^a-zA-Z0-9_])(exit|printf|puts|putchar)\(' |
	report "exit or standard output in a library"
[ ! -e "$T/bad" ]
