/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The hook points: probes on four of the kernel's own tracepoints, so that nothing is patched but their static branches.
 * Each is there while its trigger is armed.
 *   packet.rx        napi_gro_receive_entry: a packet from the backend, before GRO merges it with others
 *   packet.tx        net_dev_start_xmit: a packet that xen-netfront is about to send
 *   tcp.segment      tcp_probe: a segment in the receive path of an established socket, which is locked
 *   tcp.retransmit   tcp_retransmit_skb: a segment was sent again
 */
#ifndef NETFRONT_HOOK_HOOKS_H
#define NETFRONT_HOOK_HOOKS_H

/* 0 or a negative errno: -ENOENT if this kernel lacks one of them. */
int hooks_start(void);
/* When it returns no probe runs any more, and none will. */
void hooks_stop(void);

#endif /* NETFRONT_HOOK_HOOKS_H */
