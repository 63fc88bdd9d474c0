#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: lint.sh [quick|tidy|all]. quick: what needs no build; tidy: clang-tidy, over what the asan preset
# configures, as that is for clang.
set -eu
cd "$(dirname "$0")/../.."
what=${1:-all}
failed=0
fail() {
	echo "lint: $*" >&2
	failed=1
}

# The files of the project: what git tracks, or, in an unpacked archive, what stands there.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -- "$@"
	else
		for pattern; do find . -path ./build -prune -o -name "${pattern##*/}" -type f -print; done
	fi
}

quick() {
	files '*.cpp' '*.hpp' | xargs clang-format --dry-run -Werror || fail "formatting: run 'make format'"
	cmake -DROOT="$PWD" -P cmake/CheckLayering.cmake || fail "layering"
	for file in $(files '*.c' '*.h' '*.cpp' '*.hpp' '*.proto' '*.sh' '*.py' '*.js' '*.mjs' '*.cmake' '*CMakeLists.txt' 'Makefile'); do
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' || fail "$file has no SPDX line"
	done
	# A check that cannot fail checks nothing: layering must object to a room that reaches upwards.
	trap 'rm -rf "$house"' EXIT
	house=$(mktemp -d)
	mkdir -p "$house/host-capture/base"
	echo '#include "pipeline/capture.hpp"' >"$house/host-capture/base/upwards.hpp"
	if cmake -DROOT="$house" -P cmake/CheckLayering.cmake 2>/dev/null; then
		fail "the layering check let base/ include pipeline/"
	fi
}

tidy() {
	[ -f build/asan/compile_commands.json ] || cmake --preset asan >/dev/null
	cmake --build build/asan --target vmitap_proto vmitap_packet_types >/dev/null
	# The source that is compiled once for each kind of processor is looked at once.
	files 'host-capture/*.cpp' 'ring/*.cpp' | grep -v _bmi2 |
		xargs -P "$(nproc)" -n 2 clang-tidy -p build/asan --quiet 2>/dev/null || fail "clang-tidy"
}

case $what in
quick) quick ;;
tidy) tidy ;;
all) quick; tidy ;;
*) echo "usage: lint.sh [quick|tidy|all]" >&2; exit 2 ;;
esac
exit $failed
