# SPDX-License-Identifier: MIT
# What a trigger at each packet costs, in the guest `packets`: the same transfers with each kind of tap, in turns.
# A line a slice in /out/packet.txt: round, tap, shape, then what xen_transfer says; what each tap was handed, and what bpftrace saw, in /out/seen.txt.
# ../judge.py judges them, and by what vmitap says of its captures in /out/info-MODE-ROUND.json.
rounds=${VMITAP_BENCH_ROUNDS:-2}
taps='nothing unwatched inline paused sync nothing_again print print_kfunc map map_kfunc count count_kfunc'
id=$(domid packets)
address=$(address packets)
vif=vif$id.0

transfers() { # ROUND TAP: a bulk one, where a packet is up to 64 KiB, and one where it is a frame of Ethernet
	for shape in 'bulk 65535 8000000 6' 'frames 1 3000000 12'; do
		set -- "$1" "$2" $shape
		/bin/ip link set "$vif" gso_max_segs "$4" || return 1
		/root/xen_transfer.stripped "$id" "$address" --warm-up 300000 --slices "$6" --bytes "$5" --label "$1 $2 $3" >>/out/packet.txt ||
			return 1
	done
}

handed() { cat "/sys/class/net/$vif/statistics/tx_packets"; }

saw() { # ROUND TAP [LINES COMPLAINT]
	echo "$1 $2 $(($(handed) - before)) ${3:-} ${4:-}" >>/out/seen.txt
}

# INLINE brings what bpftrace's lines do, and more; who pauses or stops the guest does it to read a variable of its.
in_mode() { # ROUND MODE
	read=
	[ "$2" = inline ] || read='--read sk->snd_cwnd'
	vmitap capture xen:packets --debug-dir /root/debug --on packet.rx --mode "$2" $read --pause-budget 100% --sync-timeout 1s \
		-o $scratch/packets.mcap >$scratch/capture 2>&1 &
	capture=$!
	eventually "packets is captured" 60 sh -c "vmitap list --json | grep -q '\"capturing\": *true'"
	before=$(handed)
	transfers "$@" || fail "transfers in mode $2"
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing in mode $2"; }
	vmitap info --json $scratch/packets.mcap >"/out/info-$2-$1.json"
	saw "$@"
}

# bpftrace has attached its program once it holds the buffer of its output, and the tracepoint or the function.
by_bpftrace() { # ROUND PROGRAM
	guest packets "/root/bpftrace/bpftrace -o /root/seen /root/taps/$2.bt >/root/complaints 2>&1 & echo \$! >/root/pid"
	eventually "bpftrace is attached" 120 guest packets 'sleep 1; [ $(ls -l /proc/$(cat /root/pid)/fd | grep -cE "perf_event|bpf_link") -ge 2 ]'
	before=$(handed)
	transfers "$@" || fail "transfers beside bpftrace"
	guest packets 'kill -INT $(cat /root/pid); while [ -d /proc/$(cat /root/pid) ]; do sleep 0.1; done'
	saw "$@" "$(guest packets 'grep -c "^[0-9]" /root/seen')" "$(guest packets 'cat /root/complaints; tail -n 2 /root/seen' | tr '\n ' ';_')"
}

visit() { # ROUND TAP
	case $2 in unwatched | inline | paused | sync)
		check "loading" guest packets 'insmod /root/vmitap.ko slots=8192 && insmod /root/netfront_hook.ko' ;;
	esac
	case $2 in
	inline | paused | sync) in_mode "$@" ;;
	print* | map* | count*) by_bpftrace "$@" ;;
	*) transfers "$@" || fail "transfers" ;;
	esac
	case $2 in unwatched | inline | paused | sync) check "unloading" guest packets 'rmmod netfront_hook && rmmod vmitap' ;; esac
}

guest packets '/root/sink 5001 >/dev/null 2>&1 &
	mount -t debugfs debugfs /sys/kernel/debug'
for round in $(seq "$rounds"); do
	for tap in $taps; do
		visit "$round" "$tap"
		echo "$(cut -d ' ' -f 1 /proc/uptime) s: $round $tap"
	done
	# What comes first is another one in each round.
	set -- $taps
	first=$1 second=$2 third=$3
	shift 3
	taps="$* $first $second $third"
done
