# SPDX-License-Identifier: MIT
# Our page walk agrees with libxenctrl's, which is slow and right, on 10,000 addresses of each guest.
# timeout: 240
for name in $GUESTS; do
	{ /root/translate_oracle "$name"; echo "status $?"; } >"$scratch/walk-$name" 2>&1 &
done
wait
for name in $GUESTS; do
	expect "the oracle of $name" '^status 0$' cat "$scratch/walk-$name"
	expect "the walk of $name" '^10000 addresses, .* 0 differ$' cat "$scratch/walk-$name"
done
