#!/usr/bin/env bash
# Makes examples/quic.pcapng again: HTTP/3 over QUIC, and the HTTPS that offers it, between two
# network namespaces. See README.md beside this file.
#
# usage: sudo PYTHON=PATH examples/make-quic.sh [OUT.pcapng]
#
# PYTHON is an interpreter that has aioquic (from PyPI, in an environment of its own). Everything
# happens in namespaces that end with the script; it stops by itself after a minute.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here/quic.pcapng}")
python=${PYTHON:-python3}
limit=60
if [[ -z ${BOUNDED:-} ]]; then BOUNDED=1 exec timeout --foreground "$limit" "${BASH_SOURCE[0]}" "$@"; fi

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
for program in dumpcap ip ethtool unshare nsenter openssl curl; do
  command -v "$program" >/dev/null || { echo "missing: $program" >&2; exit 1; }
done
"$python" -c 'import aioquic' || { echo "missing: aioquic, for $python" >&2; exit 1; }
((EUID == 0)) || { echo "namespaces need root: sudo $0" >&2; exit 1; }

work=$(mktemp -d)
pids=()
clean_up() {
  trap - EXIT INT TERM
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# ---------------------------------------------------------------- two hosts and a cable
declare -A inside
for host in anna web; do
  unshare --net sleep "$limit" & pids+=($!); inside[$host]=$!
done
on() { local host=$1; shift; nsenter -t "${inside[$host]}" --net -- "$@"; }
own=$(readlink /proc/$$/ns/net)
for host in anna web; do
  until [[ $(readlink "/proc/${inside[$host]}/ns/net") != "$own" ]]; do sleep 0.02; done
done
on anna ip link add eth0 type veth peer name eth0 netns "${inside[web]}"
number=10
for host in anna web; do
  on "$host" ip link set lo up
  on "$host" ethtool -K eth0 tx off tso off gso off gro off >/dev/null
  on "$host" ip link set eth0 address "02:00:00:77:00:$number"
  on "$host" ip addr add "10.77.0.$number/24" dev eth0
  on "$host" ip addr add "fd77::$number/64" dev eth0 nodad
  on "$host" ip link set eth0 up
  number=$((number + 10))
done

raw=$work/raw.pcapng
on web dumpcap -q -i eth0 --ifname office -w "$raw" </dev/null >>"$work/log" 2>&1 & recorder=$!; pids+=($!)
until [[ -s $raw ]]; do sleep 0.05; done

# ---------------------------------------------------------------- servers
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=web.office.example \
  -addext subjectAltName=DNS:web.office.example,DNS:files.office.example \
  -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
on web "$python" "$here/tools/quic.py" serve 10.77.0.20 "$work/tls.crt" "$work/tls.key" >>"$work/log" 2>&1 & pids+=($!)
on web "$python" "$here/tools/quic.py" serve fd77::20 "$work/tls.crt" "$work/tls.key" --retry >>"$work/log" 2>&1 & pids+=($!)
on web "$python" - "$work/tls.crt" "$work/tls.key" >>"$work/log" 2>&1 <<'PY' & pids+=($!)
import http.server, ssl, sys

class Office(http.server.BaseHTTPRequestHandler):
    server_version, sys_version, protocol_version = "ExampleOffice/1.0", "", "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Alt-Svc", 'h3=":443"')
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"Hi\n")

server = http.server.HTTPServer(("10.77.0.20", 443), Office)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*sys.argv[1:])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
PY
sleep 1.5

# ---------------------------------------------------------------- what is said
get() { on anna "$python" "$here/tools/quic.py" get "$@" >>"$work/log" 2>&1; }
on anna curl -sS -k --resolve web.office.example:443:10.77.0.20 https://web.office.example/ >>"$work/log" 2>&1
get 10.77.0.20 web.office.example / /file/20000
get 10.77.0.20 files.office.example / --version 2
get fd77::20 web.office.example / /file/5000
sleep 0.5

kill -TERM "$recorder"; wait "$recorder" || true
python3 "$here/tools/tidy.py" "$raw" "$out" \
  "netloom example: HTTP/3 over QUIC, made by examples/make-quic.sh; every host and name in it is made up"
[[ -z ${KEEP_LOGS:-} ]] || cp -r "$work" "$KEEP_LOGS"
(cd "$(dirname "$out")" && sha256sum "$(basename "$out")")
