# SPDX-License-Identifier: MIT
# What a guest stands still for while it is read: each guest after the other.
status=0
for name in $GUESTS; do
	printf '%s (%s)\n' "$name" "$(sed -n 's/^type = "\(.*\)"/\1/p' "/guests/$name.cfg")"
	/root/xen_pause_cost.stripped "$name" --json "/out/xen-$name.json" || status=1
done
exit $status
