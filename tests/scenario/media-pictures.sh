#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Real photographs through a whole backup, from a server and from the folder of an export.  Made smaller: each decodes to
# the old size, with its orientation, colour profile, EXIF and comments, and the index tells of the original; what is odd
# stays byte for byte, as all does with compress_media off; with strip_location the place is gone and nothing else.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic

mkdir -p "$T/chats/messages" "$T/chats/files" "$T/www"
cp "$tests"/data/images/*.jp*g "$T/www"
cp "$tests"/data/images/*.jp*g "$T/chats/files"
"$PYTHON" "$tests/tools/file-server" "$T/www" "$T/port" "$T/requests" &
spawned=$!
until [ -s "$T/port" ]; do sleep 0.1; done
url=http://127.0.0.1:$(cat "$T/port")
number=0
for file in "$T/www"/*; do
	file=${file##*/}
	number=$((number + 1))
	printf '{"id":"w%d","sender_id":"u","sent_at":"2026-01-02T03:04:05Z","media":{"kind":"image","url":"%s/%s"}}\n' \
		$number "$url" "$file" >>"$T/chats/messages/web.jsonl"
	printf '{"id":"f%d","sender_id":"u","sent_at":"2026-01-02T03:04:05Z","media":{"kind":"image","path":"files/%s"}}\n' \
		$number "$file" >>"$T/chats/messages/folder.jsonl"
done

# run NAME OPTIONS: a backup into a repository of its own, restored and looked at; counts are of check-media.
run() {
	name=$1 options=$2
	shift 2
	rm -rf "$HOLDFAST_STATE_DIR" "$RESTIC_REPOSITORY"
	begin_config
	add_web_account family "$T/chats" "$url"
	set_types 'chats, media' "options: {$options}"
	expect 0 holdfast init
	expect 0 holdfast backup
	restic_restore
	"$PYTHON" "$tests/tools/check-media" "$tests/../sdk/schemas" "$T/restored" family "$T/www" \
		stored=$((2 * number)) "$@" || fail "$name: the media are not what they should be"
	"$PYTHON" "$tests/tools/check-pictures" "$T/restored/media/family" "$T/www" "$name" || fail "$name: a picture"
}

# Coarse enough that those with an orientation, a profile and a place become smaller, too: of 12, one is of twelve bits,
# one breaks off, one samples its colours in an odd way, and one is as coarse already.
run smaller 'compress_media: true, media_quality: 10' recompressed=16 original=8
run usual 'compress_media: true' recompressed=8 original=16
run same 'compress_media: false' original=24
run placeless 'compress_media: false, strip_location: true' original=22 location_removed=2
run both 'compress_media: true, media_quality: 10, strip_location: true' recompressed=16 original=8
