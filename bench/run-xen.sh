#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: run-xen.sh BUILD: what a pause costs a Xen guest, PV and PVH in one boot of the lab. The figures come into
# BUILD/bench/xen-GUEST.json; fails if a floor is missed. VMITAP_XEN_GUESTS: other guests, as for tests/xen/run.sh.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$here/../tests/xen-lab
build=$(realpath "$1")
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab}

"$lab/prepare.sh" "$build"
options=(--timeout "${VMITAP_XEN_TIMEOUT:-400}" --out "$build/bench/xen")
for guest in ${VMITAP_XEN_GUESTS:-pv:pv:128:1 pvh:pvh:128:1}; do
	options+=(--guest "$guest" --module "${guest%%:*}:$build/xen/modules/vmitap.ko")
done
mkdir -p "$build/bench"
strip -g -o "$build/xen/bench/xen_pause_cost.stripped" "$build/xen/bench/xen_pause_cost"
exec "$lab/lab" run "${options[@]}" --dom0-file "$build/xen/bench/xen_pause_cost.stripped" -- "$here/xen/dom0-runner"
