#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Every file below a folder of yours, a picture or not, through the helper: each comes to a named end and none takes a
# process down; what became smaller has the old size, orientation, profile, EXIF, XMP and comments, and decodes without a
# warning; where the location is to go, it alone goes.  Not a part of "make check"; in the build's tests folder:
#	make check TESTS=extra/images.sh HOLDFAST_TEST_DATA=/path/to/pictures
. "${srcdir:-.}/lib.sh"
need "$PYTHON" djpeg
[ -n "${HOLDFAST_TEST_DATA-}" ] || skip "needs HOLDFAST_TEST_DATA, a folder with pictures"
files=$abs_top_builddir/core/image/test-files
data=$(cd "$HOLDFAST_TEST_DATA" && pwd) || fail "no folder $HOLDFAST_TEST_DATA"

# try NAME OPTION..: the helper's words in $T/NAME.txt, the new files in $T/NAME.
try() {
	folder=$T/$1
	shift
	mkdir "$folder"
	find "$data" -type f -print0 | sort -z |
		(cd "$T" && xargs -0 -n 2000 "$files" -o "$folder" "$@" "$HOLDFAST" >"$folder.txt") ||
		fail "test-files $*"
}
try plain -q 80
try coarse -q 20
try strip -q 80 -l
try both -q 20 -l

"$PYTHON" - "$T" <<'P' || fail "a picture is not what it should be"
import collections, json, os, shutil, subprocess, sys
top, bad, checked = sys.argv[1], 0, 0
named = set("""recompressed location_removed not_a_jpeg not_smaller too_large corrupt truncated trailing_data multi_picture
    cmyk colour_space twelve_bit arithmetic lossless hierarchical sampling too_many_pixels too_many_scans
    progressive_memory metadata""".split())
def complain(*words):
    global bad
    bad += 1
    print(*words)
def segments(path):
    data, at, found = open(path, "rb").read(), 2, []
    while at + 4 <= len(data) and data[at] == 0xff and data[at + 1] != 0xda:
        size = 2 + (data[at + 2] << 8 | data[at + 3])
        if 0xe0 <= data[at + 1] <= 0xef or data[at + 1] == 0xfe:
            found.append(data[at:at + size])
        at += size
    return found
def tags(path):
    if not shutil.which("exiftool"):
        return {}
    out = subprocess.run(["exiftool", "-q", "-j", "-a", "-u", "-G1", "--File:all", "--System:all", "--ExifTool:all",
                          "--Composite:all", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return {k: v for k, v in json.loads(out)[0].items() if k != "SourceFile"}
def size(path):
    run = subprocess.run(["djpeg", "-grayscale", "-pnm", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run.stdout.split(None, 3)[1:3], run.stderr
for name, location in (("plain", False), ("coarse", False), ("strip", True), ("both", True)):
    lines = [l.rstrip("\n").split("\t") for l in open("%s/%s.txt" % (top, name), errors="surrogateescape")]
    reasons = collections.Counter(l[0] for l in lines[:-1])
    print(name, dict(reasons))
    for number, (reason, old, new, width, height, flags, path) in enumerate(lines[:-1], 1):
        file = "%s/%s/%d" % (top, name, number)
        if reason not in named:
            complain(path, "ended with", reason)
        if reason not in ("recompressed", "location_removed"):
            if os.path.exists(file) or new != "0":
                complain(path, "is kept, and there are new bytes")
            continue
        checked += 1
        if os.path.getsize(file) != int(new) or int(old) != os.path.getsize(path):
            complain(path, "has not the sizes that are told")
        if reason == "recompressed" and int(new) * 10 > int(old) * 9:
            complain(path, "is not smaller by a tenth")
        (was, _), (now, warned) = size(path), size(file)
        if reason == "recompressed" and (warned or now != [width.encode(), height.encode()]) or was != now:
            complain(path, "decodes to", now, "not", was, warned)
        before, after = tags(path), tags(file)
        if location:
            if [k for k in after if "GPS" in k] and flags == "0":
                complain(path, "still tells its location")
            before, after = ({k: v for k, v in t.items() if "GPS" not in k} for t in (before, after))
        elif segments(path) != segments(file):
            complain(path, "has other segments than before")
        if [len(s) for s in segments(path)] != [len(s) for s in segments(file)]:
            complain(path, "has segments of other sizes")
        for key in set(before) | set(after):
            if before.get(key) != after.get(key):
                complain(path, key, before.get(key), after.get(key))
print("%d new files were compared with the old ones" % checked)
sys.exit(bad > 0)
P
