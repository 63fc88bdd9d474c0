/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What guest and host say to each other beside the rings: who the guest is, which triggers and
 * marks it has, what to capture. Locally each message is one packet of a SOCK_SEQPACKET socket on
 * the abstract address "\0vmitap/guest/PID"; the kernel names the peer (SO_PEERCRED).
 * Either side closes the socket to end the session; the guest then disables every trigger.
 * A message is a vmitap_message followed by the body that its type names, then by a tail of
 * (size - sizeof header - sizeof body) bytes where the body says so. At most VMITAP_MESSAGE_MAX.
 */
#ifndef VMITAP_CONTROL_ABI_H
#define VMITAP_CONTROL_ABI_H

#include "vmitap/ring_abi.h"

#define VMITAP_CONTROL_MAGIC 0x4c544356u /* "VCTL" */
#define VMITAP_CONTROL_ABI_VERSION 1u
#define VMITAP_MESSAGE_MAX 65536u
#define VMITAP_NAME_MAX 64u
#define VMITAP_BUILD_ID_MAX 64u
#define VMITAP_LOCAL_SOCKET_PREFIX "vmitap/guest/" /* abstract: a NUL stands before it, the PID behind */

enum vmitap_message_type {
	/* guest to host */
	VMITAP_WELCOME = 1,	 /* at once after connect: vmitap_welcome */
	VMITAP_MODULE = 2,	 /* vmitap_module, tail: path (no NUL) */
	VMITAP_TRIGGER_SITE = 3, /* vmitap_site, tail: text, see vmitap_site */
	VMITAP_MARK_SITE = 4,	 /* vmitap_site, tail: text */
	VMITAP_LISTED = 5,	 /* no body; ends the answer to VMITAP_LIST */
	VMITAP_ATTACHED = 6,	 /* no body; three descriptors: guest region, host region, eventfd */
	VMITAP_DONE = 7,	 /* no body; ARM or DISARM took effect */
	VMITAP_REFUSED = 8,	 /* vmitap_refused, answers ATTACH, ARM and DISARM */
	VMITAP_CHANGED = 9,	 /* no body, unasked: an object was loaded or unloaded; LIST again */
	/* host to guest */
	VMITAP_LIST = 64,   /* no body */
	VMITAP_ATTACH = 65, /* vmitap_attach */
	VMITAP_ARM = 66,    /* vmitap_arm, tail: vmitap_fetch[fetch_count] for INLINE values,
			       vmitap_filter_step[filter_count] */
	VMITAP_DISARM = 67, /* vmitap_arm with only .trigger used */
};

struct vmitap_message {
	vmitap_u32 type;
	vmitap_u32 size; /* of the whole message, this header included */
};

/* Of a program in a Xen domain: instead of the PID of the host that captures it, which runs in dom0. */
#define VMITAP_HOST_IN_DOM0 0xffffffffu

struct vmitap_welcome {
	vmitap_u32 magic;
	vmitap_u32 abi_version;
	vmitap_u32 pid; /* as the guest sees itself; the host believes SO_PEERCRED */
	vmitap_u32 captured_by; /* PID of the attached host, VMITAP_HOST_IN_DOM0, or 0 */
	char name[VMITAP_NAME_MAX]; /* $VMITAP_NAME or the program's name; NUL-padded */
};

/* An ELF object that holds triggers or marks. */
struct vmitap_module {
	vmitap_u32 id;
	vmitap_u32 build_id_size; /* 0 if it has none */
	/* Run-time address minus link-time address. Of a relocatable object, which a Linux kernel module
	 * is: the run-time address of its section "vmitap_sites", where its descriptors stand. */
	vmitap_u64 load_bias;
	vmitap_u64 start;	  /* run-time address range [start, end) */
	vmitap_u64 end;
	vmitap_u8 build_id[VMITAP_BUILD_ID_MAX];
};

/*
 * One place in the code: a VMITAP_TRIGGER or a VMITAP_MARK. address is the run-time address of its
 * descriptor (guest-trigger's mark.h, trigger.h), from which DWARF gives its types.
 * text: the name, a NUL, then for a trigger the arguments as written, separated by NULs.
 */
struct vmitap_site {
	vmitap_u32 id; /* triggers: what vmitap_slot_first.trigger carries */
	vmitap_u32 module;
	vmitap_u64 address;
	vmitap_u64 variable;   /* marks: run-time address of the variable; triggers: 0 */
	vmitap_u64 size;       /* marks: its sizeof; triggers: sizeof the argument struct */
	vmitap_u32 line;
	vmitap_u32 arguments; /* triggers: how many, in the low byte; VMITAP_SITE_* */
};

