# SPDX-License-Identifier: MIT
# Packets at the guest's vif in dom0, of guests without any module: as many records as the vif itself counted packets.
# With vmitap.ko the kernel is read at a packet; with netfront_hook.ko both ends of the split driver tell the same packets.
# timeout: 600
megabytes=${VMITAP_XEN_MEGABYTES:-2}

tap() { # GUEST... OPTION...: captures until stop
	vmitap capture "$@" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$1 is captured" 60 sh -c "vmitap list --json | grep -A 5 '\"guest\": \"$1\"' | grep -q '\"capturing\": *true'"
}
stop() {
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing"; }
	cat $scratch/capture
}
ends() { # WHAT PATTERN: the capture, by itself, with status 0
	seconds=0
	while kill -0 $capture 2>/dev/null; do
		seconds=$((seconds + 1))
		[ $seconds -lt 25 ] || fail "$1: the capture does not end: $(cat $scratch/capture)"
		sleep 1
	done
	wait $capture || fail "$1: status $?: $(cat $scratch/capture)"
	grep -E "$2" $scratch/capture || fail "$1: nobody says '$2': $(cat $scratch/capture)"
}
# Seen by dom0, what the guest sends is received.
counters() { (cd "/sys/class/net/$device/statistics" && cat tx_packets tx_dropped rx_packets) | tr '\n' ' '; }
# Both ways, between two pings of lengths of their own. Commands in the guest are packets, too: none are given meanwhile.
transfer() {
	ping -c 1 -s 1201 "$ip" >/dev/null || fail "ping"
	nc -w 20 "$ip" 5001 </dev/null >/tmp/received
	dd if=/dev/zero bs=64k count=$((megabytes * 16)) 2>/dev/null | nc -w 20 "$ip" 5002 >/dev/null
	sleep 1
	ping -c 1 -s 1202 "$ip" >/dev/null || fail "ping"
	equal "bytes that came" $((megabytes * 1048576)) "$(stat -c %s /tmp/received)"
	rm -f /tmp/received
}
cat >$scratch/both.toml <<-'END'
[[rule]]
on = "packet.rx"
mode = "inline"
snap = 96
[[rule]]
on = "packet.tx"
mode = "inline"
snap = 96
END

