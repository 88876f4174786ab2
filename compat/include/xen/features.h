/* SPDX-License-Identifier: MIT */
#ifndef _XEN_FEATURES_H
#define _XEN_FEATURES_H

#define XENFEAT_auto_translated_physmap 2
#define xen_feature(feature) ((feature) == XENFEAT_auto_translated_physmap)

#endif
