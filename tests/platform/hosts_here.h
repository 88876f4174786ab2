/* SPDX-License-Identifier: MIT */
#ifndef TESTS_PLATFORM_HOSTS_HERE_H
#define TESTS_PLATFORM_HOSTS_HERE_H
/* This operating system's hosts, one for each process of a fixture that asks; and the socket that clients connect to. */
#include "fixture.h"

#define HOSTS 64

struct hosts {
	struct {
		struct xen_platform *platform;
		struct xenbus_host *host;
	} of[HOSTS];
	struct {
		struct xenbus_source source;
		struct xenbus_host *host;
		char path[64], nobody[64];
		void (*accepted)(void *ctx, int fd);
		void *ctx;
	} listener;
};

/* @platform's host, made when it is first asked for. */
struct xenbus_host *hosts_get(struct hosts *hosts, struct xen_platform *platform);
/* Its process has ended. */
void hosts_forget(struct hosts *hosts, struct xen_platform *platform);
void hosts_turn(struct hosts *hosts);
/* As fixture_listen() and fixture_nobody(), in @dir. */
const char *hosts_listen(struct hosts *hosts, struct xen_platform *platform, const char *dir,
			 void (*accepted)(void *ctx, int fd), void *ctx);
const char *hosts_nobody(struct hosts *hosts, const char *dir);
/* Ends all that is left. */
void hosts_free(struct hosts *hosts);

#endif
