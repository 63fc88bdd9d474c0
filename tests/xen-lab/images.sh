# SPDX-License-Identifier: MIT
# What a lab host is made of: Debian packages, unpacked, and the images of dom0 and domU that are the same in every run.
# Sourced by `lab`; $here is this directory, $cache where all of it is kept.
# shellcheck shell=bash

packages() {
	local kernel
	kernel=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/ { print $2 }')
	echo xen-hypervisor-4.17-amd64 xen-utils-4.17 xenstore-utils libxenmisc4.17 busybox-static iproute2 kmod "$kernel"
}

# The libraries of the tools come from the machine, so that ldd can tell them.
need_on_machine="qemu-system-x86 cpio xz-utils busybox-static libxenmisc4.17 libxenstore4 libxenevtchn1 libxengnttab1 \
libxenforeignmemory1 libxencall1 libxentoollog1 libxentoolcore1 libxendevicemodel1 libxenhypfs1 libyajl2 libnl-route-3-200 kmod iproute2"

install_on_machine() {
	local package
	for package in $need_on_machine; do
		case $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null || :) in ii*) continue ;; esac
		[ "$(id -u)" = 0 ] || die "packages are missing; install them, then try again:
  sudo apt-get install --no-install-recommends $need_on_machine"
		say "installing $need_on_machine"
		# shellcheck disable=SC2086 # a list of words
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need_on_machine \
			>"$cache/install.log" 2>&1 || { tail "$cache/install.log" >&2; die "apt-get install failed; try apt-get update"; }
		break
	done
}

download() { # DIRECTORY PACKAGE...
	local directory=$cache/$1
	shift
	mkdir -p "$directory" "$cache/root"
	(cd "$directory" && apt-get download -qq "$@" 2>"$cache/download.log") || {
		cat "$cache/download.log" >&2
		die "apt-get download failed; try apt-get update, and if the kernel has been superseded since, remove $cache"
	}
	for package in "$directory"/*.deb; do dpkg -x "$package" "$cache/root"; done
}

# The ELF file in a bzImage (Documentation/x86/boot.rst: setup_sects, payload_offset, payload_length). Xen and xl
# take bzImages too, but unpack their xz themselves: emulated, that is 10 s a domain.
extract_vmlinux() { # BZIMAGE
	local sectors offset length
	sectors=$(od -An -tu1 -j $((0x1f1)) -N1 "$1")
	offset=$(od -An -tu4 -j $((0x248)) -N4 "$1")
	length=$(od -An -tu4 -j $((0x24c)) -N4 "$1")
	# What follows the stream is the length of what is in it.
	dd if="$1" bs=64K iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length)) status=none | xz -dc --single-stream
}

kernel_version() { basename "$cache"/root/lib/modules/*; }

fetch() {
	local stamp=$cache/fetched
	install_on_machine
	if [ ! -e "$stamp" ]; then
		say "fetching Xen and a kernel"
		# shellcheck disable=SC2046 # a list of words
		download deb $(packages)
		gunzip -c "$cache"/root/boot/xen-4.17-amd64.gz >"$cache/xen"
		depmod -b "$cache/root" "$(kernel_version)"
		: >"$stamp"
	fi
	[ -s "$cache/vmlinux" ] || {
		extract_vmlinux "$cache/root/boot/vmlinuz-$(kernel_version)" >"$cache/vmlinux.new"
		mv "$cache/vmlinux.new" "$cache/vmlinux"
	}
}

# The kernel's headers, unpacked beside it: the one absolute path in them becomes ours.
headers() {
	local version tree include
	version=$(kernel_version)
	tree=$(realpath "$cache/root")/usr/src/linux-headers-$version
	include="include ${tree%-amd64}-common/Makefile"
	if [ ! -e "$tree/unpacked" ]; then
		say "fetching the kernel's headers"
		download deb-headers "linux-headers-$version" "linux-headers-${version%-amd64}-common" linux-kbuild-6.1
		: >"$tree/unpacked"
	fi
	[ "$(cat "$tree/Makefile")" = "$include" ] || echo "$include" >"$tree/Makefile"
	echo "$tree"
}

copy_libraries() { # ROOT FILE: all that ldd names
	local library
	# A script, or a static program, has none.
	{ ldd "$2" 2>/dev/null || :; } | { grep -oE '/[^ ]+' || :; } | while read -r library; do
		[ -e "$1$library" ] || install -D "$library" "$1$library"
	done
}

# Copies a program or library to ROOT with all that it needs, to the same places or to DIR.
copy_with_libraries() { # ROOT FILE [DIR]
	install -D "$2" "$1${3:-$(dirname "$2")}/$(basename "$2")"
	copy_libraries "$1" "$2"
}

copy_modules() { # ROOT MODULE...
	local root=$1 version
	shift
	version=$(kernel_version)
	modprobe -d "$cache/root" -S "$version" -a --show-depends "$@" | awk '$1 == "insmod" { print $2 }' | sort -u |
		while read -r file; do install -D -m 644 "$file" "$root/lib/modules/$version/${file#*/lib/modules/"$version"/}"; done
	install -m 644 "$cache"/root/lib/modules/"$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
	depmod -b "$root" "$version"
}

