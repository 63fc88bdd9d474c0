# SPDX-License-Identifier: MIT
# The hook stands at a tracepoint while somebody listens there, and only then. It comes and goes 200 times under traffic,
# half of them while it is captured: no packet is lost, no grant leaks, the guest's kernel has nothing to complain of.
# timeout: 300
rounds=${VMITAP_XEN_ROUNDS:-200}
name=$(echo "$PV_GUESTS" | head -n 1)
gateway=$(address "$name" | sed 's/2$/1/')

load "$name" vmitap
load "$name" netfront_hook
free_grants() { # what the guest's kernel itself counts
	vmitap capture "xen:$name" --every 50ms --count 1 --read 'kernel:gnttab_free_count:int' -o $scratch/grants.mcap >/dev/null 2>&1 || true
	vmitap decode $scratch/grants.mcap --format csv --fields 'values.kernel:gnttab_free_count:int' | sed -n 2p
}
# Which of the kernel's tracepoints call anybody, as their static branches say.
tracepoints='napi_gro_receive_entry net_dev_start_xmit tcp_probe tcp_retransmit_skb'
branches=$(for tracepoint in $tracepoints; do echo "kernel:__tracepoint_$tracepoint:struct tracepoint.key.enabled.counter"; done | paste -sd ,)
probes() { # [options of capture]
	vmitap capture "xen:$name" --debug-dir /root/debug --count 1 --read "$branches" -o $scratch/probes.mcap "$@" >$scratch/probes 2>&1 || {
		cat $scratch/probes
		return
	}
	vmitap decode $scratch/probes.mcap --format csv --fields "$branches" | sed -n 2p
}
# What either end of the driver counted more than the other, sent and received, then what they threw away. Each is asked when
# nothing is under way any more, the guest by itself: what it is told are packets. (TCP sends again what is only late, so its
# count is none of losses.)
ends() {
	guest "$name" "(sleep 2; cd /sys/class/net/eth0/statistics; cat tx_packets rx_packets rx_dropped tx_dropped rx_errors tx_errors >/root/ends) >/dev/null 2>&1 &"
	sleep 3
	(cd "/sys/class/net/vif$(domid "$name").0/statistics" && cat rx_packets tx_packets tx_dropped) >$scratch/ends
	guest "$name" cat /root/ends | cat $scratch/ends - | tr '\n' ' ' | awk '{ print $4 - $1, $2 - $5, $3, $6, $7, $8, $9 }'
}
thrown_away() { ends | cut -d ' ' -f 3-; }
agree() { ends | grep '^0 0 '; } # what was lost they never would; an ARP packet may come between

complaints() {
	guest "$name" dmesg | grep -E 'BUG|WARNING|Oops|Call Trace' || true
}

before=$(thrown_away)
nc -l -p 5001 -e sh -c 'cat >/dev/null' &
listener=$!
guest "$name" "(while [ ! -e /root/enough ]; do head -c 65536 /dev/zero; usleep 20000; done | nc $gateway 5001) >/dev/null 2>&1 &"
trap "guest $name 'touch /root/enough; sleep 1; rm /root/enough'" EXIT
sleep 1
complaints >$scratch/complaints
grants=$(free_grants)
echo "thrown away before: $before, free grants: $grants"
[ "$grants" -gt 0 ] || fail "the guest's free grants"

equal "probes while nobody listens" 0,0,0,0 "$(probes --every 50ms)"
equal "probes while somebody listens to what is sent" 0,1,0,0 "$(probes --on packet.tx --mode inline)"
equal "probes when nobody listens any more" 0,0,0,0 "$(probes --every 50ms)"

# Of a trigger that comes and goes the capture goes on.
turns="for i in \$(seq $((rounds / 2))); do rmmod netfront_hook && insmod /root/modules/netfront_hook.ko || exit 1; done"
vmitap capture "xen:$name" --debug-dir /root/debug --on packet.tx --mode inline -o $scratch/life.mcap >$scratch/capture 2>&1 &
capture=$!
eventually "$name is captured" 20 somebody_captures
check "half of it captured" guest "$name" "$turns"
eventually "it is captured again" 20 sh -c "
	before=\$(stat -c %s $scratch/life.mcap); sleep 2; [ \$(stat -c %s $scratch/life.mcap) -gt \$before ]"
kill -INT $capture
wait $capture || { cat $scratch/capture; fail "the capture"; }
cat $scratch/capture
vmitap info $scratch/life.mcap
check "half of it alone" guest "$name" "$turns"
check "traffic flows" guest "$name" "cd /sys/class/net/eth0/statistics; before=\$(cat tx_bytes); sleep 1; [ \$(cat tx_bytes) -gt \$((before + 100000)) ]"
equal "free grants" "$grants" "$(free_grants)"
complaints | diff $scratch/complaints - || fail "the guest's kernel complains"
guest "$name" 'touch /root/enough; sleep 1; rm /root/enough'
trap - EXIT
wait $listener || fail "the traffic's end in dom0"
eventually "either end has counted what the other has" 30 agree
equal "packets thrown away" "$before" "$(thrown_away)"
check "the modules go" guest "$name" 'rmmod netfront_hook && rmmod vmitap'
