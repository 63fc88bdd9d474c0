# SPDX-License-Identifier: MIT
# Debian's bpftrace with all its libraries in one directory, to be taken into a guest: an optional piece, fetched when it is asked
# for. Sourced by `lab`; $cache is where it is kept.
# shellcheck shell=bash

# What it needs down to libc: nothing of it is installed on the machine, and what is installed there is not touched.
bpftrace_packages() {
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances bpftrace |
		grep -E '^[a-z]' | grep -vE '^gcc-.*-base$' | sort -u
}

# Prints the directory. `bpftrace` in it, a script, runs the program with these libraries wherever it stands.
bpftrace() {
	local piece=$cache/bpftrace new library name
	if [ ! -d "$piece" ]; then
		say "fetching bpftrace"
		new=$(mktemp -d "$cache/new-XXXXXX")
		mkdir -p "$new/piece/lib"
		# shellcheck disable=SC2046 # a list of words
		(cd "$new" && apt-get download -qq $(bpftrace_packages) 2>"$cache/download.log") || {
			cat "$cache/download.log" >&2
			die "apt-get download failed; try apt-get update"
		}
		for name in "$new"/*.deb; do dpkg -x "$name" "$new/root"; done
		# Not executable: else the lab looks for their libraries on the machine.
		install -m 644 "$new/root/usr/bin/bpftrace" "$new/piece/program"
		LD_LIBRARY_PATH=$new/root/usr/lib/x86_64-linux-gnu:$new/root/lib/x86_64-linux-gnu ldd "$new/root/usr/bin/bpftrace" |
			awk '$2 == "=>" && $3 ~ "^/" { print $1, $3 }' | while read -r name library; do
			install -m 644 "$library" "$new/piece/lib/$name"
		done
		install -m 755 "$new/root/lib64/ld-linux-x86-64.so.2" "$new/piece/ld.so"
		printf '%s\n' '#!/bin/sh' 'here=$(dirname "$0")' 'exec "$here/ld.so" --library-path "$here/lib" "$here/program" "$@"' \
			>"$new/piece/bpftrace"
		chmod 755 "$new/piece" "$new/piece/bpftrace"
		mv "$new/piece" "$piece"
		rm -rf "$new"
	fi
	echo "$piece"
}
