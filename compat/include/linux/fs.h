/* SPDX-License-Identifier: MIT */
#ifndef _LINUX_FS_H
#define _LINUX_FS_H
#include <linux/kernel.h>

struct file;
struct file_operations;
struct inode;
int register_chrdev(unsigned int major, const char *name, const struct file_operations *fops)
	LINUX_REFUSED("a module has no character devices");

#endif
