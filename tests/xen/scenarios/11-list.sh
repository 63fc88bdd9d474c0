# SPDX-License-Identifier: MIT
# `vmitap list` shows the running domains, those without the module, too.
check "list" vmitap list
for name in $GUESTS; do
	expect "$name is listed" "xen:$name" vmitap list
done
check "doctor says what works" vmitap doctor
