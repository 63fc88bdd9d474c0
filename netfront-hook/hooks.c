// SPDX-License-Identifier: GPL-2.0
#include "hooks.h"

#include <linux/if_arp.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/tracepoint.h>
#include <net/sock.h>
#include <trace/events/net.h>
#include <trace/events/tcp.h>
#include <vmitap/packet_trigger.h>

#include "devices.h"
#include "packet.h"
#include "socket.h"

/* A probe is attached while its trigger is armed: a packet that nobody listens for costs nothing. */
struct hook {
	const char *tracepoint;
	void *probe;
	struct tracepoint *found;
	bool wanted, attached;
};

enum { RECEIVED, SENT, SEGMENT, RETRANSMITTED, HOOKS };
static struct hook hooks[HOOKS];
static DEFINE_MUTEX(lock); /* of hooks[].wanted, .attached and running */
static bool running; /* between hooks_start() and hooks_stop() */

static int want(struct hook *hook);
static void unwant(struct hook *hook);

#define ATTACHMENT(name, hook)                                                         \
	static int want_##name(void) { return want(&hooks[hook]); }                    \
	static void unwant_##name(void) { unwant(&hooks[hook]); }                      \
	static const struct vmitap_attachment attachment_of_##name = { want_##name, unwant_##name }
ATTACHMENT(received, RECEIVED);
ATTACHMENT(sent, SENT);
ATTACHMENT(segment, SEGMENT);
ATTACHMENT(retransmitted, RETRANSMITTED);

/* What stands as `packet` in a record. */
#define DESCRIBED VMITAP_FIRST_ARGUMENT(struct packet)

static void received(void *context, const struct sk_buff *skb)
{
	const struct net_device *device = skb->dev;
	struct tcp_sock *sk = NULL;
	struct packet packet VMITAP_FILLED_LATER;

	if (!device_is_netfront(device))
		return;
	VMITAP_PACKET_TRIGGER(&attachment_of_received, (struct sk_buff *)skb,
			      (packet_describe(DESCRIBED, skb, device, PACKET_RECEIVED,
					       device_queue_of_napi(device, skb->napi_id)),
			       sk = socket_receiving(DESCRIBED, device)),
			      packet.rx, packet, sk,
			      VMITAP_SAME(sk, inet_conn.icsk_inet.sk.__sk_common.skc_hash),
			      VMITAP_ALIVE(sk, inet_conn.icsk_inet.sk.__sk_common.skc_refcnt));
	socket_put(sk);
}

static void sent(void *context, const struct sk_buff *skb, const struct net_device *device)
{
	struct tcp_sock *sk;
	struct packet packet VMITAP_FILLED_LATER;

	if (!device_is_netfront(device))
		return;
	VMITAP_PACKET_TRIGGER(&attachment_of_sent, (struct sk_buff *)skb,
			      (packet_describe(DESCRIBED, skb, device, PACKET_SENT, skb_get_queue_mapping(skb)),
			       sk = socket_sending(skb)),
			      packet.tx, packet, sk,
			      VMITAP_SAME(sk, inet_conn.icsk_inet.sk.__sk_common.skc_hash),
			      VMITAP_ALIVE(sk, inet_conn.icsk_inet.sk.__sk_common.skc_refcnt));
}

/*
 * The packet, and where it came in, if frames have Ethernet headers there. TCP has taken the device out of it, but not
 * the device's number.
 */
static struct sk_buff *with_ethernet(struct sk_buff *skb, const struct sock *sk, const struct net_device **device)
{
	*device = dev_get_by_index_rcu(sock_net(sk), skb->skb_iif);
	if (!*device || !skb_mac_header_was_set(skb))
		return NULL;
	return (*device)->type == ARPHRD_ETHER || (*device)->type == ARPHRD_LOOPBACK ? skb : NULL;
}