skeleton() { # ROOT
	local applet
	mkdir -p "$1"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,run,tmp,root,etc,lib64,out,var/log/xen/console,var/lib/xen}
	install -m 755 /bin/busybox "$1/bin/busybox"
	for applet in $(/bin/busybox --list); do
		[ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
	done
	echo root:x:0:0:root:/root:/bin/sh >"$1/etc/passwd"
}

pack() { # ROOT FILE
	(cd "$1" && find . -print0 | cpio --null -o -H newc -R 0:0 --quiet) >"$2"
}

# busybox's know neither netem nor gso_max_segs, and it has no ss.
network_tools() { # ROOT
	rm "$1"/bin/{ip,tc}
	copy_with_libraries "$1" "$cache/root/bin/ip" /bin
	copy_with_libraries "$1" "$cache/root/sbin/tc" /bin
	copy_with_libraries "$1" "$cache/root/bin/ss" /bin
}

dom0_image() { # ROOT
	local file library
	skeleton "$1"
	for file in xl xenstored xenconsoled xen-init-dom0 xenctx lsevtchn xentrace xenconsole libxl-save-helper; do
		copy_with_libraries "$1" "$cache/root/usr/lib/xen-4.17/bin/$file" /usr/lib/xen-4.17/bin
	done
	for file in "$cache"/root/usr/bin/xenstore{,-exists,-list,-ls,-read,-rm,-watch,-write}; do
		copy_with_libraries "$1" "$file" /usr/bin
	done
	rm "$1"/bin/{modprobe,insmod,lsmod,rmmod,depmod,modinfo}
	network_tools "$1"
	copy_with_libraries "$1" "$cache/root/bin/kmod" /bin
	for file in modprobe insmod lsmod rmmod depmod modinfo; do ln -s kmod "$1/bin/$file"; done
	# Loaded by name at run time: ldd does not tell them.
	for file in libgcc_s.so.1 libxenlight.so.4.17 libxentoolcore.so.1 libnss_files.so.2; do
		library=$(ldconfig -p | awk -v n="$file" '$1 == n && !found++ { print $NF }')
		[ -z "$library" ] || copy_with_libraries "$1" "$library" "$(dirname "$library")"
	done
	copy_modules "$1" xen-evtchn xen-gntdev xen-gntalloc xen-privcmd xenfs xen-netback bridge veth 8021q sch_netem virtio_pci virtio_blk
	mkdir -p "$1/etc/xen" "$1/guests"
	: >"$1/etc/xen/xl.conf"
	install -m 755 "$here/dom0-init" "$1/init"
	install -m 755 "$here/guest-command" "$1/bin/guest"
	install -m 755 "$here/lab-vif" "$1/bin/lab-vif"
	install -m 644 "$cache/vmlinux" "$1/guests/vmlinux"
}

domu_image() { # ROOT
	skeleton "$1"
	network_tools "$1"
	copy_modules "$1" xen-netfront 8021q sch_netem tcp_diag
	install -m 755 "$here/domu-init" "$1/init"
}

# Built once for each state of this directory, so that work trees can share a cache; an old state is kept a day for who uses it.
base_images() {
	local state new
	state=$(cat "$here"/{images.sh,dom0-init,domu-init,guest-command,lab-vif} "$cache/vmlinux" | sha256sum | cut -c1-16)
	base=$cache/base-$state
	[ ! -d "$base" ] || return 0
	say "building the base images"
	new=$(mktemp -d "$cache/new-XXXXXX")
	dom0_image "$new/dom0"
	pack "$new/dom0" "$new/dom0.cpio"
	domu_image "$new/domu"
	pack "$new/domu" "$new/domu.cpio"
	rm -rf "$new/dom0" "$new/domu"
	find "$cache" -maxdepth 1 -name 'base-*' -mtime +0 -exec rm -rf {} +
	mv "$new" "$base"
}
