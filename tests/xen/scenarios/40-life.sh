# SPDX-License-Identifier: MIT
# What becomes of a domain in mid-capture: the capture ends by itself, says why, and what came until then is whole.
# timeout: 360
name=$(echo "${PV_GUESTS:-$GUESTS}" | head -n 1)
file=/tmp/life.mcap

begin() { # captures without end
	load "$name" vmitap
	load "$name" vmitap_example timer=1
	rm -f $file
	vmitap capture "xen:$name" --debug-dir /root/debug --on example_tick --mode live --read example_ticks \
		-o $file >$scratch/capture 2>&1 &
	capture=$!
	eventually "records come" 30 sh -c "[ \$(stat -c %s $file) -gt 2000 ]"
}
ends() { # WHAT PATTERN: by itself, with status 0
	seconds=0
	while kill -0 $capture 2>/dev/null; do
		seconds=$((seconds + 1))
		[ $seconds -lt 20 ] || fail "$1: the capture does not end: $(cat $scratch/capture)"
		sleep 1
	done
	wait $capture || fail "$1: status $?: $(cat $scratch/capture)"
	cat $scratch/capture
	grep -qE "$2" $scratch/capture || fail "$1: nobody says '$2'"
	records=$(sed -n 's/^vmitap: \([0-9]*\) records\{0,1\} in.*/\1/p' $scratch/capture)
	[ "$records" -gt 0 ] || fail "$1: no records"
	equal "$1: what is in the file" "$records" "$(vmitap decode $file 2>/dev/null | wc -l)"
	equal "$1: pauses left behind" "" "$(ls /run/vmitap | grep pauses-)"
}

# The module goes, and comes again under a capture; then often.
begin
check "unloading" guest "$name" "rmmod vmitap_example && rmmod vmitap"
ends "module unloaded" 'took vmitap down'
begin
check "unloading and loading" guest "$name" \
	"rmmod vmitap_example && rmmod vmitap && insmod /root/modules/vmitap.ko && insmod /root/modules/vmitap_example.ko"
ends "module loaded anew" 'took vmitap down'

# Beside another guest, whose capture goes on, it can be captured again.
check "its modules go" guest "$name" "rmmod vmitap_example && rmmod vmitap"
rm -f $file
mine=$name
other=$(echo "$GUESTS" | grep -vx "$mine" | head -n 1)
for each in "$mine" "$other"; do
	load "$each" vmitap
	load "$each" vmitap_example timer=1
done
name=$mine # load has one of its own
vmitap capture "xen:$name" "xen:$other" --debug-dir /root/debug --on example_tick --mode live --read example_ticks \
	-o $file >$scratch/both 2>&1 &
both=$!
eventually "records of both come" 30 sh -c "[ \$(stat -c %s $file) -gt 2000 ]"
check "loading anew" guest "$name" "rmmod vmitap_example && rmmod vmitap &&
	insmod /root/modules/vmitap.ko && insmod /root/modules/vmitap_example.ko timer=1"
eventually "another vmitap captures it" 30 timeout 20 vmitap capture "xen:$name" --debug-dir /root/debug --on example_tick \
	--mode live --read example_ticks --count 5 -o /tmp/again.mcap
check "the other's capture goes on" kill -0 $both
kill -INT $both
wait $both || { cat $scratch/both; fail "the capture of both: status $?"; }
grep -q 'took vmitap down' $scratch/both || { cat $scratch/both; fail "nobody says what became of $name"; }
for each in "$name" "$other"; do check "the modules go" guest "$each" 'rmmod vmitap_example && rmmod vmitap'; done

check "50 times" guest "$name" '
	for i in $(seq 50); do insmod /root/modules/vmitap.ko && rmmod vmitap || exit 1; done'
no_complaints "$name"
equal "it is gone from xenstore" "" "$(xenstore-ls "/local/domain/$(domid "$name")/data/vmitap/kernel" 2>/dev/null)"

begin
guest "$name" "(sleep 1; echo c >/proc/sysrq-trigger) >/dev/null 2>&1 &"
ends "crashed" 'crash'
check "xl destroy" xl destroy "$name"
check "xl create" xl create -q "/guests/$name.cfg"
eventually "$name is up" 90 guest "$name" true

# A restored guest of each kind takes another way back: a PV guest's frames have other numbers then.
saved_and_restored() {
	begin
	check "saved" xl save "$name" /tmp/saved
	ends "saved" 'suspended|was destroyed|shut down|saved'
	check "restored" xl restore /tmp/saved
	rm -f /tmp/saved
	eventually "$name is up" 90 guest "$name" true
	eventually "its channel is back" 20 vmitap types "xen:$name" --debug-dir /root/debug
	check "the restored domain is captured" timeout 20 vmitap capture "xen:$name" --debug-dir /root/debug --on example_tick \
		--mode live --read example_ticks --count 5 -o $file
	check "its modules go" guest "$name" "rmmod vmitap_example && rmmod vmitap"
	no_complaints "$name"
}
pv=$name
for each in $pv $(echo "$PVH_GUESTS" | head -n 1); do
	name=$each
	saved_and_restored
done
name=$pv

begin
check "xl reboot" xl reboot "$name"
ends "rebooted" 'was destroyed|shut down|reboot|took vmitap down'
eventually "$name is up" 90 guest "$name" true

begin
check "xl destroy" xl destroy "$name"
ends "destroyed" 'was destroyed'
check "xl create" xl create -q "/guests/$name.cfg"
eventually "$name is up" 90 guest "$name" true
