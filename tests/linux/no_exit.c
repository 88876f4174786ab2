/* SPDX-License-Identifier: MIT */
/* Has a beginning and no end: cannot be unloaded. */
#include <linux/module.h>

static int __init no_exit_init(void)
{
	return 0;
}
module_init(no_exit_init);
MODULE_LICENSE("Dual MIT/GPL");
