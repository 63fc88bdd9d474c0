#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: run.sh COMPILER STANDARD OPTIMISATION INCLUDE-DIR. Builds the macros' tests without a warning,
# runs them, and sees what must not compile not compile.
set -eu
compiler=$1 standard=$2 optimisation=$3 include=$4
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
case $compiler in
*++*) kind=c++ language=cpp ;;
*) kind=c language=c ;;
esac
warnings="-Wall -Wextra -pedantic -Wconversion -Wshadow -Wpointer-arith -Wcast-qual -Wundef -Wformat=2 -Wvla -Werror"
case $kind in
c) warnings="$warnings -Wstrict-prototypes -Wmissing-prototypes" ;;
*) warnings="$warnings -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast -Wzero-as-null-pointer-constant" ;;
esac
cc -g -O1 -I"$include" -c "$here/recorder.c" -o "$work/recorder.o"

# shellcheck disable=SC2086
for position in "-fno-pie -no-pie" -fPIC; do
	for unit in macros other; do
		$compiler -std="$standard" -g "$optimisation" $warnings $position -I"$include" -c "$here/$unit.$language" \
			-Wno-unused-command-line-argument -o "$work/$unit.o"
	done
	link=${position#-fPIC}
	$compiler ${link#-fno-pie } "$work/macros.o" "$work/other.o" "$work/recorder.o" -Wl,--gc-sections -o "$work/macros"
	"$work/macros"
done

for case in 0 1 2 3 4; do
	if $compiler -std="$standard" "$optimisation" -I"$include" -DCASE=$case -x "$kind" -c "$here/refused.h" \
		-o "$work/refused.o" 2>"$work/message"; then
		[ $case -eq 0 ] || { echo "case $case of refused.h compiles" >&2; exit 1; }
	else
		[ $case -ne 0 ] || { cat "$work/message" >&2; exit 1; }
		{ grep -q "refused.h" "$work/message" && grep -q "error:" "$work/message"; } || { cat "$work/message" >&2; exit 1; }
	fi
done
