# SPDX-License-Identifier: MIT
# One run of a lab host: its files, QEMU, what comes back. Sourced by `lab`.
# shellcheck shell=bash

guest_config() { # NAME NUMBER
	cat <<-END
	name = "$1"
	type = "${guest_kind[$1]}"
	kernel = "/guests/vmlinux"
	ramdisk = "/guests/$1.cpio"
	memory = ${guest_memory[$1]}
	vcpus = ${guest_vcpus[$1]}
	$([ "${guest_kind[$1]}" != pvh ] || echo 'cpus = "1"')
	extra = "console=hvc0 quiet mitigations=off norandmaps iommu=off lab.name=$1 lab.number=$2"
	tsc_mode = "native"
	vif = [ "script=/bin/lab-vif" ]
	on_crash = "preserve"
	END
}

copy_to_root() { # ROOT FILE
	local file
	if [ -d "$2" ]; then
		mkdir -p "$1/root"
		cp -RL "$2" "$1/root/"
		find "$(realpath "$2")" -type f -perm -u+x | while read -r file; do copy_libraries "$1" "$file"; done
	else
		copy_with_libraries "$1" "$2" /root
	fi
}

quoted() { # WORD...: for a shell
	local word
	for word; do printf " '%s'" "${word//\'/\'\\\'\'}"; done
}

# The files of this run, on top of the images that are the same in each.
assemble() {
	local number=1 name file dom0=$work/dom0
	mkdir -p "$dom0/guests" "$dom0/root"
	: >"$dom0/guests/list"
	for file in "${dom0_files[@]}"; do copy_to_root "$dom0" "$file"; done
	for name in "${guests[@]}"; do
		guest_config "$name" "$number" >"$dom0/guests/$name.cfg"
		echo "$name 10.77.$number" >>"$dom0/guests/list"
		pack "$work/guest-$name" "$work/guest.cpio"
		cat "$base/domu.cpio" "$work/guest.cpio" >"$dom0/guests/$name.cpio"
		number=$((number + 1))
	done
	# PVH guests take longest, so they are started first.
	for name in "${guests[@]}"; do echo "${guest_kind[$name]} $(grep "^$name " "$dom0/guests/list")"; done |
		sort -s -r -k 1,1 | cut -d ' ' -f 2- >"$dom0/guests/order"
	if [ ${#script[@]} -gt 0 ]; then
		copy_with_libraries "$dom0" "${script[0]}" /root
		printf '#!/bin/sh\nexec%s\n' "$(quoted "/root/$(basename "${script[0]}")" "${script[@]:1}")" >"$dom0/lab-script"
		chmod +x "$dom0/lab-script"
	fi
	pack "$dom0" "$work/overlay.cpio"
	cat "$base/dom0.cpio" "$work/overlay.cpio" >"$work/initrd"
	rm "$work"/*.cpio
	truncate -s 256M "$work/out.img"
}

memory_mb() {
	local name total=$((dom0_mb + 320))
	for name in "${guests[@]}"; do total=$((total + guest_memory[$name] + 48)); done
	echo "${VMITAP_LAB_MEMORY:-$total}"
}

qemu() { # DOM0-ARGUMENTS SERIAL...: the machine; README.md has the reasons
	local dom0_mb=${VMITAP_LAB_DOM0_MB:-1024} kernel=$1 serials=() one processors='-smp 2'
	shift
	[ -z "$counted" ] || processors='-smp 1 -icount shift=0,sleep=off'
	for one; do serials+=(-serial "$one"); done
	# shellcheck disable=SC2086 # words
	exec ${timeout:+timeout --foreground -k 5 "$timeout"} \
		qemu-system-x86_64 -machine q35,accel=tcg -cpu max,-smap,-rdtscp,-xsave $processors -m "$(memory_mb)" \
		-display none -monitor none -nodefaults -no-reboot "${serials[@]}" \
		-drive "file=$work/out.img,format=raw,if=none,id=out,cache=unsafe" \
		-device virtio-blk-pci,drive=out,disable-legacy=on,iommu_platform=on \
		-kernel "$cache/xen" -initrd "$cache/vmlinux console=hvc0 quiet mitigations=off norandmaps $kernel,$work/initrd" \
		-append "console=com1 com1=115200,8n1 dom0_mem=${dom0_mb}M,max:${dom0_mb}M gnttab_max_maptrack_frames=16 loglvl=warning guest_loglvl=warning bootscrub=0 spec-ctrl=no xpti=no pv-l1tf=no"
}

# ttyS1 of dom0: `lab: …` lines of progress and complaints, then, after `lab: go`, the script's output.
relay() {
	local line
	while IFS= read -r line; do
		case $line in
		'lab: go') : >"$work/up" && exec cat ;;
		'lab: '*)
			echo "${line#lab: }" >"$work/stage"
			[ -z "$verbose" ] || echo "$line" >&2
			;;
		*) echo "$line" >&2 ;;
		esac
	done
}

# Emulated machines hang at times, most while guests boot.
boot_limit() { # SECONDS
	sleep "$1" &
	trap 'kill $!' TERM
	wait $! || return 0
	[ -e "$work/up" ] || { echo "lab: not up after $1 s" >"$work/late" && kill "$emulator"; }
}

run_script() {
	local status=0 reader watcher
	timeout=${timeout:-300}
	say "booting Xen"
	mkfifo "$work/ttyS1"
	relay <"$work/ttyS1" &
	reader=$!
	qemu lab=run "file:$work/console" "file:$work/ttyS1" &
	emulator=$!
	boot_limit $((counted ? 1200 : 300)) >/dev/null 2>&1 &
	watcher=$!
	wait "$emulator" || status=$?
	emulator=''
	kill "$watcher" 2>/dev/null || :
	wait "$reader" "$watcher" || :
	bring_back || {
		tail -n 40 "$work/console" >&2
		[ -z "$out" ] || { mkdir -p "$out/.lab" && cp "$work/console" "$out/.lab/"; }
		[ ! -s "$work/stage" ] || echo "lab: the last that dom0 told: $(cat "$work/stage")" >&2
		[ ! -s "$work/late" ] || cat "$work/late" >&2
		[ "$status" != 124 ] || { echo "lab: gave up after $timeout s" >&2; exit 124; }
		die "the host did not come up, or died; its console's end stands above"
	}
	return "$(cat "$work/result/.lab/status")"
}

run_shell() {
	local size
	size=$(stty size 2>/dev/null) || size='24 80'
	(qemu "lab=shell lab.tty=${size/ /x}" "file:$work/console" mon:stdio)
	bring_back || die "the host did not end by itself"
	return "$(cat "$work/result/.lab/status")"
}

bring_back() {
	local results=$work/result
	mkdir -p "$results"
	tar -xf "$work/out.img" -C "$results" 2>/dev/null || return 1
	[ -f "$results/.lab/status" ] || return 1
	cp "$work/console" "$results/.lab/console"
	[ -n "$out" ] || [ "$(cd "$results" && find . -mindepth 1 -maxdepth 1 | wc -l)" -gt 1 ] || return 0
	out=${out:-lab-out}
	mkdir -p "$out"
	rm -rf "$out/.lab"
	cp -r "$results/." "$out/"
}

cleanup() {
	[ -z "$emulator" ] || { kill "$emulator" 2>/dev/null && wait "$emulator" || :; }
	[ -z "$work" ] || rm -rf "$work"
}
