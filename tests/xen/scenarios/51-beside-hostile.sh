# SPDX-License-Identifier: MIT
# One daemon captures from all guests; the second does its worst without end. The others lose nothing, the daemon
# stays up, its memory stays bounded, and it says whose doing it was.
# timeout: 300
steps=300
hwm_max=65536 # KiB
hostile=$(echo "$GUESTS" | sed -n 2p)
honest=$(echo "$GUESTS" | sed 2d)
[ -n "$hostile" ] || fail "this takes two guests"

for name in $honest; do
	load "$name" vmitap
	load "$name" vmitap_example pause_us=500
done
load "$hostile" vmitap_hostile
load "$hostile" vmitap_example

capturing() { [ "$(vmitap list --json | grep -c '"capturing": *true')" -ge "$(echo "$GUESTS" | wc -l)" ]; }

beside() { # LIE [PATTERN of what is said of it]
	guest "$hostile" "echo $1 >/sys/module/vmitap_hostile/parameters/lie" || fail "the guest cannot do $1"
	# shellcheck disable=SC2046 # one a guest
	vmitap capture $(echo "$GUESTS" | sed 's/^/xen:/') --debug-dir /root/debug --on station_step --mode live \
		--read '*station' --for 200s -o /out/beside.mcap >$scratch/capture 2>&1 &
	daemon=$!
	eventually "all are captured" 40 capturing
	guest "$hostile" "echo 1 >/sys/module/vmitap_hostile/parameters/go"
	sleep 1
	runs=
	for name in $honest; do
		guest "$name" "echo $steps >/dev/vmitap_example" >/dev/null &
		runs="$runs $!"
	done
	for each in $runs; do wait "$each" || fail "$1: an honest guest did not make its steps"; done
	sleep 1
	hwm=$(awk '/^VmHWM/ { print $2 }' /proc/$daemon/status)
	kill -INT $daemon || fail "$1: the daemon is gone: $(cat $scratch/capture)"
	wait $daemon || fail "$1: the daemon ended with status $?: $(cat $scratch/capture)"
	cat $scratch/capture
	echo "beside $1: VmHWM $hwm KiB"
	[ "$hwm" -lt $hwm_max ] || fail "$1: the daemon took $hwm KiB"
	vmitap info /out/beside.mcap >$scratch/info
	cat $scratch/info
	for name in $honest; do
		equal "$1: records of $name" $((steps * $(guest "$name" nproc))) \
			"$(awk -v guest="xen:$name" '$3 == guest && $4 == "station_step" { gsub(",", "", $6); print $6 }' $scratch/info)"
		equal "$1: what $name lost" "" "$(grep "lost.*xen:$name" $scratch/info)"
	done
	[ $# -lt 2 ] || grep -qE "$2" $scratch/capture || fail "$1: nobody says what $hostile did"
}

beside scribble "xen:$hostile"
beside forge "xen:$hostile"
beside catalog-shifts "xen:$hostile"
beside storm
