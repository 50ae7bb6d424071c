# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Completion of holdfast for bash.

# _holdfast_names SECTION: the names in a section of the configuration.
_holdfast_names() {
	holdfast config show ${config:+-c "$config"} 2>/dev/null |
		sed -n "/^$1:/,/^[^ ]/s/^  \\([a-z][a-z0-9_-]*\\):.*/\\1/p"
}

_holdfast_jobs() {
	holdfast status 2>/dev/null | sed -n 's/^\(backup_[0-9_a-f]*\) .*/\1/p'
}

_holdfast_plugins() {
	holdfast plugins 2>/dev/null | sed -n 's/^\([a-z][a-z0-9-]*\) .*/\1/p'
}

# The last of the comma list in $cur, out of the words given.
_holdfast_list() {
	local done=''
	[[ $cur == *,* ]] && done=${cur%,*},
	mapfile -t COMPREPLY < <(compgen -P "$done" -W "$*" -- "${cur##*,}")
	compopt -o nospace
}

_holdfast_words() {
	mapfile -t COMPREPLY < <(compgen -W "$*" -- "$cur")
}

_holdfast_files() {
	mapfile -t COMPREPLY < <(compgen "$1" -- "$cur")
	compopt -o filenames
}

_holdfast() {
	local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' config='' operands=0 i
	local commands="init backup status watch snapshots rooms ls dump restore check plugins config"
	local options="--config --verbose --help" repository="--repository --json"

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) config=${COMP_WORDS[++i]} ;;
		-r | --repository | -t | --types | --target | -i | --include | --contacts-to | --contacts-from | --tag | -p | --plan | -a | --account) i=$((i + 1)) ;;
		-*) ;;
		*) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; else operands=$((operands + 1)); fi ;;
		esac
	done
	config=${config/#~\//$HOME/}
	case $previous in
	-c | --config) _holdfast_files -f && return ;;
	-r | --repository) _holdfast_words "$(_holdfast_names repositories)" && return ;;
	-a | --account | --contacts-to | --contacts-from) _holdfast_words "$(_holdfast_names accounts)" && return ;;
	-p | --plan) _holdfast_words "$(_holdfast_names plans)" && return ;;
	--target) _holdfast_files -d && return ;;
	--types) _holdfast_list chats media contacts device_info && return ;;
	--include) return ;;
	--tag) _holdfast_words holdfast "$(_holdfast_names plans | sed 's/^/plan=/')" && return ;;
	-t)
		case $command in
		backup) _holdfast_list chats media contacts device_info && return ;;
		restore) _holdfast_files -d && return ;;
		esac
		;;
	esac
	if [[ -z $command ]]; then
		_holdfast_words "$commands" help --version
		return
	fi
	if [[ $cur == -* ]]; then
		case $command in
		init) options+=" $repository" ;;
		backup) options+=" --types --full --json" ;;
		status | watch | plugins) options+=" --json" ;;
		snapshots) options+=" $repository --tag" ;;
		rooms) options+=" $repository --account" ;;
		ls) options+=" $repository --long" ;;
		dump) options+=" --repository" ;;
		restore) options+=" $repository --target --include --contacts-to --contacts-from --yes" ;;
		check) options+=" $repository --read-data --accept-removed" ;;
		config) options+=" --plan --quiet --file-only --json" ;;
		help) options= ;;
		esac
		_holdfast_words "$options"
		return
	fi
	case $command:$operands in
	init:0) _holdfast_words "$(_holdfast_names repositories)" ;;
	backup:0) _holdfast_words "$(_holdfast_names plans)" ;;
	status:0 | watch:0) _holdfast_words "$(_holdfast_jobs)" ;;
	rooms:0 | ls:0 | dump:0 | restore:0) _holdfast_words latest ;;
	plugins:0) _holdfast_words "$(_holdfast_plugins)" ;;
	config:0) _holdfast_words check show ;;
	help:0) _holdfast_words "$commands" ;;
	esac
}

complete -F _holdfast holdfast