static void segment(void *context, struct sock *socket, struct sk_buff *skb)
{
	const struct net_device *device;
	struct tcp_sock *sk = tcp_sk(socket);
	struct packet packet VMITAP_FILLED_LATER;

	VMITAP_PACKET_TRIGGER(&attachment_of_segment, with_ethernet(skb, socket, &device),
			      packet_describe(DESCRIBED, skb, device, PACKET_RECEIVED, 0), tcp.segment, packet, sk,
			      VMITAP_SAME(sk, inet_conn.icsk_inet.sk.__sk_common.skc_hash),
			      VMITAP_ALIVE(sk, inet_conn.icsk_inet.sk.__sk_common.skc_refcnt));
}

static void retransmitted(void *context, const struct sock *socket, const struct sk_buff *skb)
{
	const struct tcp_sock *sk = tcp_sk(socket);
	struct packet packet VMITAP_FILLED_LATER;

	VMITAP_PREPARED_TRIGGER(&attachment_of_retransmitted, packet = packet_describe_segment(skb, socket),
				tcp.retransmit, packet, sk,
				VMITAP_SAME(sk, inet_conn.icsk_inet.sk.__sk_common.skc_hash),
				VMITAP_ALIVE(sk, inet_conn.icsk_inet.sk.__sk_common.skc_refcnt));
}

static struct hook hooks[] = {
	[RECEIVED] = { "napi_gro_receive_entry", received },
	[SENT] = { "net_dev_start_xmit", sent },
	[SEGMENT] = { "tcp_probe", segment },
	[RETRANSMITTED] = { "tcp_retransmit_skb", retransmitted },
};

static void __maybe_unused check_prototypes(void)
{
	check_trace_callback_type_napi_gro_receive_entry(received);
	check_trace_callback_type_net_dev_start_xmit(sent);
	check_trace_callback_type_tcp_probe(segment);
	check_trace_callback_type_tcp_retransmit_skb(retransmitted);
}

static int attach(struct hook *hook)
{
	int error = tracepoint_probe_register(hook->found, hook->probe, NULL);

	if (error)
		pr_err("netfront_hook: cannot attach to tracepoint %s: %d\n", hook->tracepoint, error);
	hook->attached = !error;
	return error;
}

static void detach(struct hook *hook)
{
	if (hook->attached)
		tracepoint_probe_unregister(hook->found, hook->probe, NULL);
	hook->attached = false;
}

static int want(struct hook *hook)
{
	int error = 0;

	mutex_lock(&lock);
	/* Before the start, which attaches what is wanted; or behind the end, and the trigger goes in a moment. */
	if (running)
		error = attach(hook);
	hook->wanted = !error;
	mutex_unlock(&lock);
	return error;
}

static void unwant(struct hook *hook)
{
	mutex_lock(&lock);
	hook->wanted = false;
	detach(hook);
	mutex_unlock(&lock);
}

static void find(struct tracepoint *tracepoint, void *context)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		if (!strcmp(tracepoint->name, hooks[i].tracepoint))
			hooks[i].found = tracepoint;
}

int hooks_start(void)
{
	size_t i;
	int error = 0;

	/* They are not exported, but can be asked for. */
	for_each_kernel_tracepoint(find, NULL);
	mutex_lock(&lock);
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		if (hooks[i].found)
			continue;
		pr_err("netfront_hook: this kernel has no tracepoint %s\n", hooks[i].tracepoint);
		error = -ENOENT;
	}
	running = !error;
	/* Somebody may have been faster than we are. */
	for (i = 0; i < ARRAY_SIZE(hooks) && !error; i++)
		if (hooks[i].wanted)
			error = attach(&hooks[i]);
	mutex_unlock(&lock);
	if (error)
		hooks_stop();
	return error;
}

void hooks_stop(void)
{
	size_t i;

	mutex_lock(&lock);
	running = false;
	for (i = 0; i < ARRAY_SIZE(hooks); i++)
		detach(&hooks[i]);
	mutex_unlock(&lock);
	tracepoint_synchronize_unregister();
}
