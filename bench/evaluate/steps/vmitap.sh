# SPDX-License-Identifier: MIT
# vmitap: the modules are built and loaded once; then any member is named by its expression.
# shellcheck shell=sh disable=SC2154 # what steps.sh sets
need dom0 'vmitap'
need guest 'vmitap.ko and netfront_hook.ko, built for its kernel'
once machine 'build the channel for the guest kernel' \
	"make -s -C $TREE/guest-trigger/kernel KDIR=$HEADERS OUT=$KBUILD/kernel"
once machine 'build the hook' \
	"make -s -C $TREE/netfront-hook KDIR=$HEADERS OUT=$KBUILD/netfront-hook VMITAP_SYMVERS=$KBUILD/kernel/Module.symvers"
once guest 'load both' 'insmod modules/vmitap.ko && insmod modules/netfront_hook.ko'
each dom0 'capture the member at the next segments of the connection' \
	"vmitap capture xen:$GUEST --debug-dir debug --on tcp.segment --filter 'tcp src port $PORT' --read 'sk->snd_cwnd' --sync-timeout 1s --count 3 -o -"
if here dom0; then
	tell another 'its name'
	tell when 'of each segment, at that segment'
	tell waits 'the processor that works on the segment, for SAMPLE on the whole'
	tell value "$(sed -n 's/.*"sk->snd_cwnd": *\([0-9]*\).*/\1/p' "$output" | tail -n 1)"
	guest "$GUEST" 'rmmod netfront_hook && rmmod vmitap'
fi
