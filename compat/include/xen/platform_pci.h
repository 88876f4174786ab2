/* SPDX-License-Identifier: MIT */
#ifndef _XEN_PLATFORM_PCI_H
#define _XEN_PLATFORM_PCI_H

#define xen_has_pv_devices() true
#define xen_has_pv_disk_devices() true
#define xen_has_pv_nic_devices() true

#endif
