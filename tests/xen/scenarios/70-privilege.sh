# SPDX-License-Identifier: MIT
# A process that captures has given up its capabilities and most system calls, in all its threads, and its guardian
# nearly all; captures in every mode work so, and a pause is given back by a guardian that is confined.
# timeout: 150
name=$(echo "$GUESTS" | head -n 1)
load "$name" vmitap
load "$name" vmitap_example pause_us=50

# The thread that a status file is of has nothing left.
confined() { # STATUS-FILE
	for line in 'CapInh:	0000000000000000' 'CapPrm:	0000000000000000' 'CapEff:	0000000000000000' 'CapAmb:	0000000000000000' \
		'NoNewPrivs:	1' 'Seccomp:	2'; do
		grep -qx "$line" "$1" || { grep -E '^(Name|Cap|NoNew|Seccomp)' "$1"; fail "$1 is not as it should be: $line"; }
	done
}

# The tests of the filter itself, on this kernel.
check "what is refused, and what kills" /root/least_privilege_test --gtest_brief=1
# What Xen's own restriction of a process to one domain would leave of a capture.
/root/restrict_all "$(domid "$name")" >$scratch/restricted 2>&1
cat $scratch/restricted

dmesg -c >/dev/null
for mode in sync inline paused live; do
	file=/out/privilege-$mode.mcap
	vmitap capture "xen:$name" --debug-dir /root/debug --on station_step --mode $mode --sync-timeout 20s \
		--read '*station' --for 40s --count 100 -o "$file" >$scratch/capture 2>&1 &
	capture=$!
	eventually "$name is captured" 20 somebody_captures
	eventually "it is confined" 10 grep -qx 'Seccomp:	2' /proc/$capture/status
	threads=0
	for thread in /proc/$capture/task/*; do
		confined "$thread/status"
		threads=$((threads + 1))
	done
	[ $threads -ge 6 ] || fail "$threads threads: who drains, snapshots, encodes, writes?"
	guardian=$(guardian_of $capture)
	confined "/proc/$guardian/status"
	if [ $mode = live ]; then
		# What is killed is started anew, as confined.
		kill -KILL "$guardian"
		eventually "another guardian" 10 sh -c "grep -l vmitap-guard /proc/[0-9]*/comm 2>/dev/null | grep -vq /proc/$guardian/"
		confined "/proc/$(guardian_of $capture)/status"
		# A trigger that comes later: the catalog is read again, and debug files are opened.
		check "the module goes" guest "$name" rmmod vmitap_example
		load "$name" vmitap_example pause_us=50
		sleep 1
	fi
	check "steps" guest "$name" "echo 100 >/dev/vmitap_example"
	wait $capture || { cat $scratch/capture; dmesg | grep -i seccomp; fail "capturing $name in mode $mode"; }
	cat $scratch/capture
	expect "nothing is lost" 'lost +nothing' vmitap info "$file"
done
# What the filter refused stands in the kernel's log: what captures do is not among it. (87 is unlink: a guardian that was started
# anew has its maker's filter as well, and leaves its file to the next vmitap.)
equal "system calls that were refused" "" "$(dmesg | grep 'type=1326' | grep -v 'comm="vmitap-guard".* syscall=87 ')"

# By hand, from a terminal's neighbour, through its own socket; and with everything kept.
vmitap capture "xen:$name" --debug-dir /root/debug --read 'stations[0]' --for 40s --count 1 -o /out/privilege-hand.mcap >$scratch/capture 2>&1 &
capture=$!
eventually "it is confined" 20 grep -qx 'Seccomp:	2' /proc/$capture/status
check "by hand" vmitap trigger "xen:$name"
wait $capture || { cat $scratch/capture; fail "a capture by hand"; }
vmitap capture "xen:$name" --debug-dir /root/debug --read 'stations[0]' --every 100ms --for 3s --no-sandbox -o /out/privilege-none.mcap >$scratch/capture 2>&1 &
capture=$!
eventually "it runs" 20 somebody_captures
check "--no-sandbox keeps system calls" grep -qx 'Seccomp:	0' /proc/$capture/status
check "and capabilities" grep -q 'CapEff:	0000.*[1-9a-f]' /proc/$capture/status
wait $capture || { cat $scratch/capture; fail "a capture without a sandbox"; }

# Killed in a pause: the guardian, confined, gives it back.
round=0
while [ $round -lt 5 ]; do
	vmitap capture "xen:$name" --debug-dir /root/debug --every 1ms --read 'stations[0]' --mode paused --pause-budget 100% \
		-o /tmp/privilege.mcap >$scratch/capture 2>&1 &
	capture=$!
	eventually "it is confined" 20 grep -qx 'Seccomp:	2' /proc/$capture/status
	sleep 0.3
	kill -STOP $capture # wherever it is, also in a pause
	kill -KILL $capture
	wait $capture
	round=$((round + 1))
done
eventually "no pause is on file" 5 sh -c '! ls /run/vmitap | grep -q pauses-'
check "the guest runs" guest "$name" true

# As docs/threat-model.md has it.
for line in 'before: domain info yes' 'before: xenstore yes' 'restrict yes' 'domain info no' 'pause no' 'map a grant no' 'xenstore no' \
	'domain info by a handle opened since yes'; do
	grep -q "^$line" $scratch/restricted || fail "xentoolcore_restrict_all: $line"
done
