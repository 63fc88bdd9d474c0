# SPDX-License-Identifier: MIT
# What a capture costs the transfer: the same bytes with nothing loaded, with the hook loaded and nobody listening, and captured in
# each mode, in turns, another one first in each round. A line each in /out/cost.tsv: LINE, HOW, ROUND, SECONDS, MEGABYTES, RECORDS, LOST.
# shellcheck shell=sh disable=SC2154 # sourced after transfer.sh
account() { # LINE HOW ROUND MEGABYTES RECORDS LOST
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(cat $scratch/transfer.seconds)" "$4" "$5" "$6" | tee -a /out/cost.tsv
}

cost() { # LINE NETEM MEGABYTES ROUNDS
	hows='nothing unwatched inline paused sync'
	for round in $(seq "$4"); do
		for how in $hows; do measure "$1" "$2" "$3" "$round" "$how"; done
		hows="${hows#* } ${hows%% *}"
	done
}

measure() { # LINE NETEM MEGABYTES ROUND HOW
	[ "$5" = nothing ] || load_modules
	case $5 in
	nothing | unwatched)
		transfer "$3" "$2" cubic:5001
		account "$1" "$5" "$4" "$3" 0 0
		;;
	*)
		begin_capture /tmp/cost.mcap --on tcp.segment --mode "$5" --filter 'tcp src port 5001' --read "$fields"
		transfer "$3" "$2" cubic:5001
		stop_capture
		vmitap info /tmp/cost.mcap --json >$scratch/info
		account "$1" "$5" "$4" "$3" "$(jq_number records)" "$(jq_number lost)"
		rm -f /tmp/cost.mcap
		;;
	esac
	[ "$5" = nothing ] || unload_modules
}
# The first number of that name in what `vmitap info --json` told.
jq_number() { grep -oE "\"$1\": *[0-9]+" $scratch/info | head -n 1 | grep -oE '[0-9]+$' || echo 0; }

cost fast none "$FAST_MEGABYTES" "$ROUNDS"
cost lossy "$NETEM" "$LOSSY_MEGABYTES" "$LOSSY_ROUNDS"
