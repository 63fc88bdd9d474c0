#!/bin/sh
# SPDX-License-Identifier: MIT
# See it work: two lwIP stacks move data over a lossy line, vmitap captures the sender's struct tcp_pcb
# at each TCP segment. Usage: demo.sh BUILD [BYTES]   leaves BUILD/demo.mcap
set -eu

build=$1
bytes=${2:-12000000}
here=$(dirname "$0")
vmitap=$build/vmitap
peer=$build/bin/lwip-peer
capture=$build/demo.mcap
name=lwip-sender-$$
dir=$(mktemp -d)
sender= receiver= capturing=

clean_up() {
	for process in $sender $receiver $capturing; do kill "$process" 2>/dev/null || :; done
	rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

bold= dim= plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
shown() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
wait_until() { # WHAT COMMAND...
	what=$1
	shift
	for try in $(seq 100); do
		"$@" && return
		sleep 0.1
	done
	echo "demo: $what did not happen within 10 s" >&2
	sed 's/^/  /' "$dir"/*.log >&2
	exit 1
}
listed() { "$vmitap" list --json | grep -q "\"$name\""; }
capturing() { "$vmitap" list --json | tr -d ' \n' | grep -q "\"name\":\"$name\"[^}]*\"capturing\":true"; }

say "Two processes run the lwIP TCP/IP stack; between them a line of 1.5 MB/s, 20 ms round trip, 0.3 % loss."
"$peer" --receive --own "$dir/b" --peer "$dir/a" >"$dir/receiver.log" 2>&1 &
receiver=$!
mkfifo "$dir/start"
VMITAP_NAME=$name "$peer" --send "$bytes" --own "$dir/a" --peer "$dir/b" --loss 0.003 --seed 4 --on-enter \
	<"$dir/start" >"$dir/sender.log" 2>&1 &
sender=$!
exec 9>"$dir/start"
wait_until "the sender's appearance as a guest" listed
echo "The sender is vmitap's guest. It offers:"
shown "$vmitap" list

say "vmitap, a third process, captures the connection's struct tcp_pcb at each segment."
sed -n "/^\[\[rule/,\$s/^/    /p" "$here/demo.toml"
printf '%s$ %s%s\n' "$dim" "vmitap capture local:$name --rule demo.toml -o $capture" "$plain"
rm -f "$capture"
"$vmitap" capture "local:$name" --rule "$here/demo.toml" -o "$capture" >"$dir/capture.log" 2>&1 &
capturing=$!
wait_until "the capture's start" capturing
echo >&9

start=$(date +%s)
while kill -0 "$sender" 2>/dev/null; do
	[ -t 1 ] && printf '\r  %d s of transfer' $(($(date +%s) - start))
	sleep 0.5
done
[ -t 1 ] && printf '\r'
wait "$sender" || { cat "$dir/sender.log" >&2; exit 1; }
sender=
wait "$receiver" || { cat "$dir/receiver.log" >&2; exit 1; }
receiver=
wait "$capturing" || { cat "$dir/capture.log" >&2; exit 1; }
capturing=
sed 's/^/  /' "$dir/sender.log"

say "What was captured:"
shown "$vmitap" info "$capture"

say "TCP at work: where the state changed, the window was halved, or a timer expired."
"$vmitap" decode "$capture" --rule segments --format csv \
	--fields 'time_ns,pcb->state,pcb->cwnd,pcb->ssthresh,pcb->rto,pcb->snd_nxt,pcb->lastack,pcb->dupacks' |
	awk -F, '
	NR == 1 { next }
	$2 == "" { next }
	{ if (!start) { start = $1; isn = $6 } }
	{ event = "" }
	$2 != state { event = "state" }
	state != "" && $3 < cwnd / 1.4 { event = "halved" }
	event != "" && shown++ < 40 {
		if (shown == 1) printf "  %9s  %-12s %8s %9s %5s %10s %10s %8s\n", "ms", "state", "cwnd", "ssthresh", "rto", "sent", "acked", "dupacks"
		printf "  %9.1f  %-12s %8d %9d %5d %10d %10d %8d\n", ($1 - start) / 1e6, $2, $3, $4, $5, $6 - isn, ($7 > isn ? $7 - isn : 0), $8
	}
	{ state = $2; cwnd = $3 }'

say "The congestion window over time:"
shown "$vmitap" plot "$capture" --rule segments --fields 'pcb->cwnd'

say "The capture stays: $capture"
cat <<END
  $vmitap decode $capture | head
  $vmitap types $capture tcp_pcb
  $vmitap info $capture --json
END