/* The variable of vCPU c stands at variable + __per_cpu_offset[c] (modulo 2^64), on each one possible. */
#define VMITAP_SITE_PER_CPU 0x01u
/* A trigger that fires for a packet: takes a filter, and VMITAP_FETCH_PACKET. */
#define VMITAP_SITE_PACKET 0x100u
#define VMITAP_SITE_ARGUMENTS 0xffu

struct vmitap_attach {
	vmitap_u32 abi_version; /* VMITAP_CONTROL_ABI_VERSION */
	vmitap_u32 reserved;
};

enum vmitap_refusal {
	VMITAP_REFUSED_VERSION = 1,  /* detail: the version the guest speaks */
	VMITAP_REFUSED_CAPTURED = 2, /* detail: as vmitap_welcome.captured_by */
	VMITAP_REFUSED_TRIGGER = 3,  /* no such trigger id */
	VMITAP_REFUSED_MEMORY = 4,   /* or what the trigger is attached to could not be; detail: errno */
	VMITAP_REFUSED_MESSAGE = 5,  /* malformed, out of range, or not allowed now */
	VMITAP_REFUSED_SIZE = 6,     /* arguments and inline values exceed a record; detail: its payload, bytes */
	VMITAP_REFUSED_FILTER = 7,   /* the guest's kernel takes no such filter, or the trigger none; detail: errno */
};

struct vmitap_refused {
	vmitap_u32 reason; /* enum vmitap_refusal */
	vmitap_u32 detail;
};

#define VMITAP_ARM_SYNC 0x01u /* the firing thread waits for the host's answer */

struct vmitap_arm {
	vmitap_u32 trigger;
	vmitap_u32 flags;	    /* VMITAP_ARM_* */
	vmitap_u32 sample;	    /* fire one in so many; 0 and 1: each */
	vmitap_u32 sync_timeout_us; /* how long SYNC waits at most */
	vmitap_u32 fetch_count;	    /* at most VMITAP_FETCH_MAX */
	vmitap_u32 filter_count;    /* at most VMITAP_FILTER_MAX; 0: every packet. Only with VMITAP_SITE_PACKET */
};

/*
 * How to reach one value: where the way starts, the pointers it follows, the bytes it copies.
 *   address = origin                           if base is VMITAP_FETCH_ADDRESS, hops may be 0
 *   address = load8(arguments + origin) + add[0]   if base is VMITAP_FETCH_ARGUMENT, hops is 1 or more
 *   each further hop:  address = load8(address) + add[i]
 * (with ADDRESS every hop i in 0..hops-1 is such a step). Then size bytes at address are the value.
 * base ARGUMENT with no hops: the value stands in the arguments themselves at origin.
 * base PACKET: size bytes of the packet, from byte origin of its Ethernet header on, zeroes behind its end; no hops.
 * It succeeds whenever there is a packet, however short.
 */
#define VMITAP_FETCH_ADDRESS 1u
#define VMITAP_FETCH_ARGUMENT 2u
#define VMITAP_FETCH_PACKET 3u
#define VMITAP_FETCH_HOPS_MAX 7u
#define VMITAP_FETCH_MAX 64u

struct vmitap_fetch {
	vmitap_u8 base;
	vmitap_u8 hops;
	vmitap_u16 reserved;
	vmitap_u32 size;
	vmitap_u64 origin;
	vmitap_s64 add[VMITAP_FETCH_HOPS_MAX];
};

/*
 * One instruction of a packet filter in classic BPF (Linux: Documentation/networking/filter.rst, struct
 * sock_filter; libpcap: struct bpf_insn). The packet begins with its Ethernet header; a filter that returns 0
 * keeps it from being recorded. The guest's kernel checks and runs it.
 */
#define VMITAP_FILTER_MAX 384u

struct vmitap_filter_step {
	vmitap_u16 code;
	vmitap_u8 jump_true;
	vmitap_u8 jump_false;
	vmitap_u32 operand;
};

/*
 * Payload of a record: the argument struct (vmitap_site.size bytes, laid out as DWARF says), then,
 * if VMITAP_RECORD_INLINE is set: a u64 with bit i set where fetch i succeeded, then the values of
 * all fetches back to back, unaligned, zeroes where one failed.
 */

VMITAP_ABI_ASSERT(sizeof(struct vmitap_message) == 8);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_welcome) == 16 + VMITAP_NAME_MAX);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_module) == 32 + VMITAP_BUILD_ID_MAX);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_site) == 40);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_refused) == 8);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_arm) == 24);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_fetch) == 72);
VMITAP_ABI_ASSERT(sizeof(struct vmitap_filter_step) == 8);

#endif /* VMITAP_CONTROL_ABI_H */
