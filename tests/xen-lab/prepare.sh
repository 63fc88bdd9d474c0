#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: prepare.sh BUILD [MODULE-SOURCE...]: lays ready what a lab needs of vmitap, from a finished build, in BUILD/xen:
#   root/     for dom0's /root: the command, its Xen backend, debug/ with the debug information of modules and programs
#   modules/  the kernel modules, built for the lab's kernel
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
build=$(realpath "$1")
shift
out=$build/xen
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab}

module() { # SOURCE-DIRECTORY [make's arguments]
	local source=$1 name
	name=$(basename "$source")
	shift
	make -s -C "$source" KDIR="$headers" OUT="$out/kbuild/$name" "$@" >"$out/kbuild-$name.log" 2>&1 || {
		cat "$out/kbuild-$name.log" >&2
		echo "prepare: the module in $source was not built" >&2
		exit 1
	}
	cp -u "$out/kbuild/$name"/*.ko "$out/modules/"
}

mkdir -p "$out/root/debug" "$out/modules"
# Two labs may begin at the same moment; what is up to date is left alone.
exec 9>"$out/prepare.lock"
flock 9
headers=$("$here/lab" headers)
module "$tree/guest-trigger/kernel"
module "$tree/netfront-hook" VMITAP_SYMVERS="$out/kbuild/kernel/Module.symvers"
module "$tree/examples/kernel-module" VMITAP_SYMVERS="$out/kbuild/kernel/Module.symvers"
for source; do
	[ ! -d "$source" ] || module "${source%/}" VMITAP_SYMVERS="$out/kbuild/kernel/Module.symvers"
done
cp -u "$out"/modules/*.ko "$out/root/debug/"
for program in "$out"/guest-programs/*; do
	[ ! -f "$program" ] || cp -u "$program" "$out/root/debug/"
done
# Most of a build's 80 MB is debug information of vmitap itself.
for file in vmitap libvmitap_xen.so; do
	[ "$out/root/$file" -nt "$build/$file" ] || strip -g -o "$out/root/$file" "$build/$file"
done
