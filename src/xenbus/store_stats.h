/* SPDX-License-Identifier: MIT */
#ifndef XENBUS_STORE_STATS_H
#define XENBUS_STORE_STATS_H
struct cli_command;

/* `xenbus store stats`. Exit status. */
int store_stats(const struct cli_command *command, int argc, char **argv);

#endif
