/* SPDX-License-Identifier: MIT */
/* Neither init nor exit: a module nevertheless. */
#include <linux/module.h>

MODULE_LICENSE("Dual MIT/GPL");
