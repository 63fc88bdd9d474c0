#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything that CI checks, under every preset that fits: `make test` after the packages stand.
# Each preset compiles everything once more. Tests wait much, for guests above all: what the sanitizers need is compiled
# meanwhile.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}
start=$(date +%s)
work=$(mktemp -d)
log=$work/log
tidy() {
	for one in "$work"/*.pid; do
		[ -e "$one" ] || continue
		kill -- "-$(cat "$one")" 2>/dev/null || : # it may be over
		kill -s CONT -- "-$(cat "$one")" 2>/dev/null || : # a stopped process heeds no other signal before it goes on
	done
	rm -rf "$work"
}
trap tidy EXIT

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
# In a process group of its own, which timeout makes, and which ends with us; in no session of its own, as the scheduler
# would give that as much as all of us together get, SCHED_IDLE or not (sched(7), autogroups).
aside() { # NAME COMMAND...
	name=$1
	shift
	timeout 2h "$@" >"$work/$name.log" 2>&1 &
	echo $! >"$work/$name.pid"
}
still() { # NAME STOP|CONT
	kill -s "$2" -- "-$(cat "$work/$1.pid")" 2>/dev/null || : # it may be over
}
await() { # NAME: tells what it said, and ends with it if it failed
	status=0
	wait "$(cat "$work/$1.pid")" || status=$?
	rm "$work/$1.pid"
	cat "$work/$1.log"
	[ $status -eq 0 ] || exit 1
}

stage "lint: formatting, layering, SPDX lines"
tests/lint/lint.sh quick

stage "release: build"
quietly tests/build-presets.sh release
# With SCHED_IDLE: it takes what nobody else wants.
aside sanitizers chrt --idle 0 tests/build-presets.sh asan tsan
stage "release: all tests"
run release

cmake --build build -j "$jobs" --target xen_scenarios -- --quiet
# One emulated host at a time: two would share the processors, and guests that wait for dom0 would wait for the other host.
# Beside it compilers are in the way as well, idle or not: it takes half as long again.
still sanitizers STOP
stage "xen: scenarios on real Xen, real dom0 and real guests, under QEMU"
tests/xen/run.sh build
stage "netfront: scenarios of packets, and what they captured as tshark sees it"
tests/xen/run-netfront.sh build
still sanitizers CONT
stage "xen: the shell of make lab"
tests/xen-lab/shell_test.py build

stage "asan, tsan: what is still to be compiled"
await sanitizers
stage "asan: AddressSanitizer and UBSan, but for what takes long"
run asan -LE 'long|fuzz'
stage "fuzz: seed corpora and a few seconds of new inputs"
run fuzz

stage "tsan: ThreadSanitizer, where there are threads"
run tsan -LE long
