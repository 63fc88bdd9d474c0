/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/vmitap (device_abi.h). */
#ifndef VMITAP_DEVICE_H
#define VMITAP_DEVICE_H

/* 0 or a negative errno. */
int vmitap_device_start(void);
void vmitap_device_stop(void);

#endif /* VMITAP_DEVICE_H */
