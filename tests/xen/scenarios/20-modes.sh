# SPDX-License-Identifier: MIT
# A marked struct of a kernel module, with bit-fields, a nested union, an enum, an array and a pointer, captured on
# its own trigger in all four modes. Each record that says that its values are the trigger's own equals the line that the
# module itself logged; those of PAUSED are a later line. With two vCPUs that are 20,000 triggers. What says LIVE instead,
# as nobody waited for it, is missing there.
# timeout: 600

# The records of this mode in the words of the module's log.
as_logged() { # FILE MODE
	vmitap decode "$1" --format csv --fields "mode,$fields" | tr -d '"' | awk -F, -v mode="$2" '
		BEGIN { phase["STATION_IDLE"] = 0; phase["STATION_FILLING"] = 3; phase["STATION_DRAINING"] = 7 }
		NR > 1 && $1 == mode { $7 = phase[$7]; sub(/^[A-Z]* /, ""); print }' OFS=' '
}
values='values.*station'
fields="$values.number,$values.step,$values.urgent,$values.priority,$values.drift,$values.phase,$values.word.whole"
for i in 0 1 2 3; do fields="$fields,$values.levels[$i]"; done
fields="$fields,values.station->link->hops,values.station->link->weight,$values.label"

for name in $EACH_KIND; do
	load "$name" vmitap
	load "$name" vmitap_example pause_us=50
	threads=$(guest "$name" nproc)
	steps=${VMITAP_XEN_STEPS:-$((threads > 1 ? 2500 : 1000))}
	count=$((steps * threads))
	for mode in sync inline paused live; do
		file=/out/$name-$mode.mcap
		vmitap capture "xen:$name" --debug-dir /root/debug --on station_step --mode $mode --sync-timeout 20s \
			--read '*station,station->link->hops,station->link->weight' --for 100s --count $count -o "$file" \
			>$scratch/capture 2>&1 &
		capture=$!
		eventually "$name is captured" 20 somebody_captures
		check "steps in $name" guest "$name" "echo $steps >/dev/vmitap_example"
		wait $capture || { cat $scratch/capture; fail "capturing $name in mode $mode"; }
		cat $scratch/capture
		equal "every trigger is in the file" $count "$(vmitap decode "$file" | wc -l)"
		expect "nothing is lost" 'lost +nothing' vmitap info "$file"
		guest "$name" 'cat /dev/vmitap_example' | sort -n -k 1 -k 2 >$scratch/logged
		equal "the module's log" $count "$(wc -l <$scratch/logged)"
		[ $mode != live ] || continue
		as_logged "$file" "$(echo $mode | tr a-z A-Z)" >$scratch/captured
		# PAUSED is later than the trigger, but of one moment: a step that was logged, or, if the pause came upon it, one half made.
		awk -v mode=$mode -v count=$count '
			NR == FNR { logged[$0]++; next }
			mode == "paused" ? $0 in logged : logged[$0]-- > 0 { same++; next }
			{ if (wrong++ < 10) print "not logged: " $0 }
			END {
				printf "%s: %d of %d records are what was logged\n", mode, same, FNR
				if (mode == "paused") exit !(FNR > 0 && same >= 0.9 * FNR)
				exit !(!wrong && same == count)
			}' $scratch/logged $scratch/captured || fail "what was captured is not what was logged"
	done
done
