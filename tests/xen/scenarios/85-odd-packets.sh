# SPDX-License-Identifier: MIT
# Packets that are odd, in both directions: each has a record that tells what is known of it, zeroes for the rest, and the
# guest's kernel has nothing to complain of. What is captured, and what passes filters, tshark and tcpdump judge afterwards
# (export_test.py).
# timeout: 200
frames=/root/scenarios/odd-frames.txt

begin() { # FILE RULES
	printf '%s\n' "$2" >$scratch/rules.toml
	vmitap capture "xen:$name" --debug-dir /root/debug --rule $scratch/rules.toml -o "$1" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$name is captured" 20 somebody_captures
}
end() {
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing $name"; }
	grep 'records in' $scratch/capture
}
# The same packets at the other end of the driver, without the guest.
begin_vif() { # FILE
	printf '[[rule]]\non = "packet.rx"\nsnap = 192\n[[rule]]\non = "packet.tx"\nsnap = 192\n' >$scratch/vif.toml
	vmitap capture "xen:$name/vif0" --rule $scratch/vif.toml -o "$1" >$scratch/vif 2>&1 &
	vif_capture=$!
	eventually "its vif is captured" 20 sh -c "vmitap list --json | grep -A 5 '\"guest\": \"xen:$name/vif0\"' | grep -q '\"capturing\": *true'"
}
end_vif() {
	kill -INT $vif_capture
	wait $vif_capture || { cat $scratch/vif; fail "capturing the vif of $name"; }
	grep 'records in' $scratch/vif
}
# What the records of odd frames say, by the address that each came from, is what odd-frames.txt says.
judge() { # FILE MISSING: which of those that the guest sends are not seen there
	records "$1" 'rule,packet.ether_type,packet.vlan,packet.ip_version,packet.ip_protocol,packet.fragment,packet.source_port,packet.destination_port,packet.payload,bytes' >$scratch/records
	awk -v lacking="$2" '
		BEGIN { said["PACKET_WHOLE"] = "whole"; said["PACKET_FIRST_FRAGMENT"] = "first"; said["PACKET_LATER_FRAGMENT"] = "later" }
		NR == FNR {
			if (/^#/ || split($0, part, "|") < 3) next
			count++
			mac = sprintf("02766d6100%02x", count)
			sub(/^ +/, "", part[2]); sub(/ +$/, "", part[2]); sub(/ +$/, "", part[1])
			named[mac] = part[1]; expected[mac] = part[2]
			next
		}
		{
			split($0, is, ",")
			mac = substr(is[10], 13, 12)
			if (!(mac in named)) next
			seen[is[1]]++; was[is[1], mac] = 1
			told = is[2] " " is[3] " " is[4] " " is[5] " " said[is[6]] " " is[7] " " is[8] " " is[9]
			if (told != expected[mac]) { printf "%s, %s: %s, not %s\n", is[1], named[mac], told, expected[mac]; wrong++ }
		}
		END {
			for (n = 1; n <= count; n++) if (!(("packet.tx", sprintf("02766d6100%02x", n)) in was)) missing = missing " " named[sprintf("02766d6100%02x", n)]
			printf "%d odd frames: %d received, %d sent (not:%s), %d wrong\n", count, seen["packet.rx"], seen["packet.tx"], missing, wrong
			exit !(count && seen["packet.rx"] == count && missing == lacking && !wrong)
		}' $frames $scratch/records || fail "records of odd frames in $1"
}
rule() { # TRIGGER [LINE...]
	printf '[[rule]]\non = "%s"\nmode = "inline"\n' "$1"
	shift
	printf '%s\n' "$@"
}
send_frames() { # both ways
	/root/debug/send_frames "$vif" "$guest_mac" 1 <$frames
	guest "$name" "/root/send_frames eth0 $host_mac 1 <frames"
}
records() { vmitap decode "$1" --format csv --fields "$2" | tr -d '"' | sed 1d; }

refuse "a filter that is none" 2 "syntax error" vmitap capture xen:nobody --on packet.rx --filter 'tcp prot 80' -o $scratch/no.mcap
refuse "a filter that is too long" 2 "384" vmitap capture xen:nobody --on packet.rx -o $scratch/no.mcap \
	--filter "$(for i in $(seq 200); do printf 'ether[%d] = 7 or ' "$i"; done)arp"
refuse "a filter of what is not in the packet" 2 "packet.rx .inbound" vmitap capture xen:nobody --on packet.rx --filter inbound -o $scratch/no.mcap
refuse "a filter with a loop" 2 "loop" vmitap capture xen:nobody --on packet.rx --filter 'ip6 protochain 17' -o $scratch/no.mcap

for name in $EACH_KIND; do
	net=$(address "$name" | sed 's/\.2$//')
	six=fd00:${net##*.}:
	vif=vif$(domid "$name").0
	file=/out/odd-$name.mcap
	load "$name" vmitap slots=8192
	load "$name" netfront_hook
	guest_mac=$(guest "$name" cat /sys/class/net/eth0/address)
	host_mac=$(cat "/sys/class/net/$vif/address")
	modprobe 8021q
	/bin/ip link del vlan5 2>/dev/null # of a first try, as in the guest
	/bin/ip link set "$vif" gso_max_segs 65535 mtu 1500
	/bin/ip link add link "$vif" name vlan5 type vlan id 5
	/bin/ip link add link vlan5 name vlan56 type vlan id 6
	/bin/ip addr add "$net.129/30" dev vlan5
	/bin/ip addr add "$net.133/30" dev vlan56
	echo 0 >"/proc/sys/net/ipv6/conf/$vif/disable_ipv6" # other scenarios switch it off
	/bin/ip -6 addr add "$six:1/64" dev "$vif" nodad
	for link in vlan5 vlan56; do /bin/ip link set $link up; done
	guest "$name" '{ kill $(cat listeners); rm listeners; /bin/ip link del vlan5; /bin/ip link set eth0 gro_max_size 65536 mtu 1500; } 2>/dev/null'
	check "what the guest needs" guest "$name" "echo $(gzip -c $frames | base64 | tr -d '\n') | base64 -d | gunzip >frames
		modprobe 8021q
		/bin/ip link add link eth0 name vlan5 type vlan id 5 && /bin/ip link add link vlan5 name vlan56 type vlan id 6
		/bin/ip addr add $net.130/30 dev vlan5; /bin/ip addr add $net.134/30 dev vlan56; /bin/ip link set vlan5 up; /bin/ip link set vlan56 up
		echo 0 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
		/bin/ip -6 addr add $six:2/64 dev eth0 nodad
		nc -ll -p 5003 -e cat >/dev/null 2>&1 & echo \$! >>listeners
		for port in 5004 5005; do nc -ll -p \$port -e sh -c 'cat >/dev/null' >/dev/null 2>&1 & echo \$! >>listeners; done
		nc -ll -p 5006 -e dd if=/dev/zero bs=64k count=4 >/dev/null 2>&1 & echo \$! >>listeners
		dmesg -c >/dev/null"

	begin "$file" "$(rule packet.rx 'snap = 192' 'read = ["sk->skc_family", "sk->skc_num"]'
		rule packet.tx 'snap = 192' 'read = ["sk->skc_family", "sk->skc_num"]'
		rule tcp.segment 'filter = "tcp dst portrange 5004-5005"')"
	begin_vif /out/odd-vif-$name.mcap
	send_frames
	end_vif
	refuse "a port that nobody listens on" 1 refused nc "$net.2" 5999
	check "a VLAN" ping -c 1 "$net.130"
	check "a VLAN in a VLAN" ping -c 1 "$net.134"
	check "fragments" ping -c 1 -s 4000 "$net.2"
	check "IPv6" ping -6 -c 1 "$six:2"
	check "fragments of IPv6" ping -6 -c 1 -s 4000 "$six:2"
	head -c 300000 /dev/zero | nc "$net.2" 5003 >$scratch/echo &
	head -c 300000 /dev/zero | nc "$six:2" 5003 >$scratch/echo6
	wait $!
	nc "$net.2" 5006 </dev/null >$scratch/sent # in pieces that take GSO
	# Packets of one segment each, many at once, which GRO then puts together again, or not.
	/bin/ip link set "$vif" gso_max_segs 1
	nc "$net.2" 5004 -e dd if=/dev/zero bs=60000 count=5 2>/dev/null
	check "GRO off" guest "$name" "/bin/ip link set eth0 gro_max_size 1"
	nc "$net.2" 5005 -e dd if=/dev/zero bs=60000 count=5 2>/dev/null
	/bin/ip link set "$vif" gso_max_segs 65535 mtu 9000
	check "jumbo frames" guest "$name" "/bin/ip link set eth0 gro_max_size 65536 mtu 9000"
	check "a jumbo frame" ping -c 1 -s 8000 "$net.2"
	end
	expect "nothing is lost" 'lost +nothing' vmitap info "$file"
	equal "what came back over IPv4" 300000 "$(stat -c %s $scratch/echo)"
	equal "what came back over IPv6" 300000 "$(stat -c %s $scratch/echo6)"
	equal "what the guest sent" 262144 "$(stat -c %s $scratch/sent)"
	no_complaints "$name"

	judge "$file" ""
	judge /out/odd-vif-$name.mcap " vlan-cut-short vlan-ends-behind-its-tag" # dom0's stack throws these away first

	# The first packet may come before the connection is established.
	records "$file" 'rule,packet.ip_version,packet.source_port,packet.destination_port,packet.payload,packet.length,packet.gso_size,packet.gso_segments,packet.fragment,packet.vlan,sk->skc_family,sk->skc_num,packet.ip_protocol,packet.tcp_flags,args.sk' >$scratch/records
	awk -F, '
		$13 == 6 && $1 == "packet.rx" && $4 == 5003 && $5 > 0 { received[$2] += $5; if ($11 == 10 && $12 == 5003) whose[$2] += $5 }
		$13 == 6 && $1 == "packet.tx" && $3 == 5003 && $5 > 0 { sent[$2] += $5; if ($11 == 10 && $12 == 5003) whose[$2] += $5 }
		$7 > 0 { big[$1]++; if ($6 <= $7 || $8 != int(($5 + $7 - 1) / $7)) { wrong++; print } }
		$9 != "PACKET_WHOLE" { fragments[$2 $1]++ }
		$10 == 5 { tagged++ }
		$6 == 8042 { jumbo[$1]++ }
		$13 == 6 && $3 == 5999 && int($14 / 4) % 2 { resets++; if ($15 != "0x0" || $11 != "") { wrong++; print } } # sent by a raw socket of the kernel
		$13 == 6 && $4 ~ /^500[45]$/ && $5 > 0 { count[$1 $4]++; bytes[$1 $4] += $5 }
		END {
			for (v = 4; v <= 6; v += 2)
				printf "IPv%d: %d bytes received, %d sent, %d with their socket; fragments: %d, %d\n", v, received[v], sent[v], whose[v], fragments[v "packet.rx"], fragments[v "packet.tx"]
			printf "GSO: %d received, %d sent, %d wrong; jumbo: %d, %d; tagged: %d\n", big["packet.rx"], big["packet.tx"], wrong, jumbo["packet.rx"], jumbo["packet.tx"], tagged
			printf "GRO makes %d segments of %d packets, without it %d of %d\n", count["tcp.segment5004"], count["packet.rx5004"], count["tcp.segment5005"], count["packet.rx5005"]
			for (v = 4; v <= 6; v += 2)
				if (received[v] < 300000 || sent[v] < 300000 || whose[v] < received[v] + sent[v] - 66000 || fragments[v "packet.rx"] < 3 || fragments[v "packet.tx"] < 3) exit 1
			if (!big["packet.rx"] || !big["packet.tx"] || wrong || !jumbo["packet.rx"] || !jumbo["packet.tx"] || tagged < 8 || !resets) exit 1
			for (port = 5004; port <= 5005; port++)
				if (bytes["tcp.segment" port] != bytes["packet.rx" port] || bytes["packet.rx" port] < 300000) exit 1
			exit !(count["tcp.segment5004"] < count["packet.rx5004"] && count["tcp.segment5005"] == count["packet.rx5005"])
		}' $scratch/records || fail "records of odd packets"
	/bin/ip link set "$vif" mtu 1500
	/bin/ip link del vlan5
	check "the guest as it was" guest "$name" '/bin/ip link set eth0 mtu 1500; /bin/ip link del vlan5; /bin/ip -6 addr flush dev eth0 scope global
		kill $(cat listeners); rm listeners'
	/bin/ip -6 addr flush dev "$vif" scope global

	# The kernel that runs a filter is the same in both kinds of guests.
	echo "$PV_GUESTS" | grep -qx "$name" || { check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap'; continue; }
	for pair in 'vlan 5 and tcp;ip6' 'arp;port 5001' 'greater 1000;vlan and not vlan 5' 'tcp[tcpflags] & tcp-ack != 0;ip[6:2] & 0x3fff != 0' \
		'not ip and not ip6;less 40' 'mpls;udp or ether proto 0x88b5'; do
		number=$((${number:-0} + 1))
		begin "/out/filtered-$name-$number.mcap" "$(rule packet.rx "filter = '${pair%;*}'" 'snap = 14'; rule packet.tx "filter = '${pair#*;}'" 'snap = 14')"
		send_frames
		end
		echo "$number;$pair" >>"/out/filtered-$name.txt"
	done
	check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap'
done
