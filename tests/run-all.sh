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
build() { # PRESET
	stage "$1: build"
	quietly cmake --preset "$1" -DVMITAP_BUILD_TESTS=ON
	cmake --build --preset "$1" -j "$jobs" -- --quiet
}

stage "lint: formatting, layering, SPDX lines"
tests/lint/lint.sh quick

build release
stage "release: all tests"
ctest --preset release -j "$jobs" --no-tests=error

build asan
stage "asan: AddressSanitizer and UBSan, but for what takes long"
ctest --preset asan -LE 'long|fuzz' -j "$jobs" --no-tests=error
stage "fuzz: seed corpora and a few seconds of new inputs"
ctest --preset fuzz -j "$jobs" --no-tests=error

build tsan
stage "tsan: ThreadSanitizer, where there are threads"
ctest --preset tsan -LE long -j "$jobs" --no-tests=error
