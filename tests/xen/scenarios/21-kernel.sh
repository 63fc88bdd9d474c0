# SPDX-License-Identifier: MIT
# The guest's kernel is read without a mark, by its own symbols and types; per-CPU variables are read of each CPU.
# timeout: 150
steps=200

for name in $EACH_KIND; do
	load "$name" vmitap
	load "$name" vmitap_example
	cpus=$(guest "$name" nproc)
	file=/out/kernel-$name.mcap

	read='kernel:init_task:struct task_struct.comm,kernel:jiffies:unsigned long'
	cpu=0
	while [ $cpu -lt "$cpus" ]; do
		read="$read,kernel:runqueues[cpu$cpu].cpu,kernel:runqueues[cpu$cpu].nr_running,kernel:cpu_number[cpu$cpu]:int"
		cpu=$((cpu + 1))
	done
	# Of a guest that idles, jiffies stands still.
	check "$name is busy" guest "$name" 'touch /tmp/busy; while [ -e /tmp/busy ]; do :; done >/dev/null 2>&1 &'
	check "the kernel of $name is read, whatever of its modules has no debug information here" \
		vmitap capture "xen:$name" --every 200ms --read "$read" --count 12 --for 40s -o "$file"
	expect "doctor knows that the rest works" 'limited +types of vmitap_example' vmitap doctor "xen:$name"
	refuse "a mark of such a module" 1 'vmitap_example. has no debug information' \
		vmitap capture "xen:$name" --every 200ms --read 'stations[0].number' --count 1 -o /tmp/never.jsonl
	cpu=0
	counts='' count_fields='' all_steps=''
	fields="values.kernel:init_task:struct task_struct.comm,values.kernel:jiffies:unsigned long"
	while [ $cpu -lt "$cpus" ]; do
		fields="$fields,values.kernel:runqueues[cpu$cpu].cpu,values.kernel:cpu_number[cpu$cpu]:int"
		fields="$fields,values.kernel:runqueues[cpu$cpu].nr_running"
		counts="$counts${counts:+,}station_steps[cpu$cpu]"
		count_fields="$count_fields${count_fields:+,}values.station_steps[cpu$cpu]"
		all_steps="$all_steps${all_steps:+,}$steps"
		cpu=$((cpu + 1))
	done
	vmitap decode "$file" --format csv --fields "$fields" >$scratch/records
	cat $scratch/records
	equal "records" 12 "$(($(wc -l <$scratch/records) - 1))"
	awk -F, -v cpus="$cpus" 'NR > 1 {
		gsub(/"/, "")
		if ($1 != "swapper/0") { print "the first task of all is called " $1; bad = 1 }
		if (NR == 2) first = $2
		if ($2 < before) { print "jiffies went from " before " to " $2; bad = 1 }
		before = $2
		running = 0
		for (cpu = 0; cpu < cpus; cpu++)
			if ($(3 + 3 * cpu) != cpu || $(4 + 3 * cpu) != cpu || $(5 + 3 * cpu) !~ /^[0-9]+$/) {
				print "of CPU " cpu ": " $(3 + 3 * cpu) " " $(4 + 3 * cpu) " " $(5 + 3 * cpu); bad = 1
			} else running += $(5 + 3 * cpu)
		if (running < 1 || running > 1000) { print running " tasks run"; bad = 1 }
	} END { if (before <= first) { print "jiffies stands still"; bad = 1 } exit bad }' $scratch/records ||
		fail "what was read of the kernel of $name"

	check "$name rests" guest "$name" rm /tmp/busy

	# A marked per-CPU variable. Station N steps on CPU N, which counts its steps.
	expect "it is listed as per-CPU" '(u64|unsigned int) station_steps\[cpuN\]' vmitap list --debug-dir /root/debug
	refuse "a per-CPU mark without its CPU" 1 'station_steps\[cpu0\]' \
		vmitap capture "xen:$name" --debug-dir /root/debug --read station_steps --count 1 -o $scratch/none.mcap
	refuse "a CPU that is not there" 1 'from cpu0 to cpu' \
		vmitap capture "xen:$name" --debug-dir /root/debug --read 'station_steps[cpu999]' --count 1 -o $scratch/none.mcap
	vmitap capture "xen:$name" --debug-dir /root/debug --on station_step --mode inline --read "$counts" \
		--for 40s --count $((steps * cpus)) -o "$file" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$name is captured" 20 somebody_captures
	check "steps in $name" guest "$name" "echo $steps >/dev/vmitap_example"
	wait $capture || { cat $scratch/capture; fail "capturing per-CPU marks of $name"; }
	vmitap decode "$file" --format csv \
		--fields "args.station->number,args.station->step,$count_fields" >$scratch/records
	equal "records" $((steps * cpus)) "$(($(wc -l <$scratch/records) - 1))"
	awk -F, -v cpus="$cpus" 'NR > 1 && $1 < cpus && $(3 + $1) != $2 { print "wrong: " $0; bad = 1 } END { exit bad }' $scratch/records ||
		fail "a CPU's own count is not that of its station in $name"
	check "at rest" vmitap capture "xen:$name" --debug-dir /root/debug --every 50ms --mode paused \
		--read "$counts" --count 3 --for 20s -o "$file"
	expect "each CPU counted its steps" "^$all_steps\$" \
		vmitap decode "$file" --format csv --fields "$count_fields"
done
