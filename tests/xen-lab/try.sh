#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: try.sh BUILD: a shell on a Xen host with a PV and a PVH guest, vmitap ready on it (make lab).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "$1")
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab} VMITAP_LAB_VERBOSE=1

echo "A Xen host of your own: hypervisor, dom0 and two guests, under QEMU. Up in half a minute, gone at exit."
echo "(If it hangs: Ctrl-A, then X. What you leave in its /out comes back into ./lab-out.)"
echo "First the guests' kernel modules are built and the images packed, which takes a minute the first time …"
"$here/prepare.sh" "$build"
options=()
for guest in pv:pv:160:2 pvh:pvh:160:1; do
	options+=(--guest "$guest")
	guest=${guest%%:*}
	for module in vmitap vmitap_example netfront_hook; do options+=(--module "$guest:$build/xen/modules/$module.ko"); done
	options+=(--guest-script "$guest:$here/try-guest")
done
for file in "$build"/xen/root/*; do options+=(--dom0-file "$file"); done
exec "$here/lab" shell "${options[@]}" --dom0-file "$here/lab-greeting"
