# SPDX-License-Identifier: MIT
# What is wrong with a guest's name is said, with what to do.
capture() { timeout 20 vmitap capture "$@" --read kernel:jiffies --count 1 -o $scratch/none.mcap; }
refuse "no such domain" 1 'nosuch' capture xen:nosuch
refuse "no such number" 1 '999' capture xen:999
refuse "no name" 1 'xen' capture xen:
refuse "the control domain" 1 'dom0|Domain-0' capture xen:Domain-0
for name in $GUESTS; do
	refuse "$name has no module" 1 'vmitap.ko' capture "xen:$name"
done
check "nothing was written" test ! -e $scratch/none.mcap
for name in $GUESTS; do
	check "$name still runs" guest "$name" true
done
