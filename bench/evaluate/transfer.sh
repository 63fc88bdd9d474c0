# SPDX-License-Identifier: MIT
# Bulk transfers from the guest to dom0, with a capture beside them or without. Sourced in dom0, after lib.sh.
# shellcheck shell=sh disable=SC2034,SC2154 # what is set or used where this is sourced
fields='sk->snd_cwnd,sk->snd_ssthresh,sk->srtt_us,sk->icsk_ca_state,sk->high_seq'

setup_guest() {
	# netem is to lose segments, not what GSO makes of many; and no transfer is to learn from another.
	check "the line" guest "$GUEST" 'modprobe sch_netem; modprobe tcp_diag; /bin/ip link set eth0 gso_max_segs 1
		sysctl -q -w net.ipv4.tcp_no_metrics_save=1 net.ipv4.tcp_slow_start_after_idle=0 net.ipv6.conf.eth0.disable_ipv6=1'
}
load_modules() {
	load "$GUEST" vmitap slots=8192
	load "$GUEST" netfront_hook
}
unload_modules() { check "unloading" guest "$GUEST" 'rmmod netfront_hook && rmmod vmitap'; }

# transfer MEGABYTES NETEM CONGESTION:PORT...: and waits for it; then $scratch/transfer.* are the guest's.
transfer() {
	listeners=
	for each; do
		case $each in *:*) ;; *) continue ;; esac
		nc -l -p "${each#*:}" -e dd bs=64k count=$(($1 * 16)) iflag=fullblock of=/dev/null 2>/dev/null &
		listeners="$listeners $!"
	done
	words=
	for each; do words="$words '$each'"; done
	check "the transfer begins" guest "$GUEST" \
		"sh evaluate/guest-transfer $(address "$GUEST" | sed 's/2$/1/') $words </dev/null >/dev/null 2>&1 &"
	# shellcheck disable=SC2086 # a list of words
	wait $listeners
	eventually "the guest's account of the transfer" 30 guest "$GUEST" 'test -s transfer/after'
	for each in before after seconds; do guest "$GUEST" "cat transfer/$each" >"$scratch/transfer.$each"; done
}

# captured FILE OPTION... : begins a capture; stop_capture ends it and shows what it said.
begin_capture() {
	file=$1
	shift
	vmitap capture "xen:$GUEST" --debug-dir /root/debug --sync-timeout 1s --pause-budget 100% "$@" -o "$file" >$scratch/capture 2>&1 &
	capture=$!
	eventually "a capture of $GUEST" 30 sh -c "vmitap list --json | grep -q '\"capturing\": *true'"
}
stop_capture() {
	kill -INT $capture
	wait $capture || { cat $scratch/capture; fail "capturing $GUEST"; }
	cat $scratch/capture
}
