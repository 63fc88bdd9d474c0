# SPDX-License-Identifier: MIT
# bpftrace in the guest: it reads the kernel's types from its BTF, so a member is named as with vmitap.
# shellcheck shell=sh disable=SC2154 # what steps.sh sets
need guest 'bpftrace with LLVM, root, a kernel with BTF'
each guest 'print the member at the next segment of the connection' \
	"bpftrace/bpftrace -e 'kprobe:tcp_rcv_established { \$sk = (struct tcp_sock *)arg0;
if (\$sk->inet_conn.icsk_inet.sk.__sk_common.skc_dport == $(( (PORT & 255) << 8 | PORT >> 8 ))) { printf(\"%u\\n\", \$sk->snd_cwnd); exit(); } }'"
if here dom0; then
	tell another 'its name'
	tell when 'of each segment, at that segment'
	tell waits 'the processor that works on the segment, for the probe'
	tell value "$(grep -E '^[0-9]+$' "$output" | tail -n 1)"
fi
