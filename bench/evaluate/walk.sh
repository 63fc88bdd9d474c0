# SPDX-License-Identifier: MIT
# The ways to one member of the TCP stack, walked: a connection has sent two megabytes and goes on with a line now and then, so that its
# window stands still. What each way shows has to be what the guest's own `ss` shows before and after.
# shellcheck shell=sh disable=SC2154 # sourced after transfer.sh
PORT=5003
export PORT STEPS=/root/steps TREE=/none KBUILD=/none HEADERS=/none VMLINUX=/none VMITAP_LIBVMI=/none
nc -l -p $PORT -e sh -c 'cat >/dev/null' &
listener=$!
check "the connection" guest "$GUEST" "{ (dd if=/dev/zero bs=64k count=32; while :; do echo more; sleep 0.2; done) |
	nc $(address "$GUEST" | sed 's/2$/1/') $PORT; } </dev/null >/dev/null 2>&1 &"

socket() { guest "$GUEST" "ss -Htin dst :$PORT" | sed -n "s/.* $1:\([0-9]*\).*/\1/p"; }
window() { socket cwnd; }
sent() { [ "$(socket bytes_acked)" -ge $((32 * 64 * 1024)) ]; }
eventually "a connection that has sent all" 60 sent
sleep 1

lost=
for way in $WAYS; do
	before=$(window)
	begin=$(cut -d ' ' -f 1 /proc/uptime)
	sh /root/evaluate/steps.sh dom0 "$way" || { lost="$lost $way"; continue; }
	seconds=$(echo "$(cut -d ' ' -f 1 /proc/uptime) $begin" | awk '{ print $1 - $2 }')
	value=$(awk -F '\t' '$2 == "tell" && $4 == "value" { print $5 }' "$STEPS/$way.dom0.tsv")
	echo "$way: snd_cwnd is $value; ss: $before, then $(window); $seconds s"
	[ -n "$before" ] && [ "$value" = "$before" ] || fail "$way shows '$value', and ss '$before'"
	equal "the window, which was to stand still" "$before" "$(window)"
	printf 'dom0\ttell\t1\tss\t%s\ndom0\ttell\t1\tseconds\t%s\n' "$before" "$seconds" >>"$STEPS/$way.dom0.tsv"
done
kill $listener
mkdir -p /out/steps
cp $STEPS/*.tsv /out/steps/
[ -z "$lost" ] || fail "these ways led nowhere:$lost"
