# SPDX-License-Identifier: MIT
# One trigger fires from process, softirq, hardirq (timer and inter-processor interrupt) and NMI context, each
# interrupting those before it, also in the middle of a record: each fire is in the file once, and says truly where it was.
# timeout: 120
captured() { # NAME MODE FILE
	vmitap capture "xen:$1" --debug-dir /root/debug --on context_fired --mode "$2" --read 'kernel:init_task:struct task_struct.comm' \
		--sync-timeout 20s --for 60s -o "$3" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$1 is captured" 20 somebody_captures
}

# Each context's records: numbered without a hole, and as the kernel says where the code ran.
agree() { # LOGGED FILE
	vmitap decode "$2" --format csv --fields 'args.context,args.seen,args.number,args.interrupts,mode' | tr -d '"' >$scratch/fired
	awk -F, '
		BEGIN { where["PROCESS"] = "IN_TASK"; where["SOFTIRQ"] = "IN_SOFTIRQ"; where["TIMER"] = where["IPI"] = "IN_HARDIRQ"
			where["NMI"] = "IN_NMI" }
		FNR == NR { if (FNR > 1) {
				if (where[$1] != $2) { print "fired as " $1 ", seen " $2; bad = 1 }
				if (($1, $3) in had) { print "twice: " $0; bad = 1 }
				had[$1, $3]; records[$1]++; if ($3 > last[$1]) last[$1] = $3
				if ($4 == "true" || $4 == 1) inside[$1]++
				if ($1 == "NMI" && $5 == "SYNC") { print "an NMI waited: " $0; bad = 1 }
			} next }
		{ split($0, line, " "); name = toupper(line[1]); lines++
		  printf "%s: %d fired, %d in the midst of another; captured %d and %d\n", line[1], line[2], line[3], records[name], inside[name]
		  if (line[2] == 0 || records[name] != line[2] || last[name] != line[2] || inside[name] != line[3]) bad = 1 }
		END { exit bad || lines != 5 }' $scratch/fired "$1"
}

tried=
for name in $EACH_KIND; do
	# An interrupt from another CPU needs one.
	[ "$(guest "$name" nproc)" -ge 2 ] || continue
	tried="$tried $name"
	load "$name" vmitap slots=4096
	for try in 'live 10 200' 'sync 2 10'; do
		mode=${try%% *} burst=${try##* } rounds=${try#* }
		rounds=${rounds% *}
		load "$name" vmitap_contexts "burst=$burst"
		file=/out/contexts-$name-$mode.mcap
		captured "$name" "$mode" "$file"
		check "rounds in $name" guest "$name" "echo $rounds >/dev/vmitap_contexts"
		sleep 1
		kill -INT $capture
		wait $capture || { cat $scratch/capture; fail "capturing $name in mode $mode"; }
		cat $scratch/capture
		expect "nothing is lost" 'lost +nothing' vmitap info "$file"
		guest "$name" 'cat /dev/vmitap_contexts' >$scratch/logged
		agree $scratch/logged "$file" || fail "what fired in $name is not what was captured in mode $mode"
		if [ "$mode" = live ]; then
			awk '{ n += $3 } $1 == "nmi" { nmi = $3 } END { exit !(n > 0 && nmi > 0) }' $scratch/logged ||
				fail "nothing fired in the midst of another record in $name"
		fi
		check "the module goes" guest "$name" rmmod vmitap_contexts
	done
	no_complaints "$name" 'unknown reason|rcu.* stall|lockup'
done
[ -n "$tried" ] || fail "no guest has two vCPUs"
