# SPDX-License-Identifier: MIT
# A guest that has no network device when the hook is loaded, and is given one while it is captured; then that is renamed, taken
# away and given back, and xen-netfront itself is unloaded and loaded: the capture goes on, and tells the device by its name.
# timeout: 200

# What the guest does by itself: each device that comes is given the address.
script() {
	cat <<-'END'
	#!/bin/sh
	insmod /root/modules/vmitap.ko && insmod /root/modules/netfront_hook.ko
	while sleep 0.2; do
		for path in /sys/class/net/*; do
			link=${path##*/}
			[ $link = lo ] || /bin/ip addr show dev $link | grep -q 'inet ' && continue
			/bin/ip addr add 10.77.9.2/24 dev $link
			/bin/ip link set $link up
		done
	done
	END
}
in_bare() { guest bare "$*"; }
# Detached: what takes the network away takes the answer, too.
later() { in_bare "echo $(printf '%s\n' "$*" | base64 | tr -d '\n') | base64 -d >/root/later; (sleep 0.5; sh /root/later) >/dev/null 2>&1 &"; }
records_of() { vmitap decode $file --format csv --fields packet.device 2>/dev/null | grep -c "$1"; }
more_than() { [ "$(records_of eth0)" -gt "$1" ]; }
rises() { # DEVICE: records that name it come
	eventually "records of $1" 30 sh -c "ping -c 1 -W 1 10.77.9.2; vmitap decode $file --format csv --fields packet.device 2>/dev/null | tail -n 3 | grep -q '^\"*$1'"
}
bare_goes() {
	xl destroy bare
	sed -i '/^bare /d' /guests/list
	rm -f /guests/bare.c*
}

for name in $EACH_KIND; do
	sed -e 's/^name = .*/name = "bare"/' -e 's/^vif = .*//' -e 's|^ramdisk = .*|ramdisk = "/guests/bare.cpio"|' \
		-e 's/^vcpus = .*/vcpus = 1/' -e "s/lab.name=$name lab.number=[0-9]*/lab.name=bare lab.number=9/" "/guests/$name.cfg" >/guests/bare.cfg
	script >$scratch/script
	chmod +x $scratch/script
	{ cat "/guests/$name.cpio"; (cd $scratch && echo script | cpio -o -H newc 2>/dev/null); } >/guests/bare.cpio
	file=$scratch/devices.mcap
	trap bare_goes EXIT
	check "a guest without a device" xl create -q /guests/bare.cfg
	eventually "a capture of nothing, once it has the hook" 90 vmitap capture xen:bare --debug-dir /root/debug --on packet.rx --mode inline --for 500ms -o $scratch/none.mcap
	expect "nothing is in it" 'records +0' vmitap info $scratch/none.mcap

	echo 'bare 10.77.9' >>/guests/list
	vmitap capture xen:bare --debug-dir /root/debug --on packet.rx --mode inline -o $file >$scratch/capture 2>&1 &
	capture=$!
	eventually "bare is captured" 20 somebody_captures
	check "it is given a device" xl network-attach bare script=/bin/lab-vif
	rises eth0
	expect "it said that it has none" 'no device of xen-netfront yet' in_bare dmesg
	later '/bin/ip link set eth0 down; /bin/ip link set eth0 name lan0; /bin/ip link set lan0 up; /bin/ip link set lan0 up'
	rises lan0
	check "the device is taken away" xl network-detach bare "$(xl network-list bare | awk 'NR == 2 { print $1 }')"
	check "and given back" xl network-attach bare script=/bin/lab-vif
	rises eth0
	later 'echo vif-$(ls /sys/bus/xen/devices | sed -n "s/^vif-//p" | tail -n 1) >/sys/bus/xen/drivers/vif/unbind
		rmmod xen-netfront; modprobe xen-netfront; touch /root/reloaded'
	eventually "xen-netfront is loaded anew" 30 in_bare 'cat /root/reloaded'
	before=$(records_of eth0)
	check "the new device" ping -c 3 10.77.9.2
	eventually "records of the new device" 20 more_than $((before + 2))
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "the capture"; }
	cat $scratch/capture
	equal "the guest's kernel complains" "" "$(in_bare dmesg | grep -E 'BUG|WARNING|Oops|Call Trace')"
	check "the hook goes" in_bare 'rmmod netfront_hook && rmmod vmitap'
	bare_goes
	trap - EXIT
done