for name in $EACH_KIND; do
	ip=$(address "$name")
	vif=xen:$name/vif0
	device=vif$(domid "$name").0
	file=/out/packets-vif-$name.mcap
	vmitap list >$scratch/list
	expect "$name has no module" 'vmitap.ko is not loaded in it; its packets can be had all the same' cat $scratch/list
	expect "its vif is listed, with what it offers" 'packet\.rx\(packet: struct packet\)' grep -A 3 "^$vif" $scratch/list
	expect "doctor" 'taking its packets +works' vmitap doctor "$vif"
	grep -q 'vmitap.ko is not loaded in it' $scratch/output || fail "doctor does not tell of the kernel"
	refuse "no such interface" 1 "the domain has $vif \($device\)" vmitap capture "xen:$name/vif7" --on packet.rx
	refuse "without the module" 1 "$vif" vmitap capture "xen:$name" --on packet.rx
	refuse "sync" 1 'waits for nobody' vmitap capture "$vif" --on packet.rx --mode sync
	refuse "the kernel without the module" 1 'once vmitap.ko is loaded' \
		vmitap capture "$vif" --on packet.rx --read kernel:jiffies:'unsigned long'
	refuse "a filter that is none" 2 'syntax error' vmitap capture "$vif" --on packet.rx --filter 'tcp prot 80'
	refuse "no socket at a vif" 1 'nothing is called "sk' vmitap capture "$vif" --on packet.rx --read 'sk->snd_cwnd'

	check "no other packets" guest "$name" 'sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=1'
	sysctl -q -w "net.ipv6.conf.$device.disable_ipv6=1"
	guest "$name" "nc -ll -p 5001 -e dd if=/dev/zero bs=64k count=$((megabytes * 16)) >/dev/null 2>&1 & echo \$! >/root/servers
		nc -ll -p 5002 -e sh -c 'cat >/dev/null' >/dev/null 2>&1 & echo \$! >>/root/servers"
	tap "$vif" --rule $scratch/both.toml -o "$file"
	sleep 2
	before=$(counters)
	transfer
	after=$(counters)
	stop
	expect "modes" 'INLINE' vmitap info "$file"
	vmitap decode "$file" --format csv --fields 'time_ns,rule,packet.length,packet.ip_protocol' | tr -d '"' | sed 1d | sort -n >$scratch/records
	lost=$(vmitap info "$file" --json | sed -n 's/.*"RING_FULL": *\([0-9]*\).*/\1/p')
	awk -F, -v counters="$before$after" -v lost="${lost:-0}" '
		$3 == 1243 && $4 == 1 { open = 1 }
		open && !shut { records[$2]++ }
		$3 == 1244 && $4 == 1 && $2 == "packet.tx" { shut = 1 }
		END {
			split(counters, c, " ")
			rx = c[4] - c[1] + c[5] - c[2]; tx = c[6] - c[3]
			printf "received: %d records, %d counted; sent: %d records, %d counted; lost: %d\n", records["packet.rx"], rx, records["packet.tx"], tx, lost
			exit !(shut && records["packet.rx"] + records["packet.tx"] + lost == rx + tx && rx > 100 && tx > 100)
		}' $scratch/records || fail "records and counters of $name differ"

	tap "$vif" --on packet.rx --filter 'icmp and greater 500' --snap 60 --sample 2 -o $scratch/some.mcap
	ping -c 4 -i 0.2 -s 600 "$ip" >/dev/null
	ping -c 4 -i 0.2 -s 60 "$ip" >/dev/null
	stop
	vmitap decode $scratch/some.mcap --format csv --fields 'mode,packet.length,packet.ip_protocol,packet.device,bytes' | tr -d '"' | sed 1d | tee $scratch/some
	equal "two of four pass" 2 "$(grep -c "^INLINE,642,1,$device," $scratch/some)"
	equal "and nothing else" 2 "$(wc -l <$scratch/some)"
	equal "60 bytes of each" 120 "$(head -n 1 $scratch/some | cut -d, -f 5 | tr -d '\n' | sed 's/^0x//' | wc -c)"

	load "$name" vmitap slots=8192
	expect "doctor with the module" 'reading its kernel at a packet +paused and live' vmitap doctor "$vif"
	refuse "inline, of the kernel" 1 'nobody can copy' \
		vmitap capture "$vif" --on packet.rx --mode inline --read kernel:jiffies:'unsigned long'
	tap "$vif" --on packet.rx --filter icmp --read kernel:jiffies:'unsigned long' --pause-budget 100% -o $scratch/jiffies.mcap
	ping -c 5 -i 0.3 "$ip" >/dev/null
	stop
	vmitap decode $scratch/jiffies.mcap --format csv --fields 'mode,kernel:jiffies:unsigned long' | tr -d '"' | sed 1d | tee $scratch/jiffies
	awk -F, '$1 == "PAUSED" { paused++ } $2 <= last { exit 1 } { last = $2 } END { exit !(NR == 5 && paused >= 3) }' $scratch/jiffies ||
		fail "jiffies do not grow"
	check "$name still runs" guest "$name" true

	load "$name" netfront_hook
	file=/out/both-$name.mcap
	tap "xen:$name" "$vif" --debug-dir /root/debug --rule $scratch/both.toml -o "$file"
	sleep 2
	transfer
	stop
	vmitap decode "$file" --format csv --fields 'time_ns,guest,rule,packet.length,packet.ip_protocol,packet.payload,packet.tcp_sequence,packet.tcp_flags,connection' |
		tr -d '"' | sed 1d | sort -n >$scratch/records
	for end in "xen:$name" "$vif"; do
		awk -F, -v guest="$end" '
			$2 != guest { next }
			$4 == 1243 && $5 == 1 { open = 1 }
			open && !shut { print $3, $4, $5, $6, $7, $8, $9 }
			$4 == 1244 && $5 == 1 && $3 == "packet.tx" { shut = 1 }' $scratch/records | sort >"$scratch/${end##*/}.packets"
	done
	lost=$(vmitap info "$file" --json | grep -c '"RING_FULL": *[1-9]')
	wc -l "$scratch/vif0.packets"
	equal "nothing is lost" 0 "$lost"
	[ "$(wc -l <"$scratch/vif0.packets")" -gt 200 ] || fail "few packets"
	diff "$scratch/xen:$name.packets" "$scratch/vif0.packets" >$scratch/different
	head -n 20 $scratch/different
	equal "both ends of the driver tell the same packets" 0 "$(wc -l <$scratch/different)"
	check "the modules go" guest "$name" 'kill $(cat /root/servers); rmmod netfront_hook && rmmod vmitap'
done

# Its vif is renamed, and the capture goes on; then the interface goes, or the whole domain.
name=$(echo "${PV_GUESTS:-$GUESTS}" | head -n 1)
vif=xen:$name/vif0
device=vif$(domid "$name").0
tap "$vif" --on packet.tx -o $scratch/life.mcap
ip link set "$device" down && ip link set "$device" name other0 && ip link set other0 up || fail "renaming"
sleep 2
check "a new name ends nothing" kill -0 $capture
check "xl network-detach" xl network-detach "$name" 0
ends "the interface removed" "lost its interface: $device was removed"
refuse "no interface" 1 'no network interface' vmitap capture "$vif" --on packet.rx
check "xl destroy" xl destroy "$name"
check "xl create" xl create -q "/guests/$name.cfg"
tap "$vif" --on packet.tx -o $scratch/life.mcap
check "xl destroy" xl destroy "$name"
ends "destroyed" 'was destroyed'
equal "pauses left behind" "" "$(ls /run/vmitap | grep pauses-)"
check "xl create" xl create -q "/guests/$name.cfg"
eventually "$name is up" 90 guest "$name" true
