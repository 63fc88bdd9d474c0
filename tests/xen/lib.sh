# SPDX-License-Identifier: MIT
# What scenarios are written with. Sourced in dom0, by busybox's sh; README.md tells more.
# shellcheck shell=sh
GUESTS=$(cut -d ' ' -f 1 /guests/list)
PV_GUESTS=$(for name in $GUESTS; do grep -l 'type = "pv"' "/guests/$name.cfg"; done | sed 's|.*/\(.*\)\.cfg|\1|')
PVH_GUESTS=$(for name in $GUESTS; do grep -l 'type = "pvh"' "/guests/$name.cfg"; done | sed 's|.*/\(.*\)\.cfg|\1|')
# One of each kind, for what does not differ between two of them.
EACH_KIND=$({ echo "$PV_GUESTS" | head -n 1; echo "$PVH_GUESTS" | head -n 1; } | grep .)
scratch=/tmp/scenario
mkdir -p $scratch

fail() { # WHAT
	echo "FAILED: $*"
	exit 1
}

# Runs the command; its output stays in $scratch/output, its status in $status. The number is dom0's uptime, without a
# process: those are dear here.
run() {
	read -r begun rest </proc/uptime
	"$@" >$scratch/output 2>&1
	status=$?
	printf '%s $ %s\n' "$begun" "$*"
	head -c 20000 $scratch/output
	[ $status -eq 0 ] || echo "(status $status)"
}

# check WHAT COMMAND...: the command succeeds.
check() {
	what=$1
	shift
	run "$@"
	[ $status -eq 0 ] || fail "$what: status $status"
}

# expect WHAT PATTERN COMMAND...: it succeeds, and a line of its output matches the extended regular expression.
expect() {
	what=$1 pattern=$2
	shift 2
	run "$@"
	[ $status -eq 0 ] || fail "$what: status $status"
	grep -qE -- "$pattern" $scratch/output || fail "$what: nothing matches '$pattern'"
}

# refuse WHAT STATUS PATTERN COMMAND...: it fails with this status, and says so in a line that matches.
refuse() {
	what=$1 wanted=$2 pattern=$3
	shift 3
	run "$@"
	[ $status -eq "$wanted" ] || fail "$what: status $status, not $wanted"
	grep -qE -- "$pattern" $scratch/output || fail "$what: nothing matches '$pattern'"
}

# equal WHAT EXPECTED ACTUAL
equal() { [ "$2" = "$3" ] || fail "$1: '$3', not '$2'"; }

# eventually WHAT SECONDS COMMAND...: it succeeds within so many seconds.
eventually() {
	read -r begun rest </proc/uptime
	what=$1 until=$((${begun%.*} + $2))
	shift 2
	while ! "$@" >$scratch/output 2>&1; do
		read -r now rest </proc/uptime
		[ "${now%.*}" -lt $until ] || { cat $scratch/output; fail "$what: not in time"; }
		sleep 0.1
	done
	echo "$begun $ $what"
}

# no_complaints GUEST [PATTERN]: its kernel answers, and has said nothing of the kind.
no_complaints() {
	guest "$1" dmesg >$scratch/dmesg || fail "the kernel's log of $1"
	equal "the kernel of $1 complains" "" "$(grep -E "BUG|WARNING|Oops|Call Trace${2:+|$2}" $scratch/dmesg)"
}

somebody_captures() { vmitap list --json | grep -q '"capturing": *true'; } # any guest, by anybody

# The guardian of a capture's pauses.
guardian_of() { # PID
	for stat in /proc/[0-9]*/stat; do awk -v parent="$1" '$2 == "(vmitap-guard)" && $4 == parent { print $1 }' $stat; done 2>/dev/null
}
domid() { xl domid "$1"; }
address() { awk -v n="$1" '$1 == n { print $2 ".2" }' /guests/list; }

# load GUEST MODULE [PARAMETER...]: of those built by prepare.sh.
load() {
	name=$1 module=$2
	shift 2
	check "loading $module in $name" guest "$name" "insmod /root/modules/$module.ko $*"
}
