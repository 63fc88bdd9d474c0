# SPDX-License-Identifier: MIT
# xenstored dies in mid-capture: who captures goes on, and sees by itself how the domain ends; who comes then is told.
# The last scenario, as a Xen host does not get over it.
# timeout: 120
mine=$(echo "$GUESTS" | head -n 1)
other=$(echo "$GUESTS" | sed -n 2p)
[ -n "$other" ] || fail "this takes two guests"
begin() { # GUEST FILE: captures without end; sets $capture
	load "$1" vmitap
	load "$1" vmitap_example timer=1
	vmitap capture "xen:$1" --debug-dir /root/debug --on example_tick --mode paused --read example_ticks -o "$2" \
		>"$2.said" 2>&1 &
	capture=$!
	eventually "records of $1 come" 30 grows "$2"
}
grows() { # FILE: now
	before=$(stat -c %s "$1") || { cat "$1.said"; return 1; }
	sleep 1.5
	[ "$(stat -c %s "$1")" -gt "$before" ]
}
store() {
	rm -f /run/xenstored.pid
	xenstored --pid-file=/run/xenstored.pid
}

begin "$mine" $scratch/first.mcap
first=$capture
begin "$other" $scratch/second.mcap
second=$capture
check "kill -9 of xenstored" killall -KILL xenstored
trap store EXIT
sleep 2
for file in first second; do eventually "records still come" 20 grows $scratch/$file.mcap; done
refuse "a capture now" 1 'xenstored' timeout 20 vmitap capture "xen:$mine" --every 1s --read example_ticks -o /tmp/never
expect "the list" 'xenstored does not answer' timeout 20 vmitap list
run timeout 20 vmitap doctor "xen:$mine"
[ $status -ne 124 ] || fail "the doctor waits for xenstored"

check "xenstored started anew" store
trap - EXIT
sleep 2
for file in first second; do eventually "and still" 20 grows $scratch/$file.mcap; done

guest "$mine" "(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &"
ended() { ! kill -0 $first 2>/dev/null; }
eventually "the capture of a domain that crashed ends" 20 ended
wait $first || fail "its status is $?"
cat $scratch/first.mcap.said
grep -q 'crash' $scratch/first.mcap.said || fail "nobody says that it crashed"
kill -INT $second
wait $second || { cat $scratch/second.mcap.said; fail "the other capture's status is $?"; }
for file in first second; do expect "nothing is lost" 'lost +nothing' vmitap info $scratch/$file.mcap; done
equal "pauses left behind" "" "$(ls /run/vmitap | grep pauses-)"
