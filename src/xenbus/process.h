/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_PROCESS_H
#define XENBUS_PROCESS_H
/* Other programs: found, started, waited for. */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Where @name, a program of this project, is: beside this one, in the sbin or libexec beside this one's folder, else where
 * it was to be installed. 0, or CLI_FAILURE after saying where it was sought. */
int process_find(const char *name, char *path, size_t size);

/* In a child: standard input from /dev/null, output and errors to the end of @log, a session of its own. */
void process_detach(const char *log);

/* A descriptor (close-on-exec) that becomes readable when @pid ends; -errno. */
int process_open(pid_t pid);
/* The same of the process that listens on the socket @path; -errno: nobody does. */
int process_behind_socket(const char *path);
/* Waits until that descriptor says so, @timeout_ms at most. */
bool process_gone(int pidfd, int timeout_ms);
/* Ends it: SIGTERM, and SIGKILL if it is there after @grace_ms. Closes @pidfd. */
void process_end(int pidfd, int grace_ms);

#endif
