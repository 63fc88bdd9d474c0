# SPDX-License-Identifier: MIT
# A user of the guest who opens /dev/vmitap as often as he can, and hides that, has a part of the channels, of the memory and of
# xenstore's keys; others go on.
# timeout: 120
name=$(echo "$GUESTS" | head -n 1)
load "$name" vmitap
guest "$name" 'chmod 666 /dev/vmitap'
nobody=65534
free() { guest "$name" "sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo"; }
interrupts() { guest "$name" 'grep -c " vmitap$" /proc/interrupts'; }
are() { [ "$(interrupts)" -eq $((alone + $1)) ]; } # so many channels, since each has an interrupt
many() { # USER COUNT SECONDS: in the background; what it says
	guest "$name" "rm -f /root/many.$1; /root/open_often $1 $2 $3 >/root/many.$1 2>&1 & while [ ! -s /root/many.$1 ]; do usleep 50000; done; cat /root/many.$1"
}

before=$(free) alone=$(interrupts)
equal "channels of a user" "32, then No space left on device" "$(many $nobody 1000 25)"
used=$((before - $(free)))
[ $used -lt 8192 ] || fail "they take $used kB"
check "each has an interrupt" are 32
equal "of those that are gone xenstore has" "0" "$(xenstore-ls "/local/domain/$(domid "$name")/data/vmitap" | grep -c open_often)"
equal "channels of root beside them" "31, then No space left on device" "$(many 0 1000 1)"
eventually "root's are gone" 20 are 32

guest "$name" 'rm -f /tmp/many*; mkfifo -m 666 /tmp/many /tmp/many.done; /root/marked /tmp/many /tmp/many.done /tmp/many.log >/tmp/many.out 2>&1 &'
eventually "another program is listed" 20 sh -c "vmitap list | grep -q 'xen:$name/[0-9]'"
eventually "theirs are gone" 60 are 1
equal "channels of a user, again" "5, then enough" "$(many $nobody 5 1)"
