#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Servers whose TLS is not to be trusted get no byte of a request: RELIABILITY says no credential leaves for them.
. "${srcdir:-.}/lib.sh"
need "$PYTHON" openssl
GET=$abs_top_builddir/core/http/test-get
[ -x "$GET" ] || skip "needs core/http/test-get"
mkdir "$T/tls"
cd "$T/tls" || exit 99

# --- certificates --------------------------------------------------------------------------------

# The options that say when a certificate is valid are younger than OpenSSL 3.0: "ca" knows them all along.
cat >ca.conf <<'E2'
[ca]
default_ca = any
[any]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = anything
copy_extensions = none
unique_subject = no
email_in_dn = no
[anything]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[no_authority]
basicConstraints = critical,CA:FALSE
subjectAltName = DNS:localhost
[only_example]
basicConstraints = critical,CA:TRUE
nameConstraints = critical,permitted;DNS:example.org
[good]
subjectAltName = DNS:localhost,IP:127.0.0.1
[elsewhere]
subjectAltName = DNS:elsewhere.example
[address]
subjectAltName = IP:127.0.0.2
[no_names]
basicConstraints = CA:FALSE
[client_only]
subjectAltName = DNS:localhost
extendedKeyUsage = clientAuth
[critical]
subjectAltName = DNS:localhost
1.2.3.4.5.6.7 = critical,ASN1:UTF8String:nobody knows what this is
E2
: >index.txt
echo 1000 >serial

# key NAME [BITS]
key() {
	openssl genrsa -out "$1.key" "${2:-2048}" 2>/dev/null || fail "no key for $1"
}

# sign NAME ISSUER EXTENSIONS [OPTION..]: NAME.crt for NAME.key, for localhost from today on unless options say more.
sign() {
	certificate=$1 issuer=$2 extensions=$3
	shift 3
	openssl req -new -key "$certificate.key" -subj "/CN=localhost" -out request.pem 2>/dev/null &&
		openssl ca -batch -notext -config ca.conf -cert "$issuer.crt" -keyfile "$issuer.key" \
			-extensions "$extensions" -in request.pem -out "$certificate.crt" -days 30 "$@" 2>openssl.txt ||
		fail "no certificate for $certificate: $(cat openssl.txt)"
}

# authority NAME: signed by itself.
authority() {
	key "$1"
	openssl req -x509 -new -key "$1.key" -subj "/CN=authority $1" -days 30 -out "$1.crt" -config ca.conf \
		-extensions authority 2>/dev/null ||
		openssl req -x509 -new -key "$1.key" -subj "/CN=authority $1" -days 30 -out "$1.crt" ||
		fail "no authority $1"
}

authority root
authority unknown
key leaf
# make NAME ISSUER EXTENSIONS [OPTION..]: a server's certificate with the one key that they share, and its chain.
make_server() {
	cp leaf.key "$1.key"
	sign "$@"
	cat "$1.crt" "$1.key" >"$1.pem"
}
make_server good root good
make_server expired root good -startdate 20200101000000Z -enddate 20210101000000Z
make_server future root good -startdate 20480101000000Z -enddate 20490101000000Z
make_server elsewhere root elsewhere
make_server address root address
make_server unknown-authority unknown good
make_server no-names root no_names
make_server client-only root client_only
make_server critical root critical
make_server sha1 root good -md sha1
make_server md5 root good -md md5
key short 1024
sign short root good
cat short.crt short.key >short.pem
openssl req -x509 -new -key leaf.key -subj "/CN=localhost" -addext "subjectAltName=DNS:localhost" -days 30 \
	-out self.crt 2>/dev/null || fail "no certificate that signs itself"
cat self.crt leaf.key >self-signed.pem
# One that is no authority signs as if it were, one may only for other names, one is not sent along.
key fake && sign fake root no_authority
make_server fake-authority fake good && cat fake.crt >>fake-authority.pem
key narrow && sign narrow root only_example
make_server constrained narrow good && cat narrow.crt >>constrained.pem
key middle && sign middle root authority
make_server missing-middle middle good
make_server with-middle middle good && cat middle.crt >>with-middle.pem

# --- servers -------------------------------------------------------------------------------------

# One port for each line of "NAME FILE HOW"; prints "NAME PORT", and for each connection a line to the log.
cat >servers.py <<'E2'
import select, socket, ssl, sys, threading, warnings
warnings.simplefilter("ignore")
log, ports = open(sys.argv[1], "a", buffering=1), {}


def context(name, file, how):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.set_ciphers("ALL:aNULL:eNULL:@SECLEVEL=0")
    made.load_cert_chain(file)
    made.minimum_version = ssl.TLSVersion.TLSv1
    if how in ("TLSv1", "TLSv1_1"):
        made.minimum_version = made.maximum_version = ssl.TLSVersion[how]
    elif how == "null":
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("eNULL:@SECLEVEL=0")
    elif how == "anonymous":
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers("aNULL:!eNULL:@SECLEVEL=0")
    return made


