# SPDX-License-Identifier: BSD-2-Clause
# Completion of holdfast for fish.

function __holdfast_names --argument-names section
    holdfast config show 2>/dev/null | sed -n "/^$section:/,/^[^ ]/s/^  \([a-z][a-z0-9_-]*\):.*/\1/p"
end

function __holdfast_jobs
    holdfast status 2>/dev/null | sed -n 's/^\(backup_[0-9_a-f]*\)  *\([^ ]*\)  *\([^ ]*\).*/\1\t\2, \3/p'
end

function __holdfast_plugins
    holdfast plugins 2>/dev/null | sed -n 's/^\([a-z][a-z0-9-]*\) .*/\1/p'
end

set -l commands init backup status watch snapshots rooms ls dump restore check plugins config
set -l in __fish_seen_subcommand_from
set -l repositories init snapshots rooms ls dump restore check

complete -c holdfast -f
complete -c holdfast -n __fish_use_subcommand -a init -d 'Make a repository'
complete -c holdfast -n __fish_use_subcommand -a backup -d 'Back up a plan'
complete -c holdfast -n __fish_use_subcommand -a status -d 'Show the jobs'
complete -c holdfast -n __fish_use_subcommand -a watch -d 'Show progress and events as they come'
complete -c holdfast -n __fish_use_subcommand -a snapshots -d 'List the snapshots'
complete -c holdfast -n __fish_use_subcommand -a rooms -d 'List the rooms in a snapshot'
complete -c holdfast -n __fish_use_subcommand -a ls -d 'List what is in a snapshot'
complete -c holdfast -n __fish_use_subcommand -a dump -d 'Write a file of a snapshot to standard output'
complete -c holdfast -n __fish_use_subcommand -a restore -d 'Restore a snapshot'
complete -c holdfast -n __fish_use_subcommand -a check -d 'Check a repository'
complete -c holdfast -n __fish_use_subcommand -a plugins -d 'List the plugins'
complete -c holdfast -n __fish_use_subcommand -a config -d 'Check or show the configuration'
complete -c holdfast -n __fish_use_subcommand -a help -d 'Tell more of a command'
complete -c holdfast -n __fish_use_subcommand -s V -l version -d 'Show the version'

complete -c holdfast -n "$in $commands" -s c -l config -r -F -d 'The configuration file'
complete -c holdfast -n "$in $commands" -s v -l verbose -d 'Tell more'
complete -c holdfast -n "$in $commands" -s h -l help -d 'Show the options'
complete -c holdfast -n "$in $commands; and not $in dump" -l json -d 'Print JSON'
complete -c holdfast -n "$in $repositories" -s r -l repository -x -a '(__holdfast_names repositories)' -d 'The repository'

complete -c holdfast -n "$in init" -a '(__holdfast_names repositories)'
complete -c holdfast -n "$in backup" -a '(__holdfast_names plans)'
complete -c holdfast -n "$in backup" -s t -l types -x -a '(__fish_append , chats media contacts device_info)' -d 'Only these types'
complete -c holdfast -n "$in backup" -l full -d 'Read everything again'
complete -c holdfast -n "$in status watch" -a '(__holdfast_jobs)'
complete -c holdfast -n "$in snapshots" -l tag -x -d 'Only snapshots with this tag'
complete -c holdfast -n "$in rooms" -s a -l account -x -a '(__holdfast_names accounts)' -d 'Only this account'
complete -c holdfast -n "$in rooms ls dump restore" -a latest -d 'The newest snapshot'
complete -c holdfast -n "$in ls" -s l -l long -d 'Mode, size and time too'
complete -c holdfast -n "$in restore" -s t -l target -x -a '(__fish_complete_directories)' -d 'Where to'
complete -c holdfast -n "$in restore" -s i -l include -x -d 'Only this path of the snapshot'
complete -c holdfast -n "$in restore" -l contacts-to -x -a '(__holdfast_names accounts)' -d 'Put contacts back into it'
complete -c holdfast -n "$in restore" -l contacts-from -x -a '(__holdfast_names accounts)' -d 'Of this account'
complete -c holdfast -n "$in restore" -s y -l yes -d 'Do it'
complete -c holdfast -n "$in check" -l read-data -d 'Read all the data too'
complete -c holdfast -n "$in check" -l accept-removed -d 'Snapshots that are gone were removed on purpose'
complete -c holdfast -n "$in plugins" -a '(__holdfast_plugins)'
complete -c holdfast -n "$in config; and not $in check show" -a 'check show'
complete -c holdfast -n "$in config" -s p -l plan -x -a '(__holdfast_names plans)' -d 'Only what this plan uses'
complete -c holdfast -n "$in config" -s q -l quiet -d 'Say nothing when all is well'
complete -c holdfast -n "$in config" -l file-only -d 'Not what the paths in it lead to'
complete -c holdfast -n "$in help" -a "$commands"
