/* SPDX-License-Identifier: MIT */
#ifndef _ASM_XEN_HYPERCALL_H
#define _ASM_XEN_HYPERCALL_H
#include <linux/types.h>

/* alloc_unbound, bind_interdomain, close, send and unmask of <xen/interface/event_channel.h>; others: -ENOSYS. */
int HYPERVISOR_event_channel_op(int cmd, void *arg) LINUX_SYMBOL(HYPERVISOR_event_channel_op);
int HYPERVISOR_grant_table_op(unsigned int cmd, void *uop, unsigned int count)
	LINUX_REFUSED("a process maps grants with xenbus_map_ring_valloc()");
int HYPERVISOR_memory_op(unsigned int cmd, void *arg)
	LINUX_REFUSED("a process has no memory map of the domain");
int HYPERVISOR_hvm_op(int op, void *arg) LINUX_REFUSED("a process has no hypercalls");
int HYPERVISOR_vcpu_op(int cmd, int vcpuid, void *extra_args) LINUX_REFUSED("a process has no hypercalls");

#endif
