#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The manual page and the completions know each command and each of its options, and no others.
. "${srcdir:-.}/lib.sh"
commands=$tests/../core/command
page=$commands/holdfast.1
bash=$commands/completions/holdfast.bash
zsh=$commands/completions/_holdfast
fish=$commands/completions/holdfast.fish

expect 0 holdfast help
sed -n 's/^  \([a-z-]*\)  .*/\1/p' "$T/out" >"$T/commands"
[ "$(wc -l <"$T/commands")" -ge 11 ] || fail "help lists too few commands: $(cat "$T/out")"

# has FILE PATTERN WHAT
has() {
	grep -Eq -e "$2" "$1" || {
		echo "$(basename "$1"): no $3"
		: >"$T/bad"
	}
}

: >"$T/options"
while read -r command; do
	has "$page" "^\.It Cm $command( |\$)" "$command"
	has "$bash" "commands=\".*${command}[ \"]" "$command"
	has "$zsh" "^		'$command:" "$command"
	has "$fish" "__fish_use_subcommand -a $command " "$command"
	expect 0 holdfast help "$command"
	sed -n 's/^  .\{4\}--\([a-z-]*\) .*/\1/p' "$T/out" | while read -r option; do
		echo "$option"
		has "$page" "Fl -$option( |\$)" "--$option of $command"
		has "$bash" "--${option}[ \"]" "--$option of $command"
		has "$zsh" "--$option(}|\[)" "--$option of $command"
		has "$fish" "-l $option " "--$option of $command"
	done >>"$T/options"
done <"$T/commands"
[ "$(sort -u "$T/options" | wc -l)" -ge 10 ] || fail "help lists too few options"

# What they offer is there.
sed -n 's/^complete .*-l \([a-z-]*\) .*/\1/p' "$fish" | sort -u >"$T/fish"
{
	cat "$T/options"
	echo version
} | sort -u | comm -13 - "$T/fish" | sed 's/^/holdfast.fish: no such option: --/' >"$T/extra"
sed -n 's/^\.It .*Fl -\([a-z-]*\).*/\1/p' "$page" | sort -u >"$T/page"
sort -u "$T/options" | comm -13 - "$T/page" | sed 's/^/holdfast.1: no such option: --/' >>"$T/extra"
if [ -s "$T/extra" ]; then
	cat "$T/extra"
	: >"$T/bad"
fi

# The shells that are here can read them.
read_by() {
	command -v "$1" >/dev/null 2>&1 || return 0
	"$1" -n "$2" || : >"$T/bad"
}
read_by bash "$bash"
read_by zsh "$zsh"
read_by fish "$fish"
[ ! -e "$T/bad" ]
