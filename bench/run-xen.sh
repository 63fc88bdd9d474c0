#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: run-xen.sh BUILD [BENCH...]: in one boot of the lab, pause: what a pause costs a guest, PV and PVH; in one more, which
# counts instructions, attach: what the ways of attaching a probe cost a call, and packet: what a trigger at each packet costs,
# beside bpftrace. The figures come into BUILD/bench/xen; fails if a floor is missed.
# VMITAP_XEN_GUESTS: other guests for pause, as for tests/xen/run.sh. VMITAP_BENCH_ROUNDS: of packet (2).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../tests/xen-lab
build=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- pause attach packet
out=$build/bench/xen
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab}

"$lab/prepare.sh" "$build" "$here"/xen/modules/*/
mkdir -p "$out"
common=(--timeout "${VMITAP_XEN_TIMEOUT:-2400}" --out "$out" --dom0-file "$here/xen/benches" --dom0-file "$here/../tests/xen/lib.sh")
for program in xen_pause_cost xen_transfer; do
	strip -g -o "$build/xen/bench/$program.stripped" "$build/xen/bench/$program"
	common+=(--dom0-file "$build/xen/bench/$program.stripped")
done
for file in "$build"/xen/root/*; do common+=(--dom0-file "$file"); done

pause() {
	local guest options=()
	for guest in ${VMITAP_XEN_GUESTS:-pv:pv:128:1 pvh:pvh:128:1}; do
		options+=(--guest "$guest" --module "${guest%%:*}:$build/xen/modules/vmitap.ko")
	done
	"$lab/lab" run "${common[@]}" "${options[@]}" -- "$here/xen/dom0-runner" pause
}

counted() { # BENCH...
	local file options=(--counted --guest packets:pv:900:1)
	for file in "$build"/xen/modules/{vmitap,netfront_hook,attach_cost}.ko "$build/xen/bench-guest/sink" "$here/xen/taps" "$("$lab/lab" bpftrace)"; do
		options+=(--guest-file "packets:$file")
	done
	rm -f "$out"/{attach,packet,seen}.txt "$out"/info-*.json
	# dom0 has to hold the guest's image, with LLVM in it.
	VMITAP_LAB_DOM0_MB=${VMITAP_LAB_DOM0_MB:-1792} "$lab/lab" run "${common[@]}" "${options[@]}" -- \
		"$here/xen/dom0-runner" "VMITAP_BENCH_ROUNDS=${VMITAP_BENCH_ROUNDS:-2}" "$@" && "$here/xen/judge.py" "$out" "$@"
}

status=0
case " $* " in *' pause '*) pause || status=1 ;; esac
boot=()
for bench; do [ "$bench" = pause ] || boot+=("$bench"); done
[ ${#boot[@]} -eq 0 ] || counted "${boot[@]}" || status=1
exit $status
