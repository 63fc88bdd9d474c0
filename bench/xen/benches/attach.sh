# SPDX-License-Identifier: MIT
# What the ways of attaching a probe cost a call, in the guest `packets`. ../attach_cost.py judges it.
check "loading attach_cost" guest packets 'insmod /root/attach_cost.ko && sleep 10'
guest packets 'cat /proc/attach_cost' >/out/attach.txt
status=$?
[ $status -eq 0 ] || guest packets 'dmesg | tail -n 20'
guest packets 'rmmod attach_cost'
exit $status
