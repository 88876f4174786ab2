/* SPDX-License-Identifier: MIT */
#ifndef PLATFORM_LOCAL_ADDRESS_H
#define PLATFORM_LOCAL_ADDRESS_H
/* The broker's socket in a run directory, however long its path is. */
#include <sys/socket.h>
#include <sys/un.h>

struct local_address {
	struct sockaddr_un un;
	int dir; /* -1, or the directory, which @un names by number */
};

/* 0; -errno of opening the directory. Valid until released. */
int local_address(struct local_address *address, const char *rundir);
void local_address_release(struct local_address *address);

#endif
