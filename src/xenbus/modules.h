/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_MODULES_H
#define XENBUS_MODULES_H
/*
 * Linux-style modules that run: each has a socket, DIR/modules/DOMID.NAME, and answers lines to a line. See
 * compat/control.c.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MODULES_FOLDER "modules"
#define MODULE_NAME_MAX 64

/* The folder of the sockets of the world @run_dir (an option's argument, NULL: not given). A descriptor; -ENOENT no module
 * was ever loaded; -1 after saying why not. */
int modules_open(const char *run_dir);

/* Asks the module of that number and name. The stream of its answers, closed by the caller, ends with its connection; NULL
 * and errno: ENOENT, ECONNREFUSED it does not run (what a dead one left is removed); EAGAIN it has not answered many already. */
FILE *module_ask(int folder, uint32_t domid, const char *name, const char *request);

/* Reading @answer fails with EAGAIN after @ms milliseconds without a line. */
void module_patience(FILE *answer, unsigned int ms);
/* The process that was asked, by the kernel's word, whether it answers or not; 0: unknown. */
int module_pid(FILE *answer);

/* The sockets that a world's modules left in the folder @path, and the folder, if nothing else is in it. Returns how many. */
int modules_remove_all(const char *path);

/* "alice-front.so" and "./alice_front" are alice_front, as insmod has it. False: it is no name. */
bool module_name(const char *text, char name[MODULE_NAME_MAX]);

/* The domain whose module @name is meant where none is named: the one that this process was started in, of a local world; on
 * Xen the folder is of one domain, whatever its number is; else 0. */
uint32_t module_own_domid(int folder, const char *run_dir, const char *name);

#endif
