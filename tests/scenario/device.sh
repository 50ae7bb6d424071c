#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What the machine is: backed up once for the plan, as its schema says, with nothing that identifies it
# further, and unchanged from run to run.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" restic
generate 300 3
begin_config
add_account chats jsonl "$T/chats"
sed 's/types: .*/types: [chats, device_info]/' "$HOLDFAST_CONFIG" >"$T/both.yaml"
sed -e 's/types: .*/types: [device_info]/' -e '/^accounts:/,$d' "$HOLDFAST_CONFIG" >"$T/device.yaml"
chmod 600 "$T/both.yaml" "$T/device.yaml"
HOLDFAST_CONFIG=$T/both.yaml
expect 0 holdfast config check
expect 0 holdfast init
expect 0 holdfast backup
expect_text "$T/out" "^device_info +1 +1 "
restic_is_content
restic_restore
compare_raw chats jsonl "$T/chats"

# The file is where it belongs, and as it should be.
host=$("$PYTHON" - "$T/restored" "$tests/../sdk/schemas/device.schema.json" <<'E'
import json, os, platform, re, sys
top = os.path.join(sys.argv[1], "device")
(host,) = os.listdir(top)
assert os.listdir(os.path.join(top, host)) == ["device.json"], os.listdir(os.path.join(top, host))
text = open(os.path.join(top, host, "device.json"), encoding="utf-8").read()
device = json.loads(text)
assert re.sub(r"[^a-z0-9._-]", lambda m: "%%%02X" % ord(m[0]), device["host"]) == host, (device["host"], host)
assert device["system"]["kernel"] == platform.release() and device["system"]["machine"] == platform.machine()
assert device["memory"] > 2**26 and device["cpu"]["count"] >= 1
root = device["disks"][0]
st = os.statvfs("/")
assert root["mount"] == "/" and root["size"] == st.f_blocks * st.f_frsize, root
assert abs(root["free"] - st.f_bavail * st.f_frsize) <= root["size"] / 8, root
assert device["holdfast"]["plugins"]["device-info"] and device["holdfast"]["version"]
assert len(text) < 4096, len(text)
try:
    import jsonschema
    jsonschema.Draft202012Validator(json.load(open(sys.argv[2]))).validate(device)
except ImportError:
    pass
manifest = json.load(open(os.path.join(sys.argv[1], "holdfast.json")))
account = manifest["types"]["device_info"]["accounts"][device["host"]]
assert account["state"] == "complete" and account["source"] == "device-info", account
print(host)
E
) || fail "device.json is not as it should be: $(cat "$T"/restored/device/*/device.json)"

# Nothing in it names this machine, its disks or its addresses.
{
	cat /etc/machine-id /proc/sys/kernel/random/boot_id /sys/class/net/*/address
	cat /sys/class/dmi/id/*_serial /sys/class/dmi/id/*_uuid /sys/block/*/device/serial /sys/block/*/serial
	ls /dev/disk/by-uuid /dev/disk/by-id /dev/disk/by-partuuid
} 2>/dev/null | tr -s ' ' '\n' | grep -E '.{6}' | grep -v '^00:00:00:00:00:00$' | sort -u >"$T/identifiers"
id -un | grep -E '.{5}' >>"$T/identifiers"
while read -r identifier; do
	! grep -qiF -e "$identifier" "$T/restored/device/$host/device.json" || fail "device.json has \"$identifier\""
done <"$T/identifiers"

# A second run changes nothing of it, down to the times; nor does one that is about chats alone.
cp -Rp "$T/restored/device" "$T/first"
for option in '' --full '--types chats'; do
	append 20
	# shellcheck disable=SC2086 # words
	expect 0 holdfast backup $option
	restic_restore
	"$PYTHON" "$tests/tools/compare-trees" "$T/first" "$T/restored/device" || fail "another device.json after $option"
done
expect_text "$T/restored/holdfast.json" '"carried_over"'
compare_raw chats --current jsonl "$T/chats"

# No account is needed for it; what others had stays.
HOLDFAST_CONFIG=$T/device.yaml
expect 0 holdfast config check
before=$(repository_size)
expect 0 holdfast backup
[ $(($(repository_size) - before)) -le 16384 ] || fail "an unchanged machine cost $(($(repository_size) - before)) bytes"
restic_restore
compare_raw chats --current jsonl "$T/chats"
"$PYTHON" "$tests/tools/compare-trees" "$T/first" "$T/restored/device" || fail "another device.json"
HOLDFAST_CONFIG=$T/both.yaml

# That the machine can tell about itself does not make a backup of a run that could read nothing.
count=$(snapshot_count)
mv "$T/chats" "$T/away"
expect 1 holdfast backup
expect_text "$T/err" "nothing could be read"
[ "$(snapshot_count)" = "$count" ] || fail "a snapshot of a run that could read nothing"
