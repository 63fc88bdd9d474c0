#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs the benchmarks one after another and leaves their JSON in BUILD/bench/. Usage: run.sh BUILD
set -eu
build=$1
mkdir -p "$build/bench"
for program in "$build"/bin/bench_*; do
	name=$(basename "$program")
	printf '\n== %s\n' "$name"
	"$program" --benchmark_out="$build/bench/$name.json" --benchmark_out_format=json
done
