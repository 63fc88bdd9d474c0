# SPDX-License-Identifier: MIT
# TCP's own variables at each segment that the guest receives: in SYNC mode every record equals the line that the guest
# kernel's own trace event tcp:tcp_probe printed for that segment; in PAUSED mode the share that does is reported.
# timeout: 400
tracing=/sys/kernel/tracing

# Line by line what tcp_probe prints, of the records of this mode. It shows the threshold as tcp_current_ssthresh() sees it.
as_traced() { # FILE MODE
	vmitap decode "$1" --format csv --fields \
		'time_ns,sk->snd_nxt,sk->snd_una,sk->snd_cwnd,sk->snd_ssthresh,sk->srtt_us,sk->rcv_wnd,sk->snd_wnd,sk->icsk_ca_state,mode' |
		tr -d '"' | sed 1d | sort -n | awk -F, -v mode="$2" '$10 == mode {
			threshold = $5; least = int($4 / 2) + int($4 / 4)
			if ($9 != 2 && $9 != 3 && threshold < least) threshold = least # neither CWR nor Recovery
			print $2, $3, $4, threshold, int($6 / 8), $7, $8 }'
}
# Of the trace's lines those of the transfer.
traced() {
	guest "$name" "grep 'dest=\[*[0-9a-f.:]*\]*:5001 ' $tracing/trace" | awk '{
		for (i = 1; i <= NF; i++) { at = index($i, "="); value[substr($i, 1, at - 1)] = substr($i, at + 1) }
		print value["snd_nxt"], value["snd_una"], value["snd_cwnd"], value["ssthresh"], value["srtt"], value["rcv_wnd"], value["snd_wnd"] }'
}
decimal() { # of two hexadecimal columns
	while read -r next una rest; do echo "$((next)) $((una)) $rest"; done
}

for name in $EACH_KIND; do
	gateway=$(address "$name" | sed 's/2$/1/')
	load "$name" vmitap slots=8192
	load "$name" netfront_hook
	check "loss" guest "$name" 'modprobe sch_netem; /bin/tc qdisc add dev eth0 root netem loss 1% limit 10000; /bin/ip link set eth0 gso_max_segs 1'
	for mode in sync paused; do
		segments=${VMITAP_XEN_SEGMENTS:-5000}
		[ $mode = sync ] || segments=800
		file=/out/tcp-$name-$mode.mcap
		check "tracing" guest "$name" "echo 0 >$tracing/tracing_on; echo 2048 >$tracing/buffer_size_kb; echo >$tracing/trace
			echo 1 >$tracing/events/tcp/tcp_probe/enable; echo 1 >$tracing/tracing_on"
		nc -l -p 5001 -e sh -c 'cat >/dev/null' &
		listener=$!
		vmitap capture "xen:$name" --debug-dir /root/debug --on tcp.segment --mode $mode --filter 'tcp src port 5001' --snap 80 \
			--sync-timeout 1s --pause-budget 50% --read 'sk->snd_nxt,sk->snd_una,sk->snd_cwnd,sk->snd_ssthresh' \
			--read 'sk->srtt_us,sk->rcv_wnd,sk->snd_wnd,sk->icsk_ca_state' -o "$file" >$scratch/capture 2>&1 &
		capture=$!
		eventually "$name is captured" 20 somebody_captures
		check "the transfer" guest "$name" "dd if=/dev/zero bs=64k count=$((segments / 17)) 2>/dev/null | nc $gateway 5001"
		sleep 1
		expect "no trace line is overwritten" '^0$' guest "$name" "awk '/^overrun:/ { n += \$2 } END { print n }' $tracing/per_cpu/cpu*/stats"
		check "no more tracing" guest "$name" "echo 0 >$tracing/tracing_on; echo 0 >$tracing/events/tcp/tcp_probe/enable"
		kill -INT $capture
		wait $capture || { cat $scratch/capture; fail "capturing $name in mode $mode"; }
		cat $scratch/capture
		wait $listener
		expect "nothing is lost" 'lost +nothing' vmitap info "$file"
		traced | decimal >$scratch/traced
		as_traced "$file" "$(echo $mode | tr a-z A-Z)" >$scratch/captured
		all=$(vmitap decode "$file" | wc -l)
		# The emulator's processors do not agree on the time: segments that two of them work on at once may change places.
		same=$(awk 'NR == FNR { records[$0]++; next } records[$0] > 0 { records[$0]--; same++ } END { print same + 0 }' \
			$scratch/captured $scratch/traced)
		echo "$mode: $all records, $(wc -l <$scratch/captured) of them of that mode, $(wc -l <$scratch/traced) lines of tcp_probe, $same equal"
		[ "$mode" = paused ] || {
			equal "records that are what tcp_probe printed" "$(wc -l <$scratch/captured)" "$same"
			equal "lines of tcp_probe" "$all" "$(wc -l <$scratch/traced)"
			equal "records that were waited for" "$all" "$same"
			[ "$(wc -l <$scratch/captured)" -ge $segments ] || fail "too few segments"
		}
	done
	check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap; /bin/tc qdisc del dev eth0 root; /bin/ip link set eth0 gso_max_segs 65535'
done
