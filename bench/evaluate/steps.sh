#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: steps.sh PLACE WAY: walks one of steps/WAY.sh, as far as it goes in that place: `machine`, where kernels and programs are built,
# or `dom0`, from where guests are reached as well. What was done is told in $STEPS/WAY.PLACE.tsv, a line each:
# PLACE, KIND, AMOUNT, WORDS, COMMAND. So what is counted is what was executed. $STEPS/WAY.numbers is the person's notebook.
#
#   once PLACE WORDS COMMAND    a command typed once for a kernel, or a boot
#   each PLACE WORDS COMMAND    one typed for each look at a connection; both leave its output in $output
#   carry NAME VALUE            a number read off the screen, to be typed again; it is then a variable
#   typed PLACE FILE            a file that a person writes: its lines but comments and empty ones
#   need PLACE WORDS            what has to be there
#   tell NAME VALUE             a property of the way: another (what a different member takes), when (which moment the value is of), waits
set -eu
here=$(cd "$(dirname "$0")" && pwd)
place=$1 way=$2
book=$STEPS/$way.numbers
log=$STEPS/$way.$place.tsv
output=$STEPS/$way.output

here() { case $1 in guest) [ "$place" = dom0 ] ;; *) [ "$place" = "$1" ] ;; esac; }
# Without line ends, and with names for what is another folder on each machine.
row() {
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4" "$(printf %s "$5" | tr '\n' ' ' | sed "$names")" >>"$log"
}

step() { # KIND PLACE WORDS COMMAND
	here "$2" || return 0
	printf '%s %s: %s\n$ %s\n' "$way" "$2" "$3" "$4"
	case $2 in
	guest) guest "$GUEST" "$4" >"$output" || status=$? ;;
	*) sh -c "$4" >"$output" || status=$? ;;
	esac
	head -n 12 "$output"
	[ "${status:-0}" = 0 ] || { echo "evaluate: the step failed with status $status" >&2; exit 1; }
	row "$2" "$1" 1 "$3" "$4"
}
once() { step once "$@"; }
each() { step each "$@"; }

carry() {
	[ -n "$2" ] || { echo "evaluate: $way found no $1" >&2; exit 1; }
	row "$place" carry 1 "$1" "$2"
	echo "$1=$2" >>"$book"
	eval "$1=\$2"
}

typed() {
	here "$1" || return 0
	row "$1" typed "$(grep -cvE '^[[:space:]]*(//.*|#[^di].*)?$' "$2")" "$(basename "$2")" ''
}
need() { ! here "$1" || row "$1" need 1 "$2" ''; }
tell() { row "$place" tell 1 "$1" "$2"; }

mkdir -p "$STEPS"
names="s|$KBUILD|build|g; s|$HEADERS|\$HEADERS|g; s|$VMLINUX|vmlinux|g; s|$STEPS/||g; s|$STEPS|.|g; s|$here/steps/||g; s|$TREE/||g; s|$VMITAP_LIBVMI|\$LIBVMI|g"
: >"$log"
[ "$place" != machine ] || : >"$book"
# shellcheck disable=SC1090 # the notebook
. "$book"
# shellcheck disable=SC1090 # the way
. "$here/steps/$way.sh"
