#!/bin/sh
# SPDX-License-Identifier: MIT
# Usage: run-netfront.sh BUILD: the scenarios of packets on a host with two guests, then what they captured, exported.
set -eu
here=$(dirname "$0")
export VMITAP_XEN_RESULTS="$1/xen/netfront"
VMITAP_XEN_TIMEOUT=${VMITAP_XEN_TIMEOUT:-2400} VMITAP_XEN_GUESTS="pv1:pv:128:2 pvh1:pvh:128:1" "$here/run.sh" "$1" 8
"$here/export_test.py" "$1"
