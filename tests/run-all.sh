#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that CI checks, under every preset that fits: `make test` after the packages stand.
# Each preset compiles everything once more: with two cores that takes most of the time.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
start=$(date +%s)
log=$(mktemp)
trap 'rm -f "$log"' EXIT

stage() {
	printf '\n== %s (%d s since the start)\n' "$*" $(($(date +%s) - start))
}
quietly() { # what it said is told only if it fails
	"$@" >"$log" 2>&1 || {
		cat "$log"
		exit 1
	}
}
# Machines are noisy, and these tests stop, kill and overload processes: each has two tries. One that needed
# the second is named, as it may be a race that deserves a look.
run() { # PRESET [ctest arguments]
	preset=$1
	shift
	ctest --preset "$preset" -j "$jobs" --no-tests=error --repeat until-pass:2 -O "$log" "$@"
	retried=$(grep -E '\*\*\*(Failed|Timeout|Exception)' "$log" | sed 's/.*Test *#[0-9]*: \([^ ]*\).*/  \1/' | sort -u)
	[ -z "$retried" ] || printf 'Passed at the second try only:\n%s\n' "$retried"
}
build() { # PRESET
	stage "$1: build"
	quietly cmake --preset "$1" -DVMITAP_BUILD_TESTS=ON
	cmake --build --preset "$1" -j "$jobs" -- --quiet
}

stage "lint: formatting, layering, SPDX lines"
tests/lint/lint.sh quick

build release
stage "release: all tests"
run release

stage "xen: scenarios on real Xen, real dom0 and real guests, under QEMU"
cmake --build build -j "$jobs" --target xen_scenarios -- --quiet
tests/xen/run.sh build
tests/xen/export_test.py build
stage "xen: the shell of make lab"
tests/xen-lab/shell_test.py build

build asan
stage "asan: AddressSanitizer and UBSan, but for what takes long"
run asan -LE 'long|fuzz'
stage "fuzz: seed corpora and a few seconds of new inputs"
run fuzz

build tsan
stage "tsan: ThreadSanitizer, where there are threads"
run tsan -LE long
