#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A URL from a message leads to no address that is not public: as it is given, after a redirect, and as the answer of
# a name server; nor does a redirect by a public server that is configured.  In a network of its own, where every
# address is this machine and a trap listens at all of them.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" unshare ip
GET=$abs_top_builddir/core/http/test-get
[ -x "$GET" ] || skip "needs core/http/test-get"
[ "$(id -u)" = 0 ] || skip "needs root, to make a network of its own"
unshare -n -m true 2>/dev/null || skip "a network of its own is not permitted here"
cd "$T" || exit 99

# --- what is asked for ---------------------------------------------------------------------------

cat >forms.py <<'E'
import ipaddress, sys

ADDRESSES = """127.0.0.1 127.1.2.3 0.0.0.0 10.0.0.1 169.254.169.254 192.168.1.1 172.16.0.1 172.31.255.254 100.64.0.1
100.127.255.254 192.0.0.170 192.0.2.1 192.88.99.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1
255.255.255.255""".split()
SIX = """:: ::1 ::2 100::1 fc00::1 fd12:3456::1 fe80::1 febf::1 fec0::1 ff02::1 ff0e::1 2001::1 2001:2::1 2001:10::1
2001:20::1 2001:db8::1 3ffe::1 3fff::1 5f00::1 64:ff9b:1::1 1::1 4000::1 e000::1""".split()


def forms(address):
    a, b, c, d = (int(part) for part in address.split("."))
    number = int(ipaddress.IPv4Address(address))
    wide = "".join(chr(0xff10 + int(x)) if x.isdigit() else x for x in address)
    yield address
    yield address + ":443" if d % 2 else address + ":80"
    yield address + "."
    yield str(number)
    yield "0x%08x" % number
    yield "0x%x.0x%x.0x%x.0x%x" % (a, b, c, d)
    yield "0%o.0%o.0%o.0%o" % (a, b, c, d)
    yield "0%011o" % number
    yield "%d.%d" % (a, number & 0xffffff)
    yield "%d.%d.%d" % (a, b, number & 0xffff)
    yield "%d.0x%x.0%o.%d" % (a, b, c, d)
    yield "%%3%d%s" % (int(address[0]), address[1:])
    yield wide
    yield "8.8.8.8@" + address
    yield "8.8.8.8:80@" + address
    yield address + "#@8.8.8.8"
    yield address + "?@8.8.8.8"
    yield address + "\\@8.8.8.8"
    yield "[::ffff:%s]" % address
    yield "[::ffff:%x:%x]" % (number >> 16, number & 0xffff)
    yield "[::%s]" % address
    yield "[64:ff9b::%s]" % address
    yield "[2002:%x:%x::1]" % (number >> 16, number & 0xffff)
    yield "[2001:0:%x:%x::1]" % (number >> 16, number & 0xffff)


def given():
    for index, address in enumerate(ADDRESSES):
        for form in forms(address):
            yield "%s://%s/" % ("https" if (index + len(form)) % 3 == 0 else "http", form)
    for six in SIX:
        yield "http://[%s]/" % six
        yield "https://[%s]:443/x" % six.upper()
    for name in ("localhost", "LOCALHOST", "localhost.", "ip6-localhost", "x.localhost", "fe80::1", "[fe80::1%25lo]",
                 "[::1%lo]", "localhost%00.example.org", "localhost%0d%0aX:", "", "%31%30.0.0.1"):
        yield "http://%s/" % name
    yield from ("HTTP://127.0.0.1/", "http:/127.0.0.1/", "http:127.0.0.1", "//127.0.0.1/", "127.0.0.1",
                "http:///127.0.0.1/", "http:\\\\127.0.0.1\\", "http://127.0.0.1:0/", "http://127.0.0.1:99999/",
                "file:///etc/passwd", "gopher://127.0.0.1:80/x", "ftp://127.0.0.1/", "dict://127.0.0.1:80/x",
                "ldap://127.0.0.1/", "smb://127.0.0.1/x", "telnet://127.0.0.1:80/", "tftp://127.0.0.1/x",
                "http://127.0.0.1\t/", "http://127.0.0.1 /", "ws://127.0.0.1/", "data:text/plain,x")


