#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every source file for FreeBSD, NetBSD and OpenBSD is taken by a compiler with these systems' headers, as configure
# has it there: no warning, so no function that is missing and no argument of another type.  Nothing is linked or
# run.  Not a part of "make check"; in the build's tests folder:
#	make check TESTS=extra/bsd.sh BSD_CC='zig cc'
# BSD_CC is a compiler that takes -target x86_64-freebsd and has that system's headers without being told where; zig
# 0.17 is one.  The headers of the libraries are this machine's.  SYSTEMS names fewer systems.
. "${srcdir:-.}/lib.sh"
BSD_CC=${BSD_CC:-zig cc}
need "${BSD_CC%% *}" pkg-config
top=$(cd "$tests/.." && pwd)
[ -x "$top/configure" ] || skip "needs configure, which autogen.sh makes"

# The libraries' headers alone, as those of this machine's C library lie beside them.
include=$T/include
mkdir "$include"
for header in archive.h archive_entry.h curl event2 evutil.h expat.h expat_config.h expat_external.h \
	jconfig.h jerror.h jmorecfg.h jpeglib.h json-c openssl sodium sodium.h sqlite3.h yaml.h zdict.h zstd.h \
	zstd_errors.h; do
	for folder in /usr/include "/usr/include/$(cc -print-multiarch 2>/dev/null)" /usr/local/include; do
		if [ -d "$folder/$header" ]; then
			mkdir -p "$include/$header"
			ln -sf "$folder/$header"/* "$include/$header"
		elif [ -f "$folder/$header" ]; then
			ln -sf "$folder/$header" "$include"
		fi
	done
done

# What libiconv's header says, for the system that has no iconv of its own.
mkdir "$T/iconv"
cat >"$T/iconv/iconv.h" <<'H'
#include <stddef.h>
typedef void *iconv_t;
iconv_t iconv_open(const char *, const char *);
size_t iconv(iconv_t, char **, size_t *, char **, size_t *);
int iconv_close(iconv_t);
H

# configure_for SYSTEM: a build's folder for it, in $T/SYSTEM.
configure_for() {
	mkdir "$T/$1" || return 1
	# Where iconv is a library of its own, it is not among the system's; nothing is linked but configure's probes.
	(cd "$T/$1" && ac_cv_lib_iconv_iconv_open=yes PKG_CONFIG=pkg-config "$top/configure" -q --enable-werror \
		--build=x86_64-pc-linux-gnu --host="x86_64-unknown-$1" CC="$BSD_CC -target x86_64-$1" \
		CPPFLAGS="-isystem $include -idirafter $T/iconv" AR=: RANLIB=:) >"$T/$1.log" 2>&1
}

# The flags of the files in the build's folder $1, less those that lead to this machine's own headers.
flags_of() {
	# shellcheck disable=SC2016 # make's variables
	make -s -C "$1" --eval='print-flags: ; @echo $(DEFS) $(DEFAULT_INCLUDES) $(INCLUDES) $(AM_CPPFLAGS) \
		$(CPPFLAGS) $(AM_CFLAGS) $(CFLAGS)' print-flags |
		sed "s|-I/usr/include/json-c|-isystem $include/json-c|; s|-I/usr/[^ ]*||g"
}

# The source files below the folder $2 of the tree that the system $1 has.
sources_of() {
	find "$top/$2" -name '*.c' ! -name 'test-*.c' ! -name fuzz.c ! -name 'os-*.c' \
		-o -name "os-$1.c" -o -name os-bsd.c
}

failed=0 files=0
for system in ${SYSTEMS:-freebsd netbsd openbsd}; do
	configure_for "$system" || { tail "$T/$system.log" && fail "cannot configure for $system"; }
	for folder in core plugins/common "$top"/plugins/*/*/; do
		folder=${folder#"$top/"}
		flags=$(flags_of "$T/$system/${folder%/}") || fail "$system: no flags for $folder"
		cd "$T/$system/$folder" || exit 99
		for file in $(sources_of "$system" "$folder"); do
			files=$((files + 1))
			# shellcheck disable=SC2086 # words
			if ! $BSD_CC -target "x86_64-$system" $flags -O0 -c -o "$T/object.o" "$file" </dev/null; then
				echo "$system: $file"
				failed=$((failed + 1))
			fi
		done
	done
	for folder in "$top"/core/*/ "$top"/plugins/*/*/; do
		[ -f "$folder/os-linux.c" ] || continue
		[ -f "$folder/os-$system.c" ] || [ -f "$folder/os-bsd.c" ] || fail "no $folder/os-$system.c"
	done
	# What configure does not find, core/compat has.
	own=$(grep -c -e '^#define HAVE_EXPLICIT_BZERO' -e '^#define HAVE_SECURE_GETENV' "$T/$system/config.h")
	echo "$system: it has $own of explicit_bzero and secure_getenv"
done
[ $failed = 0 ] || fail "$failed of $files files"
[ $files -gt 0 ] || fail "no file"
echo "$files files"
