# SPDX-License-Identifier: MIT
# Sockets that are freed, or another connection's, before the host reads them: it says STALE, and never shows one connection's
# values at another's packet.
# timeout: 120
connections=60

for name in $EACH_KIND; do
	gateway=$(address "$name" | sed 's/2$/1/')
	load "$name" vmitap slots=4096
	load "$name" netfront_hook
	nc -ll -p 5002 -e true >/dev/null 2>&1 &
	listener=$!
	for mode in live paused; do
		file=$scratch/$mode.mcap
		vmitap capture "xen:$name" --debug-dir /root/debug --on packet.tx --mode $mode --filter 'tcp dst port 5002' --pause-budget 100% \
			--read 'sk->inet_sport,sk->skc_state' -o "$file" >$scratch/capture 2>&1 &
		capture=$!
		eventually "$name is captured" 20 somebody_captures
		# Half of them while the host looks elsewhere.
		guest "$name" "for i in \$(seq $((connections / 2))); do nc $gateway 5002 </dev/null; done" >/dev/null 2>&1
		kill -STOP $capture
		guest "$name" "for i in \$(seq $((connections / 2))); do nc $gateway 5002 </dev/null; done" >/dev/null 2>&1
		kill -CONT $capture
		sleep 2
		kill -INT $capture
		wait $capture || { cat $scratch/capture; fail "capturing $name in mode $mode"; }
		cat $scratch/capture
		vmitap decode "$file" --format csv --fields 'packet.source_port,sk->inet_sport,sk->skc_state,unread' | sed 1d >$scratch/sockets
		head -n 3 $scratch/sockets
		awk -F, -v mode=$mode '
			$2 != "" { read++; if ($1 != $2 % 256 * 256 + int($2 / 256)) { wrong++; print } } # it stands in network order
			/STALE/ { stale++ }
			END { printf "%s: %d records, %d read, %d of them wrong, %d stale\n", mode, NR, read, wrong, stale
				exit !(NR >= 180 && !wrong && stale >= 60) }' $scratch/sockets || fail "sockets of $name in mode $mode"
	done
	kill $listener
	check "the hook goes" guest "$name" 'rmmod netfront_hook && rmmod vmitap'
done