if sys.argv[1] == "given":
    print("\n".join(given()))
elif sys.argv[1] == "addresses":
    for address in ADDRESSES:
        number = int(ipaddress.IPv4Address(address))
        print(address, "::ffff:%s" % address, "::%s" % address, "64:ff9b::%s" % address,
              "2002:%x:%x::1" % (number >> 16, number & 0xffff), sep="\n")
    print("\n".join(SIX))
E

# Everything is this machine.  The trap takes whatever comes at ports 80 and 443 and writes it down; a server at
# port 8000 redirects /N to form N; a name server answers nN.test with address N, twoN.test with it twice,
# flipN.test with a public one at first, with address N from then on.
cat >world.py <<'E'
import ipaddress, select, socket, struct, sys, threading
trap_file, forms, addresses = open(sys.argv[1], "a", buffering=1), open(sys.argv[2]).read().split("\n"), \
    open(sys.argv[3]).read().split("\n")
PUBLIC = "8.8.4.4"
asked = set()


def read_head(sock):
    sock.settimeout(5)
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(4096)
        if not piece:
            break
        data += piece
    return data


def answer_trapped(sock):
    name = sock.getsockname()
    try:
        head = read_head(sock)
        # A public address that a name led to at first: this connection breaks, so that the name is looked up again.
        if name[0] == PUBLIC:
            trap_file.write("first %s\n" % head.split(b"\r\n")[0].decode())
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            trap_file.write("accepted at %s %r\n" % (name, head))
            sock.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    except OSError:
        pass
    sock.close()


def answer_redirect(sock):
    try:
        target = forms[int(read_head(sock).split(b" ")[1].decode()[1:])].encode("utf-8")
        sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % target)
    except (OSError, ValueError, IndexError):
        pass
    sock.close()


def accept(listener, answer):
    while True:
        start(answer, listener.accept()[0])


def answers(name, kind):
    label = name.split(".")[0].lower()
    what = label.rstrip("0123456789")
    if not label[len(what):] or what not in ("n", "two", "flip"):
        return []
    address = ipaddress.ip_address(addresses[int(label[len(what):])])
    good = [address] if (address.version == 4) == (kind == 1) else []
    if what == "flip" and (name, kind) not in asked:
        asked.add((name, kind))
        return [ipaddress.ip_address(PUBLIC)] if kind == 1 else []
    return good * 2 if what == "two" else good


def name_server(sock):
    while True:
        data, peer = sock.recvfrom(512)
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("latin-1"))
            at += data[at] + 1
        question = data[12:at + 5]
        kind = struct.unpack(">H", data[at + 1:at + 3])[0]
        found = answers(".".join(labels), kind) if kind in (1, 28) else []
        records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(a.packed)) + a.packed for a in found)
        known = labels[-1:] == ["test"]
        sock.sendto(data[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, len(found), 0, 0) + question +
                    records, peer)


