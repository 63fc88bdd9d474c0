/* SPDX-License-Identifier: MIT */
/* The agent: a thread of the guest that answers hosts, on the control socket and through /dev/vmitap (control_abi.h,
 * device_abi.h). */
#ifndef VMITAP_AGENT_H
#define VMITAP_AGENT_H

/* Makes the agent look at the registry again. Any thread; does nothing where no agent runs. */
void vmitap_agent_wake(void);

#endif /* VMITAP_AGENT_H */
