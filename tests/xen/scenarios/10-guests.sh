# SPDX-License-Identifier: MIT
# The host is as scenarios expect it: two PV and two PVH guests with two vCPUs each, up, reachable, unharmed.
equal "PV guests" 2 "$(echo "$PV_GUESTS" | wc -l)"
equal "PVH guests" 2 "$(echo "$PVH_GUESTS" | wc -l)"
for name in $GUESTS; do
	check "$name answers pings" ping -c 3 -W 2 "$(address "$name")"
	equal "vCPUs of $name" 2 "$(guest "$name" nproc)"
	equal "the kernel of $name complains" "" "$(guest "$name" dmesg | grep -E 'BUG|WARNING|Oops|Call Trace')"
	refuse "a command's status comes back" 7 '^said$' guest "$name" 'echo said; exit 7'
	expect "$name is in the list" "^$name +$(domid "$name") " xl list
done
