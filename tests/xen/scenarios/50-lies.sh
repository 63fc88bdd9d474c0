# SPDX-License-Identifier: MIT
# A guest that lies about its channel: each lie gets an error that says what, of whom, and what to do, in bounded
# time; a lie about one mark costs that value alone.
# timeout: 300
name=$(echo "$PV_GUESTS" | head -n 1)
capture() { # EXPRESSION: at most 2 records
	rm -f $scratch/lie.jsonl
	timeout 15 vmitap capture "xen:$name" --debug-dir /root/debug --every 50ms --mode live --read "$1" \
		--count 2 -o $scratch/lie.jsonl
}
lie() { guest "$name" "echo $1 >/sys/module/vmitap_hostile/parameters/lie" || fail "the guest cannot tell the lie $1"; }
caught() { # LIE PATTERN [EXPRESSION]: refused, of this guest, with a remedy; no file
	lie "$1"
	refuse "$1" 1 "$name: .*$2" capture "${3:-stations[0].number}"
	grep -qE '^  [a-z]' $scratch/output || fail "$1: nothing says what to do"
	[ ! -e $scratch/lie.jsonl ] || fail "$1: a file was made"
}
unreadable() { # LIE: captured; the value says why it is not there
	lie "$1"
	check "$1" capture 'stations[0].number'
	equal "$1: values that say why they are not there" 2 \
		"$(grep -c '"reason":"UNREADABLE","address":"0x' $scratch/lie.jsonl)"
}
memory_lies() {
	for each in mark-not-canonical mark-outside mark-mmio mark-ballooned no-page-table; do unreadable $each; done
}

# Of two guests the liar is left out; the other one loses nothing, and the liar's triggers are off.
left_out() { # LIE PATTERN
	lie "$1"
	rm -f $scratch/both.mcap
	vmitap capture "xen:$name" "xen:$other" --debug-dir /root/debug --on station_step --mode sync --sync-timeout 20s \
		--count 200 -o $scratch/both.mcap >$scratch/both 2>&1 &
	both=$!
	eventually "$other is captured beside $1" 30 test -s $scratch/both.mcap
	check "steps in $other" guest "$other" 'echo 200 >/dev/vmitap_example'
	status=0
	wait $both || status=$?
	cat $scratch/both
	equal "$1: the status of a capture that left one out" 3 $status
	grep -qE "$name: .*$2" $scratch/both || fail "$1: nothing says why it was left out"
	grep -q 'begins with 1 of 2 guests' $scratch/both || fail "$1: nothing says that it was left out"
	equal "$1: records of $other" 200 "$(vmitap decode $scratch/both.mcap | grep -c "\"guest\":\"xen:$other\"")"
	vmitap info --json $scratch/both.mcap | tr -d ' \n' | grep -q '"left_out":true' || fail "$1: the file does not say it"
}
other=$(echo "$PVH_GUESTS" | head -n 1)

load "$name" vmitap_hostile
load "$name" vmitap_example
check "the truth can be told" capture 'stations[0].number'

caught no-magic 'begins with no directory'
caught abi-in-directory 'another version.*77'
caught abi-in-store 'another version.*77'
caught giant-counts 'counts no pages, or more'
caught no-counts 'counts no pages, or more'
caught grefs-wrong 'cannot be mapped'
caught grefs-revoked 'cannot be mapped'
caught gref-in-store 'cannot be mapped'
caught directory-loop 'cannot be mapped'
caught directory-short 'ends before'
caught rings-giant 'no rings can have'
caught rings-abi 'rings are of another version'
caught no-clock 'tell its clock'
caught mark-wraps 'wraps around'
caught message-giant 'longer than the catalog'
caught message-small 'longer than the catalog'
caught catalog-giant 'larger than its pages'
caught catalog-odd 'finish writing its catalog'
caught catalog-nonsense 'longer than the catalog|unknown type|size'
caught store-garbage 'xenstore .data/vmitap/kernel'
caught store-absent 'xenstore .data/vmitap/kernel'
caught port-closed 'port [0-9]+ of domain'
caught port-giant 'port [0-9]+ of domain'
caught mailbox-silent 'module to answer'
caught mailbox-nonsense 'broke the contract'
caught kernel-wild 'BTF' 'kernel:jiffies:unsigned long'
caught kernel-nowhere 'vmcoreinfo' 'kernel:jiffies:unsigned long'
memory_lies

lie mark-giant
check "a giant mark costs nothing" capture 'stations[0].number'

# Right at one moment, wrong at the next: captured or refused, and in time.
lie directory-shifts
for round in 1 2 3 4 5; do
	run capture 'stations[0].number'
	[ $status -le 1 ] || fail "a directory that changes: status $status"
done

# Many channels of one directory, and each would keep us waiting.
lie catalog-odd
home=/local/domain/$(domid "$name")/data/vmitap
for channel in $(seq 200000 200059); do
	xenstore-write $home/$channel/abi 1 $home/$channel/port 1 $home/$channel/directory "$(xenstore-read $home/kernel/directory)"
done
check "a list of channels that never end" timeout 20 vmitap list
[ "$(grep -c "directory is another channel's" $scratch/output)" -gt 50 ] || fail "they were read each"
for channel in $(seq 200000 200059); do xenstore-rm $home/$channel; done

lie store-huge
check "a full xenstore" timeout 30 vmitap list
check "and its domain" capture 'stations[0].number'
lie none
check "the truth again" capture 'stations[0].number'
no_complaints "$name"

for each in vmitap vmitap_example; do check "$each" guest "$other" "insmod /root/modules/$each.ko"; done
left_out no-magic 'begins with no directory'
left_out store-garbage 'xenstore .data/vmitap/kernel'
left_out mailbox-silent 'module to answer'
check "the modules go" guest "$other" 'rmmod vmitap_example && rmmod vmitap'

for name in $(echo "$PVH_GUESTS" | head -n 1); do
	load "$name" vmitap_hostile
	load "$name" vmitap_example
	memory_lies
done
