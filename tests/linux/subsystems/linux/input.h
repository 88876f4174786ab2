/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_INPUT_H
#define _LINUX_INPUT_H
/* As much of an input subsystem as drivers/input/misc/xen-kbdfront.c calls: what is reported becomes lines of the log. */
#include <linux/bitops.h>
#include <linux/printk.h>
#include <linux/slab.h>

#define BUS_PCI 0x01
#define EV_SYN 0
#define EV_KEY 1
#define EV_REL 2
#define EV_ABS 3
#define SYN_REPORT 0
#define KEY_ESC 1
#define KEY_UNKNOWN 240
#define BTN_LEFT 0x110
#define BTN_TASK 0x117
#define KEY_OK 0x160
#define KEY_MAX 0x2ff
#define REL_X 0
#define REL_Y 1
#define REL_WHEEL 8
#define REL_MAX 15
#define ABS_X 0
#define ABS_Y 1
#define ABS_MT_TOUCH_MAJOR 0x30
#define ABS_MT_TOUCH_MINOR 0x31
#define ABS_MT_ORIENTATION 0x34
#define ABS_MT_POSITION_X 0x35
#define ABS_MT_POSITION_Y 0x36
#define ABS_MAX 0x3f
#define MT_TOOL_FINGER 0
#define INPUT_MT_DIRECT 2

struct input_id {
	u16 bustype, vendor, product, version;
};
struct input_dev {
	const char *name, *phys;
	struct input_id id;
	DECLARE_BITMAP(evbit, 32);
	DECLARE_BITMAP(keybit, KEY_MAX + 1);
	DECLARE_BITMAP(key, KEY_MAX + 1); /* pressed now */
	DECLARE_BITMAP(relbit, REL_MAX + 1);
	int abs_max[ABS_MAX + 1];
};

static inline struct input_dev *input_allocate_device(void)
{
	return kzalloc(sizeof(struct input_dev), GFP_KERNEL);
}

static inline void input_free_device(struct input_dev *dev)
{
	kfree(dev);
}

static inline int input_register_device(struct input_dev *dev)
{
	printk(KERN_INFO "input: %s as %s\n", dev->name, dev->phys);
	return 0;
}

static inline void input_unregister_device(struct input_dev *dev)
{
	printk(KERN_INFO "input: %s is gone\n", dev->name);
	kfree(dev);
}

static inline void input_event(struct input_dev *dev, unsigned int type, unsigned int code, int value)
{
	static const char *const types[] = { "syn", "key", "rel", "abs" };

	if (type == EV_KEY && code <= KEY_MAX) {
		__clear_bit(code, dev->key);
		dev->key[BIT_WORD(code)] |= value ? BIT_MASK(code) : 0;
	}
	printk(KERN_INFO "input: %s: %s %u = %d\n", dev->name, types[type & 3], code, value);
}

#define input_report_key(dev, code, value) input_event(dev, EV_KEY, code, !!(value))
#define input_report_rel(dev, code, value) input_event(dev, EV_REL, code, value)
#define input_report_abs(dev, code, value) input_event(dev, EV_ABS, code, value)
#define input_sync(dev) input_event(dev, EV_SYN, SYN_REPORT, 0)

static inline void input_set_capability(struct input_dev *dev, unsigned int type, unsigned int code)
{
	__set_bit(type, dev->evbit);
	if (type == EV_REL)
		__set_bit(code, dev->relbit);
}

static inline void input_set_abs_params(struct input_dev *dev, unsigned int axis, int min, int max, int fuzz,
					int flat)
{
	__set_bit(EV_ABS, dev->evbit);
	dev->abs_max[axis] = max;
}

#endif
