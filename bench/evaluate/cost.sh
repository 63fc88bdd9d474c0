# SPDX-License-Identifier: MIT
# What a capture costs the transfer: the same bytes with nothing loaded, with the hook loaded and nobody listening, and captured in
# each mode, in turns. A line each in /out/cost.tsv: LINE, HOW, ROUND, SECONDS, MEGABYTES, RECORDS, LOST.
# shellcheck shell=sh disable=SC2154 # sourced after transfer.sh
account() { # LINE HOW ROUND MEGABYTES RECORDS LOST
	printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$(cat $scratch/transfer.seconds)" "$4" "$5" "$6" | tee -a /out/cost.tsv
}

cost() { # LINE NETEM MEGABYTES ROUNDS
	for round in $(seq "$4"); do
		transfer "$3" "$2" cubic:5001
		account "$1" nothing "$round" "$3" 0 0
		load_modules
		transfer "$3" "$2" cubic:5001
		account "$1" unwatched "$round" "$3" 0 0
		for mode in inline paused sync; do
			begin_capture /tmp/cost.mcap --on tcp.segment --mode $mode --filter 'tcp src port 5001' --read "$fields"
			transfer "$3" "$2" cubic:5001
			stop_capture
			vmitap info /tmp/cost.mcap --json >$scratch/info
			account "$1" $mode "$round" "$3" "$(jq_number records)" "$(jq_number lost)"
			rm -f /tmp/cost.mcap
		done
		unload_modules
	done
}
# The first number of that name in what `vmitap info --json` told.
jq_number() { grep -oE "\"$1\": *[0-9]+" $scratch/info | head -n 1 | grep -oE '[0-9]+$' || echo 0; }

cost fast none "$FAST_MEGABYTES" "$ROUNDS"
cost lossy "$NETEM" "$LOSSY_MEGABYTES" "$LOSSY_ROUNDS"
