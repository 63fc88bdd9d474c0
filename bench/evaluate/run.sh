#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Usage: run.sh BUILD: the evaluation, on one guest in one boot of the lab: the picture of a lossy transfer, what the capture cost it, and
# the ways to one struct member. Writes docs/evaluation.md and its picture; what they are made of stays in BUILD/evaluate.
# VMITAP_EVALUATE: some of the parts picture, walk and cost; the page is made once there is a run of each.
# VMITAP_LIBVMI=PREFIX: where LibVMI is installed, to walk its way, too: Debian 12 has no package of it. Without, what is recorded of
# it in recorded/ is shown.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tree=$(cd "$here/../.." && pwd)
lab=$tree/tests/xen-lab
build=$(realpath "$1")
out=$build/evaluate
parts=${VMITAP_EVALUATE:-picture walk cost}
export VMITAP_LAB_CACHE=${VMITAP_LAB_CACHE:-$build/xen-lab}
# dom0 has to hold the image of a guest with bpftrace, which brings LLVM.
export VMITAP_LAB_DOM0_MB=${VMITAP_LAB_DOM0_MB:-1792}

"$lab/prepare.sh" "$build"
mkdir -p "$out"
for part in $parts; do
	case $part in
	picture) rm -rf "$out"/{picture,teeth}* ;;
	walk) rm -rf "$out/steps" ;;
	cost) rm -f "$out/cost.tsv" ;;
	esac
	rm -f "$out/about.$part.json"
done

# What of each way is done where kernels and programs are built.
ways=(vmitap xenctx bpftrace)
[ -z "${VMITAP_LIBVMI:-}" ] || ways+=(libvmi)
export STEPS=$out/steps TREE=$tree KBUILD=$build/xen/kbuild GUEST=web PORT=5003
HEADERS=$("$lab/lab" headers)
export HEADERS VMLINUX=$VMITAP_LAB_CACHE/vmlinux VMITAP_LIBVMI=${VMITAP_LIBVMI:-/none}
for way in "${ways[@]}"; do "$here/steps.sh" machine "$way"; done

bpftrace=$("$lab/lab" bpftrace)
options=(--timeout "${VMITAP_XEN_TIMEOUT:-2400}" --out "$out" --guest web:pv:900:1)
for file in "$build/xen/modules" "$bpftrace" "$here"; do options+=(--guest-file "web:$file"); done
for file in "$build"/xen/root/* "$tree/tests/xen/lib.sh" "$here" "$STEPS"; do options+=(--dom0-file "$file"); done
[ ! -x "$STEPS/libvmi" ] || options+=(--dom0-file "$STEPS/libvmi")
netem=${VMITAP_EVALUATE_NETEM:-loss 1% delay 60ms}
megabytes=${VMITAP_EVALUATE_MEGABYTES:-2} fast_megabytes=${VMITAP_EVALUATE_FAST_MEGABYTES:-12} lossy_megabytes=2
rounds=${VMITAP_EVALUATE_ROUNDS:-3} lossy_rounds=${VMITAP_EVALUATE_LOSSY_ROUNDS:-5}
about() {
	cat <<END
{"date": "$(date -u +%F)", "kernel": "$(basename "$VMITAP_LAB_CACHE"/root/lib/modules/*)",
 "qemu": "$(qemu-system-x86_64 --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')",
 "processor": "$(sed -n '/^model name/{s/.*: //p;q}' /proc/cpuinfo)", "cores": "$(nproc)",
 "netem": "$netem", "megabytes": "$megabytes", "fast_megabytes": "$fast_megabytes", "lossy_megabytes": "$lossy_megabytes",
 "rounds": "$rounds", "lossy_rounds": "$lossy_rounds", "began": "$(date -u +%R)", "load": "$(cut -d ' ' -f 1 /proc/loadavg)"}
END
}
about=$(about)
# shellcheck disable=SC2086 # a list of words
"$lab/lab" run "${options[@]}" -- "$here/dom0-runner" "WAYS=${ways[*]}" \
	"NETEM=$netem" "MEGABYTES=$megabytes" "FAST_MEGABYTES=$fast_megabytes" "LOSSY_MEGABYTES=$lossy_megabytes" \
	"ROUNDS=$rounds" "LOSSY_ROUNDS=$lossy_rounds" $parts

case " $parts " in *' picture '*)
	"$here/teeth.py" "$build/vmitap" "$out"
	picture=(export "$out/picture.mcap" --rule tcp.segment)
	"$build/vmitap" "${picture[@]}" --to html -o "$out/picture.html"
	"$build/vmitap" export "$out/picture.mcap" --rule packet.tx --to pcapng -o "$out/picture.pcapng"
	seconds() { sed -n "s/.*\"shown_$1\": \([0-9.]*\).*/\1s/p" "$out/teeth.json"; }
	"$build/vmitap" "${picture[@]}" --to svg --together --from "$(seconds from)" --span "$(seconds seconds)" --fields 'sk->snd_cwnd,sk->snd_ssthresh' \
		--title "$megabytes MB each, netem $netem: cubic to port 5001, Reno to port 5002" -o "$out/evaluation-cwnd.svg"
	;;
esac
for part in $parts; do echo "$about" >"$out/about.$part.json"; done
for part in picture walk cost; do
	[ -f "$out/about.$part.json" ] || { echo "evaluate: the page waits for a run of VMITAP_EVALUATE=$part"; exit 0; }
done
cp "$out/evaluation-cwnd.svg" "$tree/docs/"
if [ -f "$out/steps/libvmi.dom0.tsv" ]; then
	mkdir -p "$here/recorded"
	{
		cat "$out"/steps/libvmi.{machine,dom0}.tsv
		printf 'dom0\ttell\t1\tdate\t%s\n' "$(date -u +%F)"
	} >"$here/recorded/libvmi.tsv"
fi
"$here/page.py" "$out" "$tree/docs"
