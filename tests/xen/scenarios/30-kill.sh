# SPDX-License-Identifier: MIT
# A host that is killed in PAUSED mode at any moment leaves no guest paused, one of each kind at once; a pause that is not
# ours stays.
# timeout: 400
kills=${VMITAP_XEN_KILLS:-100}

capture() { # as many pauses as can be
	exec vmitap capture "xen:$name" --debug-dir /root/debug --every 1ms --read 'stations[0]' --mode paused \
		--pause-budget 100% -o $scratch/kill.mcap >$scratch/capture 2>&1
}
kill_it() { # GUEST KILLS
	name=$1 scratch=$scratch/$1 round=0
	mkdir -p $scratch
	load "$name" vmitap
	load "$name" vmitap_example
	mkfifo $scratch/hold
	/root/pause_watch "$(domid "$name")" <$scratch/hold >$scratch/watched &
	watcher=$!
	exec 3>$scratch/hold
	while [ $round -lt "$2" ]; do
		(capture) &
		victim=$!
		eventually "the capture of $name pauses" 20 test -s $scratch/kill.mcap
		usleep $(awk -v seed="$round" 'BEGIN { srand(seed); print int(rand() * 300000) }')
		kill -KILL $victim || fail "the capture had ended by itself: $(cat $scratch/capture)"
		wait $victim
		rm -f $scratch/kill.mcap
		round=$((round + 1))
	done
	exec 3>&-
	wait $watcher
	echo "$name, killed $round times: $(cat $scratch/watched)"
	[ "$(sed 's/ ms.*//' $scratch/watched)" -lt 100 ] || fail "$name stood still for $(cat $scratch/watched)"
	grep -qv 'paused at 0 of' $scratch/watched || fail "no pause was ever seen: nothing was tried"
}

killers=
for name in $EACH_KIND; do
	(kill_it "$name" $((kills / $(echo "$EACH_KIND" | wc -l)))) &
	killers="$killers $!"
done
for killer in $killers; do wait "$killer" || fail "killing"; done
equal "no pause is on file" "" "$(ls /run/vmitap | grep pauses-)"
for name in $EACH_KIND; do
	expect "$name runs" 'vmitap holds no pause' vmitap doctor --debug-dir /root/debug "xen:$name"
done

# What an administrator paused stays paused, whoever is killed meanwhile.
(capture) &
victim=$!
eventually "the capture pauses" 20 test -s $scratch/kill.mcap
check "xl pause" xl pause "$name"
sleep 1
kill -KILL $victim
wait $victim
sleep 1
expect "it is paused still" "^$name .* --p---" xl list
expect "and doctor says that it is not ours" 'not by vmitap' vmitap doctor --debug-dir /root/debug "xen:$name"
check "xl unpause" xl unpause "$name"
check "it runs again" guest "$name" true

# Killed with its guardian, at any moment, while an administrator's pause stands beside ours: the next vmitap gives back
# what is ours, no more and no less.
round=0
while [ $round -lt 10 ]; do
	(capture) &
	victim=$!
	eventually "the capture pauses" 20 test -s $scratch/kill.mcap
	check "xl pause" xl pause "$name"
	usleep $(awk -v seed="$round" 'BEGIN { srand(seed); print int(rand() * 100000) }')
	kill -KILL $(guardian_of $victim) $victim
	wait $victim
	left=$(ls /run/vmitap | grep -c pauses-)
	[ "$left" = 1 ] || fail "$left files of pauses are left, not one: who was killed?"
	run vmitap types "xen:$name"
	expect "it is paused still" "^$name .* --p---" xl list
	check "xl unpause" xl unpause "$name"
	eventually "and by nobody else" 5 sh -c "xl list $name | tail -n 1 | grep -qv ' [-rb]*p'"
	check "it runs" guest "$name" true
	equal "no pause is on file" "" "$(ls /run/vmitap | grep pauses-)"
	rm -f $scratch/kill.mcap
	round=$((round + 1))
done
