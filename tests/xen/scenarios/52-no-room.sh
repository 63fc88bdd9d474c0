# SPDX-License-Identifier: MIT
# dom0 runs out of what a capture needs: of grant maps, or of memory. Who comes then is told so, and the guest is not
# blamed; who captures goes on.
# timeout: 120
mine=$(echo "$GUESTS" | head -n 1)
other=$(echo "$GUESTS" | sed -n 2p)
[ -n "$other" ] || fail "this takes two guests"
capture() { # GUEST COUNT FILE
	timeout 60 vmitap capture "xen:$1" --debug-dir /root/debug --every 20ms --mode paused \
		--read 'stations[0].number' --count "$2" -o "$3"
}
for each in $mine $other; do
	load "$each" vmitap
	load "$each" vmitap_example
done

capture "$other" 300 $scratch/other.mcap >$scratch/capture 2>&1 &
captured=$!
eventually "$other is captured" 20 somebody_captures
# shellcheck disable=SC2046 # one a guest
grant_hog $(for each in $mine $other; do domid "$each"; done) >$scratch/hog 2>&1 &
hog=$!
trap 'kill $hog' EXIT
eventually "no room for another map" 30 grep -q maps $scratch/hog
cat $scratch/hog
grep -q ', then' $scratch/hog || fail "Xen had room for all"
refuse "no room for maps" 1 "$mine: .*no room for .*pages? that domain [0-9]+ granted" capture "$mine" 2 /tmp/never.jsonl
grep -q 'gnttab_max_maptrack_frames' $scratch/output || fail "nothing says what to do"
[ ! -e /tmp/never.jsonl ] || fail "a file was made"
kill $hog
trap - EXIT
wait $captured || { cat $scratch/capture; fail "capturing beside it: status $?"; }
equal "records of who captured before" 300 "$(vmitap decode $scratch/other.mcap | wc -l)"
check "and with room again" capture "$mine" 2 $scratch/again.jsonl

# Memory, in KiB: what is too little ends the capture in time, and leaves no pause. (134: what protobuf does without it.)
refused=0
for limit in 20000 30000 40000 50000 60000 80000 100000 150000 200000; do
	run sh -c "ulimit -v $limit; exec timeout 60 vmitap capture xen:$mine --debug-dir /root/debug --every 20ms \
		--mode live --read 'stations[0].number' --count 2 -o $scratch/little.jsonl"
	case $status in
	0) ;;
	1 | 3 | 127 | 134) refused=$((refused + 1)) ;;
	*) fail "with $limit KiB of memory: status $status" ;;
	esac
done
echo "$refused of the limits were too low"
check "and with memory again" capture "$mine" 2 $scratch/again.jsonl
eventually "$mine runs" 5 sh -c "xl list $mine | tail -n 1 | grep -qv ' [-rb]*p'"
equal "pauses left behind" "" "$(ls /run/vmitap | grep pauses-)"
