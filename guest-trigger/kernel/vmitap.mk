# SPDX-License-Identifier: GPL-2.0 OR MIT
# include .../vmitap.mk in a Kbuild file: its modules may use vmitap/mark.h and vmitap/trigger.h.
# VMITAP_SYMVERS: Module.symvers of the vmitap.ko that they will meet, if that was built elsewhere.
VMITAP_KERNEL := $(dir $(realpath $(lastword $(MAKEFILE_LIST))))
VMITAP_SYMVERS ?= $(VMITAP_KERNEL)Module.symvers

ccflags-y += -I$(VMITAP_KERNEL)../include
KBUILD_EXTRA_SYMBOLS += $(VMITAP_SYMVERS)
