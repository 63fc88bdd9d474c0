#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: run.sh BUILD [SCENARIO...]: boots one Xen host with four guests and runs the scenarios in its dom0: those whose
# names begin so, or all but those of packets (8), which run-netfront.sh runs. A line for each; fails if any does. README.md
# tells how to write one.
# VMITAP_XEN_RESULTS: where they leave what they keep (BUILD/xen/results). VMITAP_XEN_GUESTS: other guests than the usual ones, as `lab run --guest` takes them. VMITAP_XEN_STEPS: how often each
# vCPU fires in each mode of 20-modes (2500, or 1000 where there is one vCPU); VMITAP_XEN_KILLS: how often the host is killed in 30-kill (100).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../xen-lab
[ $# -ge 1 ] || { sed -n '3,6s/^# //p' "$0" >&2; exit 2; }
build=$(realpath "$1")
shift
[ $# -gt 0 ] || set -- 1 2 3 4 5 6 7 9
out=${VMITAP_XEN_RESULTS:-$build/xen/results}
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab}

for wanted; do
	compgen -G "$here/scenarios/$wanted*.sh" >/dev/null || { echo "run.sh: no scenario's name begins with '$wanted'" >&2; exit 2; }
done
"$lab/prepare.sh" "$build" "$here"/modules/*/

options=(--timeout "${VMITAP_XEN_TIMEOUT:-1800}" --out "$out" --dom0-file "$here/scenarios" --dom0-file "$here/lib.sh")
for guest in ${VMITAP_XEN_GUESTS:-pv1:pv:128:2 pv2:pv:128:2 pvh1:pvh:128:1 pvh2:pvh:128:1}; do
	options+=(--guest "$guest" --guest-file "${guest%%:*}:$build/xen/modules")
	for file in "$build"/xen/guest-programs/*; do
		[ ! -f "$file" ] || options+=(--guest-file "${guest%%:*}:$file")
	done
done
for file in "$build"/xen/root/* "$build"/xen/tools/*; do options+=(--dom0-file "$file"); done
variables=() failed=()
for name in STEPS KILLS; do
	name=VMITAP_XEN_$name
	[ -z "${!name:-}" ] || variables+=("$name=${!name}")
done
# The emulator loses a guest or hangs now and then: what failed is tried once more on a host booted anew, all of it if there was no
# host; one that does not come up, twice.
# What the others left the first time stays: tests look at it afterwards.
rm -rf "$out"
for try in 1 2 3; do
	rm -f "$out/failed"
	status=0
	"$lab/lab" run "${options[@]}" -- "$here/dom0-runner" "${variables[@]}" "$@" || status=$?
	[ "$status" = 0 ] || [ $try = 3 ] && break
	[ $try = 1 ] || [ "$status" = 125 ] || break
	[ ! -s "$out/failed" ] || mapfile -t failed <"$out/failed"
	echo "On a new host, once more: ${failed[*]:-all of it}"
	[ ${#failed[@]} -eq 0 ] || set -- "${failed[@]}"
done
case $status in
0 | 1) ;;
124) echo "FAIL: the scenarios took too long, or the host hung" ;;
*) echo "FAIL: the host did not come up (status $status)" ;;
esac
exit "$status"
