/* SPDX-License-Identifier: MIT */
#ifndef _INPUT_MT_H
#define _INPUT_MT_H
#include <linux/input.h>

static inline int input_mt_init_slots(struct input_dev *dev, unsigned int slots, unsigned int flags)
{
	return 0;
}

static inline void input_mt_slot(struct input_dev *dev, int slot)
{
}

static inline void input_mt_report_slot_state(struct input_dev *dev, unsigned int tool, bool active)
{
}

static inline void input_mt_report_slot_inactive(struct input_dev *dev)
{
}

static inline void input_mt_sync_frame(struct input_dev *dev)
{
}

#endif
