/* SPDX-License-Identifier: MIT */
/* Calls what nobody has. */
#include <linux/module.h>

int no_such_function_anywhere(void);

static int __init unknown_init(void)
{
	return no_such_function_anywhere();
}
module_init(unknown_init);
MODULE_LICENSE("Dual MIT/GPL");
