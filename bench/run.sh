#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the benchmarks one after another, leaves their JSON in BUILD/bench/ and prints what they say, beside
# their peers. Some three minutes. Usage: run.sh BUILD [NAME...]   NAME: fire, ring, encode, end_to_end
#
# Each is repeated, in turns with the others of its program, as machines change in mid-run; what is printed
# and compared are medians.
set -eu
here=$(dirname "$0")
build=$1
shift
[ $# -gt 0 ] || set -- fire ring encode end_to_end
mkdir -p "$build/bench"
for name in "$@"; do
	json=$build/bench/$name.json
	printf 'Running bench_%s\n' "$name"
	if ! "$build/bin/bench_$name" --benchmark_repetitions=7 --benchmark_min_time=0.1 \
		--benchmark_enable_random_interleaving=true --benchmark_out="$json.new" \
		--benchmark_out_format=json >"$json.log" 2>&1; then
		cat "$json.log" >&2
		exit 1
	fi
	mv "$json.new" "$json"
	rm "$json.log"
done
"$here/summary.py" "$build/bench"
