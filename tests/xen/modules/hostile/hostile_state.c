// SPDX-License-Identifier: GPL-2.0
/*
 * Takes the place of vmitap.ko's state.c, which it is made of: a domain whose channel is as it should be, until
 * the parameter `lie` names what is to be wrong with it.
 *
 *	insmod vmitap_hostile.ko [lie=NAME]
 *	echo NAME >/sys/module/vmitap_hostile/parameters/lie	takes the channel down and offers it with this lie
 *	echo 1 >/sys/module/vmitap_hostile/parameters/go	what goes on without end begins
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/moduleparam.h>
#include <xen/xenbus.h>

#include "catalog.h"
#include "lies.h"
#include "mailbox.h"
#include "session.h"
#include "state.h"
#include "xenstore.h"

static void bent_catalog_write(struct vmitap_channel *channel);
static void bent_session_serve(struct vmitap_channel *channel);
static int bent_advertise(struct vmitap_channel *channel);

#define vmitap_catalog_write bent_catalog_write
#define vmitap_session_serve bent_session_serve
#define vmitap_xenstore_advertise bent_advertise
#define vmitap_state_start honest_start
#define vmitap_state_stop honest_stop
#include "state.c"
#undef vmitap_catalog_write
#undef vmitap_session_serve
#undef vmitap_xenstore_advertise
#undef vmitap_state_start
#undef vmitap_state_stop

static bool go;
module_param(go, bool, 0644);

static const struct hostile_lie *lie; /* under vmitap_lock once it runs */
static struct task_struct *mischief;
static bool started;

static void bent_catalog_write(struct vmitap_channel *channel)
{
	vmitap_catalog_write(channel);
	if (lie->catalog)
		lie->catalog(channel);
}

static int bent_advertise(struct vmitap_channel *channel)
{
	int error;

	if (lie->channel)
		lie->channel(channel);
	error = vmitap_xenstore_advertise(channel);
	if (!error && lie->store)
		lie->store(channel);
	return error;
}

static void bent_session_serve(struct vmitap_channel *channel)
{
	static struct vmitap_request request;
	static u8 nonsense[VMITAP_MAILBOX_MESSAGE_MAX];
	unsigned int i;

	if (lie->answer == ANSWER_TRULY)
		return vmitap_session_serve(channel);
	if (lie->answer == ANSWER_NEVER || !vmitap_mailbox_take(channel, &request))
		return;
	for (i = 0; i < sizeof(nonsense); i++)
		nonsense[i] = hostile_random();
	vmitap_mailbox_answer(channel, request.sequence, nonsense, sizeof(nonsense));
}

static int make_mischief(void *unused)
{
	while (!kthread_should_stop()) {
		if (go || lie->at_once) {
			lie->round(&channel);
			usleep_range(100, 200); /* the lab has few processors, and all need them */
		} else {
			msleep(10);
		}
	}
	return 0;
}

static int begin(void)
{
	if (!lie->round)
		return 0;
	mischief = kthread_run(make_mischief, NULL, "hostile");
	return PTR_ERR_OR_ZERO(mischief);
}

static void end(void)
{
	if (!IS_ERR_OR_NULL(mischief))
		kthread_stop(mischief);
	mischief = NULL;
}

static int set_lie(const char *text, const struct kernel_param *parameter)
{
	char name[32];
	const struct hostile_lie *wanted;
	int error = 0;

	strscpy(name, text, sizeof(name));
	wanted = hostile_lie(strim(name));
	if (!wanted)
		return -EINVAL;
	if (!started) {
		lie = wanted;
		return 0;
	}
	end();
	mutex_lock(&vmitap_lock);
	take_down();
	xenbus_rm(XBT_NIL, "data", "vmitap"); /* all that an earlier lie left there */
	lie = wanted;
	error = offer();
	mutex_unlock(&vmitap_lock);
	go = false;
	return error ?: begin();
}

static const struct kernel_param_ops lie_operations = { .set = set_lie };
module_param_cb(lie, &lie_operations, NULL, 0200);

int vmitap_state_start(void)
{
	int error;

	if (!lie)
		lie = hostile_lie("none");
	error = honest_start() ?: begin();
	started = !error;
	return error;
}

void vmitap_state_stop(void)
{
	started = false;
	end();
	honest_stop();
}
