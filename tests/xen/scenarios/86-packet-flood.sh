# SPDX-License-Identifier: MIT
# More packets than can be captured, in each mode, over a ring that is much too small: records and counted losses are as many
# as the interface's counters say, the guest's own transfers go on, vmitap's memory stays as it is, and it ends when told to.
# timeout: 200
memory_limit=${VMITAP_XEN_MEMORY_KB:-98304}

begin() { # MODE [TRIGGER...]
	mode=$1
	shift
	for trigger; do printf '[[rule]]\non = "%s"\nmode = "%s"\n' "$trigger" "$mode"; done >$scratch/rules.toml
	sed -i '1i sync_timeout = "2ms"' $scratch/rules.toml
	rm -f "$file"
	vmitap capture "xen:$name" --debug-dir /root/debug --rule $scratch/rules.toml -o "$file" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$name is captured" 20 somebody_captures
}
# Ends it; it takes no longer than it may, and took no more memory.
end() {
	memory=$(awk '/^VmHWM/ { print $2 }' /proc/$capture/status)
	began=$(date +%s)
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing $name in mode $mode"; }
	seconds=$(($(date +%s) - began))
	echo "$mode: $memory kB of memory, ended within $((seconds + 1)) s"
	[ "$memory" -lt "$memory_limit" ] || fail "vmitap took $memory kB"
	[ $seconds -le 5 ] || fail "vmitap took $seconds s to end"
}
# What the guest does meanwhile, by itself: its talk to dom0 would be packets, too. A ping of a length of its own stands at
# either end of what is counted, when nothing has come for a second, and all of the flood was sent.
transfer_script() { # GATEWAY
	cat <<-END
	exec >/root/transfer.log 2>&1
	cd /sys/class/net/eth0/statistics
	counters() { cat rx_packets tx_packets tx_dropped | tr '\n' ' '; }
	quiet() { was=; while [ "\$was" != "\$(counters)" ]; do was=\$(counters); sleep 1; done; }
	quiet
	counters >/root/counters
	ping -c 1 -s 1201 $1
	for i in \$(seq $pieces); do head -c 65536 /dev/zero; usleep 30000; done | nc $1 5001
	while [ ! -e /root/flooded ]; do sleep 0.5; done
	rm /root/flooded
	quiet
	ping -c 1 -s 1202 $1
	counters >>/root/counters
	echo over | nc $1 5002
	END
}

for name in $EACH_KIND; do
	gateway=$(address "$name" | sed 's/2$/1/')
	vif=vif$(domid "$name").0
	file=$scratch/flood.mcap
	guest_mac=$(guest "$name" cat /sys/class/net/eth0/address)
	load "$name" vmitap slots=64
	load "$name" netfront_hook
	check "loss" guest "$name" 'modprobe sch_netem; /bin/tc qdisc add dev eth0 root netem loss 1% limit 10000; sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1'
	# Sixteen small ones: UDP, which the guest has no socket for.
	for i in $(seq 16); do grep '^udp-no-payload' /root/scenarios/odd-frames.txt; done >$scratch/frames
	modes=inline packets=8000 pieces=40
	if echo "$PV_GUESTS" | grep -qx "$name"; then modes='inline paused sync' packets=20000 pieces=60; fi
	for mode in $modes; do
		rm -f $scratch/received
		nc -l -p 5001 -e sh -c "cat >$scratch/received" &
		listener=$!
		nc -l -p 5002 >$scratch/over &
		over=$!
		begin "$mode" packet.rx packet.tx
		transfer_script "$gateway" >$scratch/transfer
		guest "$name" "echo $(base64 <$scratch/transfer | tr -d '\n') | base64 -d >/root/transfer; sh /root/transfer </dev/null >/dev/null 2>&1 &"
		eventually "the transfer's begin" 30 test -s $scratch/received
		before=$(stat -c %s $scratch/received)
		/root/debug/send_frames "$vif" "$guest_mac" $((packets / 16)) <$scratch/frames &
		flooding=$!
		check "$name answers under the flood" ping -c 3 -W 5 "$(address "$name")"
		wait $flooding
		check "telling $name that this was all" guest "$name" 'touch /root/flooded'
		echo "$(($(stat -c %s $scratch/received) - before)) bytes came meanwhile"
		[ "$(stat -c %s $scratch/received)" -gt "$before" ] || fail "the guest's transfer stands still"
		wait $listener $over || { cat $scratch/capture; fail "the transfer's end in dom0"; }
		end
		equal "bytes that came" $((pieces * 65536)) "$(stat -c %s $scratch/received)"
		vmitap decode "$file" --format csv --fields 'time_ns,rule,packet.length,packet.ip_protocol' | tr -d '"' | sed 1d | sort -n >$scratch/records
		lost=$(vmitap info --json "$file" | sed -n 's/.*"lost": *\([0-9]*\).*/\1/p')
		awk -F, -v counters="$(guest "$name" 'cat /root/counters' | tr '\n' ' ')" -v lost="${lost:-0}" -v mode="$mode" '
			$3 == 1243 && $4 == 1 { open = 1 }
			open && !shut { records[$2]++ }
			$3 == 1244 && $4 == 1 && $2 == "packet.rx" { shut = 1 }
			END {
				split(counters, c, " ")
				counted = c[4] - c[1] + c[5] - c[2] + c[6] - c[3]
				printf "%s: %d received and %d sent and %d lost are %d, %d counted\n", mode, records["packet.rx"], records["packet.tx"], lost,
					records["packet.rx"] + records["packet.tx"] + lost, counted
				exit !(shut && lost > 0 && records["packet.rx"] + records["packet.tx"] + lost == counted)
			}' $scratch/records || fail "records, losses and counters of $name differ"
		[ "$mode" != inline ] || continue
		# In the midst of it.
		/root/debug/send_frames "$vif" "$guest_mac" 100000 <$scratch/frames &
		flooding=$!
		begin "$mode" packet.rx
		sleep 1
		end
		kill -0 $flooding || fail "the flood was over"
		kill $flooding
		wait $flooding
	done
	no_complaints "$name"
	check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap; /bin/tc qdisc del dev eth0 root'
done
