# SPDX-License-Identifier: MIT
# The host is as scenarios expect it: its guests are up, reachable, unharmed.
# timeout: 120
for name in $GUESTS; do
	check "$name answers pings" ping -c 2 -W 2 "$(address "$name")"
	no_complaints "$name"
	refuse "a command's status comes back" 7 '^said$' guest "$name" 'echo said; exit 7'
	expect "$name is in the list" "^$name +$(domid "$name") " xl list
done
