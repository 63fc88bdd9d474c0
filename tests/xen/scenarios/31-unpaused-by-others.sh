# SPDX-License-Identifier: MIT
# Somebody lets the guest run while we hold it: what was read is not of one moment, and says so; nothing is left behind.
# timeout: 90
for name in $EACH_KIND; do
	guest=$name
	load "$guest" vmitap
	load "$guest" vmitap_example
	rm -f $scratch/hold.$guest
	mkfifo $scratch/hold.$guest
	unpause_often "$(domid "$guest")" <$scratch/hold.$guest >$scratch/taken &
	other=$!
	exec 3>$scratch/hold.$guest
	check "a capture beside it" vmitap capture "xen:$guest" --debug-dir /root/debug --every 5ms --read 'stations[0]' --mode paused \
		--pause-budget 100% --count 300 -o $scratch/unpaused.mcap
	exec 3>&-
	wait $other
	echo "$(cat $scratch/taken) pauses of $guest were taken back by others"
	[ "$(cat $scratch/taken)" -gt 0 ] || fail "nothing was tried"
	vmitap decode $scratch/unpaused.mcap >$scratch/records
	grep -q 'somebody else let the guest run' $scratch/records || fail "no record says it"
	equal "records" 300 "$(wc -l <$scratch/records)"
	live=$(grep -c '"fallback": *"PAUSE_FAILED"' $scratch/records)
	# One that others took before we paused was not ours: as many as they took, or fewer.
	[ "$live" -gt 0 ] && [ "$live" -le "$(cat $scratch/taken)" ] || fail "$live records say that they are not of one moment"
	equal "and those are LIVE" "$live" "$(grep -c '"mode": *"LIVE"' $scratch/records)"
	expect "$guest runs" 'vmitap holds no pause' vmitap doctor --debug-dir /root/debug "xen:$guest"
	check "and answers" guest "$guest" true
	equal "no pause is on file" "" "$(ls /run/vmitap | grep pauses-)"
done
