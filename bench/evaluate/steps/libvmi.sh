# SPDX-License-Identifier: MIT
# LibVMI: a program that finds the connection in the kernel's hash table, with offsets looked up by hand. LibVMI is not among Debian 12's
# packages: $VMITAP_LIBVMI says where it was built and installed.
# shellcheck shell=sh disable=SC2154,SC2016 # what steps.sh sets; awk's fields
need machine 'a compiler and pahole'
need dom0 'LibVMI, built from its source'
once machine 'where the members stand that the program and LibVMI need' \
	"pahole -C inet_hashinfo,sock_common,tcp_sock,task_struct,mm_struct $VMLINUX"
offset() { # NAME STRUCT MEMBER: as it stands on the screen
	! here machine || carry "$1" "$(sed -n "/^struct $2 {/,/^}/s|.*[ *]$3\(\[[0-9]*\]\)\{0,1\};.*/\* *\([0-9]*\) .*|\2|p" "$output" | head -n 1)"
}
offset EHASH inet_hashinfo ehash
offset EHASH_MASK inet_hashinfo ehash_mask
offset SKC_NODE sock_common skc_nulls_node
offset SKC_DPORT sock_common skc_dport
offset SND_CWND tcp_sock snd_cwnd
offset linux_tasks task_struct tasks
offset linux_mm task_struct mm
offset linux_pid task_struct pid
offset linux_name task_struct comm
offset linux_pgd mm_struct pgd
if here machine; then
	grep -E '^(EHASH|SKC|SND)' "$book" | sed 's/^/#define /; s/=/ /' >"$STEPS/offsets.h"
	{
		printf '%s {\n\tostype = "Linux";\n\tsysmap = "/root/System.map";\n' "$GUEST"
		grep '^linux_' "$book" | sed 's/^/\t/; s/=/ = /; s/$/;/'
		echo '}'
	} >"$STEPS/libvmi.conf"
fi
typed machine "$STEPS/offsets.h"
typed machine "$STEPS/libvmi.conf"
typed machine "$here/steps/libvmi.c"
once machine 'compile it' "gcc -O2 -I$STEPS -I$VMITAP_LIBVMI/include \$(pkg-config --cflags glib-2.0) $here/steps/libvmi.c \
-o $STEPS/libvmi -L$VMITAP_LIBVMI/lib -lvmi -Wl,-rpath,$VMITAP_LIBVMI/lib"
# All of them would do as well; the lab's line to the guest is slow.
once guest 'copy the symbols of its kernel that the program and LibVMI need' \
	"grep -wE 'tcp_hashinfo|init_task|swapper_pg_dir|init_top_pgt|startup_64|phys_startup_64' /proc/kallsyms"
! here dom0 || cp "$output" /root/System.map
if here dom0; then
	cp "$STEPS/libvmi.conf" /etc/libvmi.conf
	# Its name without a number is what LibVMI loads; libxen-dev has that link.
	[ -e /usr/lib/libxenstore.so ] || ln -s "$(find / -xdev -name 'libxenstore.so.*' | head -n 1)" /usr/lib/libxenstore.so
	each dom0 'run it' "/root/libvmi $GUEST $PORT 200"
	tell another '1 number, 2 lines, compiling'
	tell when 'of whenever the program looks'
	tell waits 'the whole guest: SAMPLE a look, WALK to find the connection first'
	tell value "$(sed -n 's/^snd_cwnd //p' "$output")"
	tell sample_us "$(sed -n 's/^sample_us //p' "$output")"
	tell walk_us "$(sed -n 's/^walk_us //p' "$output")"
fi