def start(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


for port in (80, 443):
    start(accept, socket.create_server(("0.0.0.0", port), backlog=100), answer_trapped)
    start(accept, socket.create_server(("::", port), family=socket.AF_INET6, backlog=100), answer_trapped)
start(accept, socket.create_server(("0.0.0.0", 8000), backlog=100), answer_redirect)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
start(name_server, names)
print("ready", flush=True)
select.select([], [], [], 300)
E

# In the network of its own: $1 is the folder, $2 test-get, $3 Python.
cat >inside.sh <<'E'
set -eu
cd "$1"
GET=$2
PYTHON=$3
mount --make-rprivate /
ip link set lo up
ip addr add 169.254.169.254/32 dev lo
ip addr add 10.0.0.1/32 dev lo
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >resolv.conf
mount --bind resolv.conf /etc/resolv.conf
printf 'machine 8.8.8.8 login somebody password secret\ndefault login somebody password secret\n' >.netrc
HOME=$1
http_proxy=http://10.0.0.1:80/ https_proxy=http://10.0.0.1:80/ all_proxy=http://10.0.0.1:80/
HTTPS_PROXY=$https_proxy ALL_PROXY=$all_proxy
export HOME http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
"$PYTHON" world.py trap given addresses >world 2>&1 &
world=$!
trap 'kill $world' EXIT
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q ready world && break
	sleep 0.2
done
grep -q ready world || { cat world; echo "no world after $try tries"; exit 1; }

# What a plugin asks for; -e: with the proxies above, which must not matter.
"$GET" -s -h -e -a secret - <given >given.result || :
"$GET" -s -h -a secret -o http://127.0.0.1:8000 - <redirects >redirects.result || :
"$GET" -h -a secret - <configured >configured.result || :
"$GET" -s -h -e -a secret - <names >names.first || :
grep '^first' trap >trap.first || :
"$GET" -s -h -e -a secret - <names >names.result || :
grep '^first' trap >trap.second || :
grep '^accepted' trap >trap.strict || :
# Without the policy every one of these is reached, so the trap works.
"$GET" -p 1 http://127.0.0.1/ http://0xa9fea9fe/ http://[::ffff:10.0.0.1]/ http://[fd12:3456::1]/ http://n3.test/ \
	>open.result || :
grep '^accepted' trap >trap.open || :
# A public address is reached by the policy, too, without anything that it should not know.
"$GET" -s -h -e -a secret http://8.8.8.8/ >public.result || :
grep '^accepted.*8\.8\.8\.8' trap >trap.public || :
# And an address that was configured, through the proxy of the environment.
"$GET" -e -a secret http://10.0.0.1/ >proxied.result || :
grep '^accepted.*GET http://10\.0\.0\.1/' trap >trap.proxied || :
E

for kind in given addresses; do
	"$PYTHON" forms.py $kind >"$T/$kind" || fail "no $kind"
done
awk '{ print "http://127.0.0.1:8000/" NR - 1 }' given >redirects
# A server that is configured, and not to be trusted with what else can be reached from here.
sed 's/127.0.0.1/8.8.8.8/' redirects >configured
awk '{ n = NR - 1; print "http://n" n ".test/"; print "https://two" n ".test/" }
	NR % 2 == 1 { print "http://flip" NR - 1 ".test/" }
	NR % 4 == 1 { print "http://n" NR - 1 ".test./"; print "http://N" NR - 1 ".TEST:80/x" }' addresses >names
: >"$T/trap"
unshare -n -m sh "$T/inside.sh" "$T" "$GET" "$PYTHON" >inside 2>&1 || fail "inside: $(cat inside)"

# --- what must hold ------------------------------------------------------------------------------

# refused STAGE: there are 300 at least, and each has a result, which is a failure.
tab=$(printf '\t')
refused() {
	count=$(wc -l <"$1")
	[ "$count" -ge 300 ] || fail "$1: only $count"
	[ "$(wc -l <"$1.result")" = "$count" ] || fail "$1: $(wc -l <"$1.result") results of $count"
	! grep -m 3 "^0$tab" "$1.result" || fail "$1: something came back"
	[ "$(grep -c "^-203$tab" "$1.result")" -ge 290 ] ||
		fail "$1: not by the policy: $(cut -f 1,5 "$1.result" | sort | uniq -c)"
	echo "$1: $count refused: $(cut -f 1 "$1.result" | sort | uniq -c | awk '{ printf "%s of %s, ", $1, $2 }')"
}
refused given
refused redirects
refused configured
refused names
[ ! -s trap.strict ] || fail "accepted: $(cat trap.strict)"
# Names that flip were reached at their public address, and not at all when they had another one.
[ "$(wc -l <trap.first)" -ge "$(grep -c flip names)" ] || fail "flips: $(sort trap.first | uniq -c)"
cmp -s trap.first trap.second || fail "more flips than there were at first"
[ "$(wc -l <trap.open)" = 5 ] || fail "the trap does not work: $(cat trap.open open.result)"
grep -q "^0${tab}200${tab}2${tab}" public.result || fail "the public address: $(cat public.result)"
[ "$(wc -l <trap.public)" = 1 ] || fail "the public address: $(cat trap.public)"
! grep -qiE 'authorization|cookie|secret' trap.public || fail "a public address was told too much: $(cat trap.public)"
grep -q "^0${tab}200${tab}2${tab}" proxied.result || fail "the configured address: $(cat proxied.result)"
[ "$(wc -l <trap.proxied)" = 1 ] || fail "the environment's proxy was not used: $(cat trap)"
