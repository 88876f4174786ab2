/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_PM_H
#define _LINUX_PM_H

struct device;
struct dev_pm_ops {
	int (*suspend)(struct device *dev);
	int (*resume)(struct device *dev);
	int (*freeze)(struct device *dev);
	int (*thaw)(struct device *dev);
	int (*restore)(struct device *dev);
};

#endif
