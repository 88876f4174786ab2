/* SPDX-License-Identifier: MIT */
/* A shared object, and no module. */
#include <linux/module.h>

int no_module_at_all(void);
int no_module_at_all(void)
{
	return 0;
}
