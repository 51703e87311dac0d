#!/usr/bin/env bash
# Makes examples/small-office.pcapng again: real programs talk to each other in network namespaces
# and dumpcap records what they say. See README.md beside this file for who is who.
#
# usage: sudo examples/make-example.sh [OUT.pcapng]
#
# Everything happens in namespaces of its own (network, mounts, processes, host name), so that
# nothing of this machine's network, files or accounts is used or changed; they end with the
# script, whichever way it ends, and with them every process in them. Takes about a minute, stops
# by itself after three. Installs nothing: what is missing is told.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$(realpath -m "${1:-$here/small-office.pcapng}")
limit=180
if [[ -z ${BOUNDED:-} ]]; then BOUNDED=1 exec timeout --foreground "$limit" "${BASH_SOURCE[0]}" "$@"; fi

# ---------------------------------------------------------------- what is needed
declare -A package=(
  [dumpcap]=wireshark-common [ip]=iproute2 [ethtool]=ethtool [unshare]=util-linux
  [nsenter]=util-linux [script]=bsdutils [python3]=python3 [curl]=curl [dig]=bind9-dnsutils
  [openssl]=openssl [ssh]=openssh-client [sshd]=openssh-server [telnet]=inetutils-telnet
  [telnetd]=inetutils-telnetd [inetutils-inetd]=inetutils-inetd [ftp]=tnftp [vsftpd]=vsftpd
  [tftp]=tftp-hpa [in.tftpd]=tftpd-hpa [ping]=iputils-ping [dnsmasq]=dnsmasq-base
  [chronyd]=chrony [snmpd]=snmpd [snmpget]=snmp [snmpwalk]=snmp [nc]=netcat-openbsd
  [rlogin]=rsh-redone-client [in.rlogind]=rsh-redone-server [busybox]=busybox
)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=()
for program in "${!package[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
if ((${#missing[@]})); then
  echo "missing; on Debian: apt-get install ${missing[*]}" >&2
  exit 1
fi
if ((EUID != 0)); then
  echo "namespaces with daemons in them need root: sudo $0" >&2
  exit 1
fi

# ---------------------------------------------------------------- hosts
work=$(mktemp -d)
declare -A inside # host -> pid (as seen from here) of its process 1, with which all in it end
recorder=""
clean_up() {
  trap - EXIT INT TERM
  for pid in $recorder; do kill "$pid" 2>/dev/null || true; done
  for pid in "${inside[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

host() { # NAME: new namespaces
  local name=$1 pid=""
  # (stderr: unshare complains about its own signal mask when its child is killed)
  unshare --net --mount --uts --ipc --pid --fork --kill-child --mount-proc \
    sh -c "hostname $name; exec sleep $limit" 2>/dev/null &
  until pid=$(pgrep -P $!); do sleep 0.02; done
  inside[$name]=$pid
  until on "$name" hostname | grep -qx "$name"; do sleep 0.02; done
  on "$name" ip link set lo up
}
on() { # HOST COMMAND...: runs it there
  local name=$1; shift
  nsenter -t "${inside[$name]}" --net --mount --uts --ipc --pid -- "$@"
}
start() { # HOST COMMAND...: as a daemon
  local name=$1; shift
  on "$name" "$@" </dev/null >>"$work/$name.log" 2>&1 &
}
plain_cable() { # HOST IFACE: a port of the switch becomes IFACE of the host
  # Without --pid: the other end's process number is the one seen from here.
  nsenter -t "${inside[switch]}" --net ip link add "$1" type veth peer name "$2" netns "${inside[$1]}"
  on switch ip link set "$1" master sw up
  # Frames as they would be on a wire: no giant segments, checksums filled in.
  on switch ethtool -K "$1" tx off tso off gso off gro off >/dev/null
  on "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null
}
address() { # HOST NUMBER MAC [IPV4/LEN]: addresses of eth0; IPv6 is up at once
  local four=${4:-10.77.0.$2/24}
  on "$1" ip link set eth0 address "$3"
  [[ $four == none ]] || on "$1" ip addr add "$four" dev eth0
  on "$1" ip addr add "fd77::$2/64" dev eth0 nodad
  on "$1" ip link set eth0 up
}
connect() { # HOST NUMBER MAC [IPV4/LEN]
  host "$1"; plain_cable "$1" eth0; address "$@"; own_files "$1"
}
connect_by() { # "LINK OPTIONS" HOST NUMBER MAC [IPV4/LEN]: through link.py
  local options=$1; shift
  host "$1"; plain_cable "$1" wire0
  # The wire is link.py's alone: the kernel must not answer on it as well.
  on "$1" sysctl -qw net.ipv6.conf.wire0.disable_ipv6=1
  on "$1" ip link set wire0 arp off up
  # shellcheck disable=SC2086 # several options
  start "$1" python3 "$here/tools/link.py" eth0 wire0 $options
  until on "$1" ip link show eth0 >/dev/null 2>&1; do sleep 0.05; done
  address "$@"; own_files "$1"
}
own_files() { # HOST: accounts, names and a /run that only the host sees
  local name=$1
  for folder in /run /var/log /var/lib/chrony /var/lib/snmp /var/lib/misc; do
    [[ ! -d $folder ]] || on "$name" mount -t tmpfs tmpfs "$folder"
  done
  on "$name" mkdir -p /run/sshd /run/vsftpd/empty
  for file in passwd shadow group resolv.conf nsswitch.conf shells; do
    on "$name" mount --bind "$work/etc/$file" "/etc/$file"
  done
  # No greeting that tells of the machine underneath.
  for file in motd issue issue.net; do
    [[ ! -e /etc/$file ]] || on "$name" mount --bind "$work/etc/empty" "/etc/$file"
  done
  [[ ! -d /etc/update-motd.d ]] || on "$name" mount --bind "$work/etc/none" /etc/update-motd.d
}
say() { printf '%4ss  %s\n' "$SECONDS" "$*"; }
try() { "$@" || say "  (ended with $?: $*)" >>"$work/tries.log"; }

# ---------------------------------------------------------------- files of the hosts
mkdir -p "$work"/{etc/none,home/ben,tftp,keys}
chmod 755 "$work" "$work"/{etc,home,home/ben,tftp}
password=example-password # plainly no secret: it is in the capture in clear text, on purpose
hash=$(openssl passwd -6 -salt example "$password")
: >"$work/etc/empty"
printf '%s\n' "root:x:0:0:root:$work/home:/bin/sh" "ben:x:1000:1000:Ben:$work/home/ben:/bin/sh" \
  "sshd:x:100:65534::/run/sshd:/bin/false" "nobody:x:65534:65534::/:/bin/false" \
  "ftp:x:101:65534::$work/tftp:/bin/false" "tftp:x:102:65534::$work/tftp:/bin/false" \
  "_chrony:x:103:65534::/run:/bin/false" "Debian-snmp:x:104:65534::/run:/bin/false" >"$work/etc/passwd"
printf '%s\n' 'root:*:19000:0:99999:7:::' "ben:$hash:19000:0:99999:7:::" >"$work/etc/shadow"
printf '%s\n' 'root:x:0:' 'tty:x:5:' 'utmp:x:43:' 'ben:x:1000:' 'nogroup:x:65534:' >"$work/etc/group"
printf '%s\n' 'nameserver 10.77.0.1' 'search office.example' >"$work/etc/resolv.conf"
printf '%s\n' 'passwd: files' 'group: files' 'shadow: files' 'hosts: dns' 'services: files' >"$work/etc/nsswitch.conf"
echo /bin/sh >"$work/etc/shells"
head -c 60000 /dev/zero | openssl enc -aes-128-ctr -nosalt -K 0 -iv 0 2>/dev/null >"$work/home/ben/plan.bin"
cat "$work"/home/ben/plan.bin{,,} >"$work/upload.bin"
head -c 20000 "$work/home/ben/plan.bin" >"$work/tftp/firmware.bin"
echo "10.77.0.11 ben" >"$work/home/ben/.rhosts"
chown -R 1000:1000 "$work/home/ben"; chmod 600 "$work/home/ben/.rhosts"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=web.office.example \
  -addext subjectAltName=DNS:web.office.example -keyout "$work/keys/tls.key" -out "$work/keys/tls.crt" 2>/dev/null
ssh-keygen -q -t ed25519 -N '' -C example -f "$work/keys/host"
ssh-keygen -q -t ed25519 -N '' -C example -f "$work/keys/anna"
cat >"$work/lease" <<'SH'
#!/bin/sh
# What busybox udhcpc calls with the lease it got.
[ "$1" != bound ] || ip addr add "$ip/$mask" dev "$interface"
SH
chmod 755 "$work/lease"

# ---------------------------------------------------------------- the network
say "hosts"
host switch
on switch ip link add sw type bridge
# Without ageing the switch forgets at once where a station is and sends each frame to every
# port, as a hub does or a mirror port gets it: the probe sees all, once.
on switch ip link set sw type bridge ageing_time 0 stp_state 0 mcast_snooping 0
on switch sysctl -qw net.ipv6.conf.sw.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
on switch ip link set sw up

host probe
on probe sysctl -qw net.ipv6.conf.default.disable_ipv6=1
plain_cable probe eth0
on probe ip link set eth0 up
raw=$work/raw.pcapng
nsenter -t "${inside[probe]}" --net dumpcap -q -i eth0 --ifname office -B 16 -w "$raw" \
  </dev/null >>"$work/probe.log" 2>&1 & recorder=$!
for _ in $(seq 100); do [[ ! -s $raw ]] || break; sleep 0.05; done

connect gateway 1 02:00:00:77:00:01
connect anna 10 02:00:00:77:00:10
connect ben 11 02:00:00:77:00:11 none
connect web 20 02:00:00:77:00:20
connect files 21 02:00:00:77:00:21
connect printer 30 02:00:00:77:00:30
connect_by "--delay 35 --loss 0.04 --drop-tcp-port 8443 --seed 77" branch 200 02:00:00:77:02:00
connect_by "--vlan 20" camera 2005 02:00:00:77:20:05 10.77.20.5/24
connect_by "--vlan 20" recorder 2006 02:00:00:77:20:06 10.77.20.6/24

# The tunnel between gateway and branch: VXLAN 42, with 10.77.100.0/24 inside.
vxlan() { # HOST LOCAL REMOTE INNER
  on "$1" ip link add vx42 type vxlan id 42 dstport 4789 local "$2" remote "$3" dev eth0 nolearning
  on "$1" ip link set vx42 address "02:00:00:77:42:${4##*.}" mtu 1400
  on "$1" ip addr add "$4/24" dev vx42
  on "$1" ethtool -K vx42 tx off tso off gso off gro off >/dev/null 2>&1 || true
  on "$1" ip link set vx42 up
}
vxlan gateway 10.77.0.1 10.77.0.200 10.77.100.1
vxlan branch 10.77.0.200 10.77.0.1 10.77.100.2

# ---------------------------------------------------------------- servers
say "servers"
names=()
for entry in gateway:1 anna:10 web:20 files:21 printer:30 branch:200; do
  names+=("--host-record=${entry%:*}.office.example,10.77.0.${entry#*:},fd77::${entry#*:}")
done
start gateway dnsmasq -k --conf-file=/dev/null --no-hosts --no-resolv --no-ping --log-facility=- --user=root \
  --pid-file= --interface=eth0 --local=/example/ "${names[@]}" --cname=www.office.example,web.office.example \
  --txt-record=office.example,"a small office that does not exist" --mx-host=office.example,files.office.example \
  --dhcp-range=10.77.0.100,10.77.0.150,1h --dhcp-host=02:00:00:77:00:11,10.77.0.11,ben --dhcp-leasefile=/run/leases
printf '%s\n' 'local stratum 8' 'allow 10.77.0.0/24' 'cmdport 0' 'pidfile /run/chronyd.pid' >"$work/ntp-server"
start gateway chronyd -x -d -u root -f "$work/ntp-server"

start web python3 "$here/tools/web.py" 80
start web openssl s_server -quiet -accept 443 -cert "$work/keys/tls.crt" -key "$work/keys/tls.key" -www
start branch python3 "$here/tools/web.py" 80
start recorder python3 "$here/tools/web.py" 80
start recorder nc -u -l -d 5004

printf '%s\n' 'Port 22' "HostKey $work/keys/host" "AuthorizedKeysFile $work/keys/anna.pub" 'UsePAM no' \
  'StrictModes no' 'PermitRootLogin prohibit-password' 'PidFile /run/sshd.pid' 'PrintMotd no' >"$work/sshd"
start files "$(command -v sshd)" -D -e -f "$work/sshd"
printf '%s\n' listen=NO listen_ipv6=YES anonymous_enable=NO local_enable=YES write_enable=YES seccomp_sandbox=NO \
  secure_chroot_dir=/run/vsftpd/empty pam_service_name=vsftpd background=NO xferlog_enable=NO >"$work/vsftpd"
start files vsftpd "$work/vsftpd"
start files in.tftpd --foreground --listen --address :69 --user nobody --secure "$work/tftp"
printf '%s\n' "telnet stream tcp nowait root $(command -v telnetd) telnetd -h" \
  "login stream tcp nowait root $(command -v in.rlogind) in.rlogind" >"$work/inetd"
start files inetutils-inetd -d "$work/inetd"

printf '%s\n' 'agentAddress udp:161' 'rocommunity public 10.77.0.0/24' 'sysDescr Example printer, second floor' \
  'sysName printer' 'sysLocation second floor' 'sysContact anna@office.example' >"$work/snmpd"
start printer snmpd -f -Lo -C -c "$work/snmpd" -p /run/snmpd.pid -I system_mib,sysORTable,interfaces,ifTable,ip,udp
# A printer that takes the job slowly: small buffers, and it pauses with them full.
on printer sysctl -qw net.ipv4.tcp_rmem="4096 8192 8192"
start printer sh -c 'nc -l 9100 | (sleep 1; head -c 20000 >/dev/null; sleep 2; cat >/dev/null)'
sleep 2

# ---------------------------------------------------------------- what they do
say "addresses, names, time"
on ben busybox udhcpc -i eth0 -n -q -t 3 -s "$work/lease" -x hostname:ben >>"$work/ben.log" 2>&1
on anna busybox arping -q -U -c 1 -I eth0 10.77.0.10 || true
for name in web files printer branch www nowhere; do
  try on anna dig +tries=1 +time=2 @10.77.0.1 "$name.office.example" A >>"$work/out" 2>&1
done
try on anna dig +tries=1 @10.77.0.1 web.office.example AAAA >>"$work/out"
try on anna dig +tries=1 @10.77.0.1 office.example TXT >>"$work/out"
try on anna dig +tries=1 @10.77.0.1 office.example MX >>"$work/out"
try on anna dig +tries=1 @10.77.0.1 -x 10.77.0.20 >>"$work/out"
try on anna dig +tries=1 +tcp @fd77::1 files.office.example >>"$work/out"
try on anna dig +tries=1 @10.77.0.1 www.example.org >>"$work/out"
printf '%s\n' 'server 10.77.0.1 iburst' 'pidfile /run/chronyd.pid' 'cmdport 0' >"$work/ntp-client"
start anna chronyd -Q -t 8 -u root -f "$work/ntp-client"

say "ping"
try on anna ping -q -c 5 -i 0.2 10.77.0.20 >>"$work/out"
try on anna ping -q -c 5 -i 0.2 fd77::21 >>"$work/out"
try on anna ping -q -c 3 -i 0.2 -s 4000 10.77.0.21 >>"$work/out"    # three fragments
try on anna ping -q -c 2 -i 0.2 -s 4000 fd77::20 >>"$work/out"      # IPv6 fragment headers
try on anna ping -q -c 3 -i 0.2 -W 1 10.77.0.99 >>"$work/out"       # nobody there
try on anna ping -q -c 1 -W 1 ff02::1%eth0 >>"$work/out"            # everybody there
try on anna ping -q -c 12 -i 0.2 10.77.0.200 >>"$work/out"          # over the slow line

say "web"
get() { local from=$1; shift; try on "$from" curl -sS --max-time 20 "$@" >/dev/null 2>>"$work/tries.log"; }
get anna -4 http://web.office.example/ http://web.office.example/file/150000 http://web.office.example/nothing
get anna -6 http://web.office.example/ http://web.office.example/file/60000
get anna -4 http://web.office.example/slow
for _ in 1 2 3; do get ben -4 http://web.office.example/file/20000; done
get anna -4 -k https://web.office.example/
get anna -6 -k https://web.office.example/
get anna -4 -k --tlsv1.2 --tls-max 1.2 https://web.office.example/
try on anna openssl s_client -quiet -no_ign_eof -connect 10.77.0.20:443 -servername web.office.example \
  < <(printf 'GET / HTTP/1.0\r\n\r\n'; sleep 1) >>"$work/out" 2>&1
get ben -4 http://web.office.example/intranet
get ben -4 --user "ben:$password" http://web.office.example/intranet
get ben -4 --data "user=ben&password=$password" http://web.office.example/login

say "old habits: telnet, rlogin, ftp, tftp, snmp"
(sleep 1; echo ben; sleep 1; echo "$password"; sleep 1; echo 'ls -l'; sleep 0.5; echo 'id'; sleep 0.5; echo exit; sleep 0.5) |
  try on ben timeout 12 telnet files.office.example >>"$work/out" 2>&1
(sleep 1; printf '%s\r' "$password"; sleep 1; printf 'ls\r'; sleep 0.5; printf 'exit\r'; sleep 0.5) |
  try on ben timeout 8 script -qc 'rlogin -l ben files.office.example' /dev/null >>"$work/out" 2>&1
cd "$work/home"
printf '%s\n' 'passive' "user ben $password" 'dir' 'binary' 'get plan.bin' 'passive' 'put plan.bin copy.bin' 'bye' |
  try on ben timeout 15 ftp -n -4 files.office.example >>"$work/out" 2>&1
printf '%s\n' 'user ben wrong-password' 'bye' | try on ben timeout 15 ftp -n -4 files.office.example >>"$work/out" 2>&1
printf '%s\n' 'binary' 'get firmware.bin' 'get nothing.bin' 'quit' |
  try on ben timeout 15 tftp -4 files.office.example >>"$work/out" 2>&1
cd /
try on ben snmpget -v2c -c public -On -r 1 10.77.0.30 1.3.6.1.2.1.1.1.0 1.3.6.1.2.1.1.6.0 >>"$work/out" 2>&1
try on ben snmpget -v1 -c public -On -r 1 10.77.0.30 1.3.6.1.2.1.1.5.0 >>"$work/out" 2>&1
try on ben snmpwalk -v2c -c public -On -r 1 10.77.0.30 1.3.6.1.2.1.1 >>"$work/out" 2>&1
try on ben snmpget -v2c -c private -On -r 1 -t 1 10.77.0.30 1.3.6.1.2.1.1.1.0 >>"$work/out" 2>&1

say "ssh"
shell() { try on anna ssh -F /dev/null -i "$work/keys/anna" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
  -o ConnectTimeout=5 -o LogLevel=ERROR "$@" >>"$work/out" 2>&1; }
shell -4 ben@files.office.example 'ls -l; cat plan.bin'
shell -6 ben@files.office.example 'echo hello'

say "what goes wrong"
get anna -4 --connect-timeout 2 http://web.office.example:8080/                    # refused
get anna -6 --connect-timeout 2 http://files.office.example:8080/                  # refused, IPv6
get ben -4 --connect-timeout 4 https://branch.office.example:8443/                 # dropped without a word
try on anna sh -c 'echo hello | nc -u -w 1 10.77.0.20 9' >>"$work/out" 2>&1         # ICMP port unreachable
head -c 120000 "$work/home/ben/plan.bin" | cat - "$work/home/ben/plan.bin" |
  try on anna timeout 15 nc -N printer.office.example 9100 >>"$work/out" 2>&1       # zero windows
# ben's computer claims the printer's address: an ARP conflict.
on ben sysctl -qw net.ipv4.ip_nonlocal_bind=1
try on ben busybox arping -q -A -c 2 -I eth0 -s 10.77.0.30 10.77.0.30 >>"$work/out" 2>&1

say "the branch: slow and lossy; the tunnel; the cameras' VLAN"
get anna -4 http://branch.office.example/file/200000
get anna -4 -T "$work/upload.bin" http://branch.office.example/upload
get ben -4 http://branch.office.example/file/90000
get anna -6 http://branch.office.example/file/60000
get gateway http://10.77.100.2/file/40000
try on gateway ping -q -c 5 -i 0.2 10.77.100.2 >>"$work/out"
try on camera ping -q -c 3 -i 0.2 10.77.20.6 >>"$work/out"
get camera http://10.77.20.6/ http://10.77.20.6/file/30000
try on camera sh -c 'for frame in $(seq 40); do head -c 1000 /dev/zero; sleep 0.05; done | nc -u -w 1 10.77.20.6 5004'
sleep 1

# ---------------------------------------------------------------- the end
say "writing"
kill -TERM "$recorder"; wait "$recorder" || true
recorder=""
python3 "$here/tools/tidy.py" "$raw" "$out" \
  "netloom example: a small office, made by examples/make-example.sh; every host and password in it is made up"
[[ -z ${KEEP_LOGS:-} ]] || cp -r "$work" "$KEEP_LOGS"
say "$out"
(cd "$(dirname "$out")" && sha256sum "$(basename "$out")")
