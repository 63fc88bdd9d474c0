# SPDX-License-Identifier: MIT
# A trigger for every packet of netfront: a bulk transfer with 1 % loss. As many records as the interface counted packets;
# at TCP's own hook point each record in SYNC mode equals the line that the kernel's tcp_probe printed for that segment.
# timeout: 400
megabytes=${VMITAP_XEN_MEGABYTES:-24}

# The guest alone, in peace: what it says to dom0 meanwhile would be packets, too. A ping of a length of its own
# stands at either end of what is counted, when nothing has come for two seconds.
transfer_script() { # GATEWAY
	cat <<-END
	exec >/root/transfer.log 2>&1
	cd /sys/class/net/eth0/statistics
	counters() { cat rx_packets tx_packets tx_dropped rx_dropped | tr '\n' ' '; } # at one moment, as near as can be
	quiet() { was=; while [ "\$was" != "\$(counters)" ]; do was=\$(counters); sleep 2; done; }
	quiet
	before=\$(counters)
	ping -c 1 -s 1201 $1
	dd if=/dev/zero bs=64k count=$((megabytes * 16)) | nc $1 5001
	quiet
	ping -c 1 -s 1202 $1
	after=\$(counters)
	echo "\$before" >/root/before
	echo "\$after" >/root/after
	echo over | nc $1 5002
	END
}

for name in $EACH_KIND; do
	gateway=$(address "$name" | sed 's/2$/1/')
	load "$name" vmitap slots=8192
	load "$name" netfront_hook
	check "loss" guest "$name" 'modprobe sch_netem; /bin/tc qdisc add dev eth0 root netem loss 1% limit 10000; sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1'
	cat >$scratch/rules.toml <<-'END'
	[[rule]]
	on = "packet.rx"
	mode = "inline"
	snap = 96
	[[rule]]
	on = "packet.tx"
	mode = "inline"
	snap = 96
	END
	file=/out/packets-$name.mcap
	nc -l -p 5001 -e sh -c 'cat >/tmp/received' &
	listener=$!
	nc -l -p 5002 >$scratch/over &
	over=$!
	vmitap capture "xen:$name" --debug-dir /root/debug --rule $scratch/rules.toml -o "$file" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$name is captured" 20 somebody_captures
	transfer_script "$gateway" >$scratch/transfer
	guest "$name" "echo $(base64 <$scratch/transfer | tr -d '\n') | base64 -d >/root/transfer; sh /root/transfer </dev/null >/dev/null 2>&1 &"
	wait $listener $over || { cat $scratch/capture; fail "the transfer's end in dom0"; }
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing $name"; }
	cat $scratch/capture
	check "the transfer" guest "$name" 'cat /root/transfer.log'
	equal "bytes that came" $((megabytes * 1048576)) "$(stat -c %s /tmp/received)"
	rm -f /tmp/received
	guest "$name" 'cat /root/before /root/after' >$scratch/counters
	expect "what was lost" 'lost' vmitap info "$file"
	vmitap decode "$file" --format csv --fields \
		'time_ns,rule,packet.length,packet.ip_protocol' | tr -d '"' | sed 1d | sort -n >$scratch/records
	head -n 5 $scratch/records
	cat $scratch/counters
	awk -F, -v counters="$(tr '\n' ' ' <$scratch/counters)" '
		$3 == 1243 && $4 == 1 { open = 1 }
		open && !shut { records[$2]++ }
		$3 == 1244 && $4 == 1 && $2 == "packet.rx" { shut = 1 }
		END {
			split(counters, c, " ")
			rx = c[5] - c[1]; tx = c[6] - c[2] + c[7] - c[3]
			printf "received: %d records, %d counted; sent: %d records, %d counted\n", records["packet.rx"], rx, records["packet.tx"], tx
			exit !(shut && records["packet.rx"] == rx && records["packet.tx"] == tx && rx > 1000)
		}' $scratch/records || { grep -E -B 5 -A 5 ',124[34],1$' $scratch/records; fail "records and counters of $name differ"; }
	check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap; /bin/tc qdisc del dev eth0 root'
done
