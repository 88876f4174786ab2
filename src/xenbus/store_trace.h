/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STORE_TRACE_H
#define XENBUS_STORE_TRACE_H
struct cli_command;

/* `xenbus store trace`. Exit status. */
int store_trace(const struct cli_command *command, int argc, char **argv);

#endif
