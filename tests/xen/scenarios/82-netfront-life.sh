# SPDX-License-Identifier: MIT
# The hook comes and goes 200 times under traffic, half of them while it is captured: no packet is lost, no grant
# leaks, the guest's kernel has nothing to complain of.
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
lost() { # what TCP sent again, and what the interface threw away
	guest "$name" "awk '/^Tcp: [0-9]/ { print \$13 }' /proc/net/snmp; cd /sys/class/net/eth0/statistics
		cat rx_dropped tx_dropped rx_errors tx_errors" | tr '\n' ' '
}
complaints() {
	guest "$name" dmesg | grep -E 'BUG|WARNING|Oops|Call Trace' || true
}

nc -l -p 5001 -e sh -c 'cat >/dev/null' &
guest "$name" "(while [ ! -e /root/enough ]; do head -c 65536 /dev/zero; usleep 20000; done | nc $gateway 5001) >/dev/null 2>&1 &"
sleep 1
complaints >$scratch/complaints
before=$(lost)
grants=$(free_grants)
echo "lost before: $before, free grants: $grants"
[ "$grants" -gt 0 ] || fail "the guest's free grants"

# Of a trigger that comes and goes the capture goes on.
turns="for i in \$(seq $((rounds / 2))); do rmmod netfront_hook && insmod /root/modules/netfront_hook.ko || exit 1; done"
vmitap capture "xen:$name" --debug-dir /root/debug --on packet.tx --mode inline -o $scratch/life.mcap >$scratch/capture 2>&1 &
capture=$!
eventually "$name is captured" 20 sh -c "vmitap list --json | grep -q '\"capturing\": *true'"
check "half of it captured" guest "$name" "$turns"
eventually "it is captured again" 20 sh -c "
	before=\$(stat -c %s $scratch/life.mcap); sleep 2; [ \$(stat -c %s $scratch/life.mcap) -gt \$before ]"
kill -INT $capture
wait $capture || { cat $scratch/capture; fail "the capture"; }
cat $scratch/capture
check "half of it alone" guest "$name" "$turns"
check "traffic flows" guest "$name" "cd /sys/class/net/eth0/statistics; before=\$(cat tx_bytes); sleep 1; [ \$(cat tx_bytes) -gt \$((before + 100000)) ]"
equal "lost packets" "$before" "$(lost)"
equal "free grants" "$grants" "$(free_grants)"
complaints | diff $scratch/complaints - || fail "the guest's kernel complains"
guest "$name" 'touch /root/enough; sleep 1; rm /root/enough'
check "the modules go" guest "$name" 'rmmod netfront_hook && rmmod vmitap'