def serve(sock, name, made, how):
    data = b""
    try:
        sock.settimeout(10)
        if made:
            sock = made.wrap_socket(sock, server_side=True)
        while b"\r\n\r\n" not in data:
            piece = sock.recv(4096)
            if not piece:
                break
            data += piece
        if how.startswith("to-"):
            sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/\r\nContent-Length: 0\r\n\r\n" %
                         ports[how[3:]])
        elif how == "cut":
            # No length: only TLS's own end would say that this is all; it never comes.
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of wh")
        elif data:
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            sock.unwrap() if made else None
    except (OSError, ValueError):
        pass
    log.write("%s %d %d\n" % (name, len(data), b"uthorization" in data or b"UTHORIZATION" in data))
    sock.close()


def listen(listener, name, made, how):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, name, made, how), daemon=True).start()


for line in open(sys.argv[2]):
    name, file, how = line.split()
    made = None if how == "plain" else context(name, file, how)
    listener = socket.create_server(("127.0.0.1", 0))
    ports[name] = listener.getsockname()[1]
    threading.Thread(target=listen, args=(listener, name, made, how), daemon=True).start()
    print(name, listener.getsockname()[1], flush=True)
print("end", 0, flush=True)
select.select([], [], [], 300)
E2
cat >list <<'E2'
good good.pem usual
with-middle with-middle.pem usual
expired expired.pem usual
future future.pem usual
elsewhere elsewhere.pem usual
address address.pem usual
self-signed self-signed.pem usual
unknown-authority unknown-authority.pem usual
no-names no-names.pem usual
sha1 sha1.pem usual
md5 md5.pem usual
short-key short.pem usual
client-only client-only.pem usual
critical critical.pem usual
fake-authority fake-authority.pem usual
constrained constrained.pem usual
missing-middle missing-middle.pem usual
tls1.0 good.pem TLSv1
tls1.1 good.pem TLSv1_1
null-cipher good.pem null
anonymous good.pem anonymous
plain-http good.pem plain
cut good.pem cut
downgrade good.pem to-plain-http
E2
: >log
spawn "$PYTHON" servers.py log list
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	grep -q '^end ' "$T/out" 2>/dev/null && break
	is_alive "$child" || fail "no servers: $(cat "$T/err")"
	sleep 0.2
done
cp "$T/out" ports
grep -q '^end ' ports || fail "the servers did not start in $try tries"

# get SERVER: what came of it is in $T/get.
get() {
	port=$(sed -n "s/^$1 //p" ports)
	"$GET" -c root.crt -t 2000 -a "Bearer secret" "https://localhost:$port/" >"$T/get" 2>&1
}

# --- what must hold ------------------------------------------------------------------------------

for name in good with-middle; do
	get $name || fail "$name was refused: $(cat "$T/get")"
	grep -q "^0	200	5	" "$T/get" || fail "$name: $(cat "$T/get")"
done
port=$(sed -n "s/^good //p" ports)
"$GET" -c root.crt -a "Bearer secret" "https://127.0.0.1:$port/" >"$T/get" 2>&1 || fail "an address: $(cat "$T/get")"
# Without the account's ca_file it is not to be trusted.
if "$GET" -t 5000 -a "Bearer secret" "https://localhost:$port/" >"$T/get" 2>&1; then
	fail "the system trusts our authority"
fi
[ "$(grep -c '^good [1-9][0-9]* 1$' log)" = 2 ] || fail "the good server did not get what it should: $(cat log)"

refused=0
while read -r name _; do
	case $name in good | with-middle) continue ;; esac
	if get "$name"; then fail "$name was trusted: $(cat "$T/get")"; fi
	printf '%-18s %s\n' "$name" "$(cut -f 1,5 "$T/get")"
	refused=$((refused + 1))
done <list
[ "$refused" = 22 ] || fail "$refused servers and not 22"
# All but the last are refused before there is a request; that one is good until its end.
sleep 0.3
while read -r name size authorization; do
	case $name in
	good | with-middle | cut | downgrade) ;;
	plain-http) [ "$authorization" = 0 ] || fail "Authorization was sent to $name" ;;
	*) [ "$size" = 0 ] && [ "$authorization" = 0 ] || fail "$size bytes were sent to $name" ;;
	esac
done <log
grep -q '^cut ' log || fail "nobody asked the one that breaks off"
grep -q '^downgrade [1-9][0-9]* 1$' log || fail "nobody asked the one that redirects to http"
grep -q '^no-names 0 0' log || fail "nobody asked the one without names"
