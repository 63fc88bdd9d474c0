# SPDX-License-Identifier: MIT
# A host that is killed in PAUSED mode at any moment leaves no guest paused; a pause that is not ours stays.
# timeout: 400
rounds=${VMITAP_XEN_KILLS:-100}
name=$(echo "$GUESTS" | head -n 1)
load "$name" vmitap
load "$name" vmitap_example

capture() { # as many pauses as can be
	exec vmitap capture "xen:$name" --debug-dir /root/debug --every 1ms --read 'stations[0]' --mode paused \
		--pause-budget 100% -o /tmp/kill.mcap >/tmp/scenario/capture 2>&1
}

mkfifo $scratch/hold
/root/pause_watch "$(domid "$name")" <$scratch/hold >$scratch/watched &
watcher=$!
exec 3>$scratch/hold
round=0
while [ $round -lt "$rounds" ]; do
	(capture) &
	victim=$!
	eventually "the capture pauses" 20 sh -c "[ -s /tmp/kill.mcap ]"
	usleep $(awk -v seed="$round" 'BEGIN { srand(seed); print int(rand() * 300000) }')
	kill -KILL $victim || fail "the capture had ended by itself: $(cat $scratch/capture)"
	wait $victim
	rm -f /tmp/kill.mcap
	round=$((round + 1))
done
exec 3>&-
wait $watcher
cat $scratch/watched
[ "$(sed 's/ ms.*//' $scratch/watched)" -lt 100 ] || fail "the guest stood still for $(cat $scratch/watched)"
grep -qv 'paused at 0 of' $scratch/watched || fail "no pause was ever seen: nothing was tried"
equal "no pause is on file" "" "$(ls /run/vmitap | grep pauses-)"
expect "the guest runs" 'vmitap holds no pause' vmitap doctor --debug-dir /root/debug "xen:$name"

# What an administrator paused stays paused, whoever is killed meanwhile.
(capture) &
victim=$!
eventually "the capture pauses" 20 sh -c "[ -s /tmp/kill.mcap ]"
check "xl pause" xl pause "$name"
sleep 1
kill -KILL $victim
wait $victim
sleep 1
expect "it is paused still" "^$name .* --p---" xl list
expect "and doctor says that it is not ours" 'not by vmitap' vmitap doctor --debug-dir /root/debug "xen:$name"
check "xl unpause" xl unpause "$name"
check "it runs again" guest "$name" true
