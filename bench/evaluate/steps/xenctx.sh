# SPDX-License-Identifier: MIT
# xenctx and gdb by hand. Debian's xen-utils have no gdbsx, so gdb cannot attach to a domain: it tells the offset, xenctx reads memory.
# The shortest way to the socket is to have the guest tell its address; from outside alone it is libvmi.c's walk, by hand.
# shellcheck shell=sh disable=SC2154 # what steps.sh sets
need machine 'gdb, and debug information of the guest kernel'
need dom0 'xenctx, of xen-utils'
# Any module with debug information has the types it was built with; linux-image-…-dbg has them all, in 858 MB.
once machine 'where the member stands in its struct' \
	"gdb -batch -ex 'print (int)&((struct tcp_sock *)0)->snd_cwnd' $KBUILD/netfront-hook/netfront_hook.ko"
! here machine || carry offset "$(sed -n 's/^\$1 = //p' "$output")"
once guest 'have addresses shown to root' 'sysctl -w kernel.kptr_restrict=1'
each guest 'where the socket stands' "grep -i ':$(printf %04X "$PORT") 01 ' /proc/net/tcp"
! here dom0 || carry socket "$(awk '{ print "0x" $12 }' "$output")"
each dom0 'the number of the domain' "xl domid $GUEST"
! here dom0 || carry domain "$(cat "$output")"
if here dom0; then
	each dom0 'add the offset' "printf '%x\n' \$(($socket + $offset))"
	carry address "$(cat "$output")"
	begin=$(cut -d ' ' -f 1 /proc/uptime)
	each dom0 'read what stands there' "xenctx -l 1 -b 8 -m 0x$address $domain 0"
	tell sample_us "$(echo "$(cut -d ' ' -f 1 /proc/uptime) $begin" | awk '{ printf "%.0f", ($1 - $2) * 1e6 }')"
	carry word "$(grep -oE '^ *[0-9a-f]{16}' "$output" | tr -d ' ' | head -n 1)"
	each dom0 'its lower half as a number' "printf '%d\n' 0x${word#????????}"
	tell another '1 command in dom0 after 1 where things are built, 1 number'
	tell when 'of whenever the command runs'
	tell waits 'the whole guest, for as long as xenctx runs: up to SAMPLE'
	tell value "$(cat "$output")"
fi
