#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that CI checks, under every preset that fits: `make test` after the packages stand.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
start=$(date +%s)

stage() {
	printf '\n== %s (%d s since the start)\n' "$*" $(($(date +%s) - start))
}
build() { # PRESET [cmake --build arguments]
	preset=$1
	shift
	cmake --preset "$preset" -DVMITAP_BUILD_TESTS=ON >"/tmp/vmitap-configure.$$" 2>&1 || {
		cat "/tmp/vmitap-configure.$$"
		exit 1
	}
	rm -f "/tmp/vmitap-configure.$$"
	cmake --build --preset "$preset" -j "$jobs" -- --quiet "$@"
}

stage "lint: formatting, layering, SPDX lines"
tests/lint/lint.sh quick

# Each compiles everything once more: `make test-sanitizers` runs them, CI does not (it has 25 minutes).
if [ "${1:-}" = sanitizers ]; then
	stage "asan: AddressSanitizer and UBSan"
	build asan
	ctest --preset asan -LE 'long|fuzz' -j "$jobs" --no-tests=error

	stage "tsan: ThreadSanitizer, the tests labelled threads"
	build tsan
	ctest --preset tsan -LE long -j "$jobs" --no-tests=error

	stage "fuzz: seed corpora and a few seconds of new inputs"
	build fuzz
	ctest --preset fuzz -j "$jobs" --no-tests=error
fi

stage "release: all tests"
build release
ctest --preset release -j "$jobs" --no-tests=error
