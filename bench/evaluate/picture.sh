# SPDX-License-Identifier: MIT
# The picture: two transfers side by side, cubic's and Reno's, captured at each packet and at each of TCP's segments.
# shellcheck shell=sh disable=SC2154 # sourced after transfer.sh
load_modules
cat >$scratch/rules.toml <<END
[[rule]]
on = "tcp.segment"
mode = "inline"
snap = 96
filter = "tcp src portrange 5001-5002"
read = "$fields"

[[rule]]
on = "packet.tx"
mode = "inline"
snap = 96
filter = "tcp dst portrange 5001-5002"

[[rule]]
on = "tcp.retransmit"
mode = "inline"
read = "sk->snd_cwnd"
END
begin_capture /out/picture.mcap --rule $scratch/rules.toml
transfer "$MEGABYTES" "$NETEM" cubic:5001 reno:5002
stop_capture
for each in before after seconds; do cp "$scratch/transfer.$each" "/out/picture.$each"; done
unload_modules
