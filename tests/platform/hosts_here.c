/* SPDX-License-Identifier: MIT */
#include "hosts_here.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct xenbus_host *hosts_get(struct hosts *hosts, struct xen_platform *platform)
{
	int free_one = HOSTS;

	for (int i = 0; i < HOSTS; i++) {
		if (hosts->of[i].platform == platform)
			return hosts->of[i].host;
		if (!hosts->of[i].platform)
			free_one = i;
	}
	assert_true(free_one < HOSTS);
	assert_int_equal(xenbus_host_new(&hosts->of[free_one].host), 0);
	hosts->of[free_one].platform = platform;
	return hosts->of[free_one].host;
}

void hosts_forget(struct hosts *hosts, struct xen_platform *platform)
{
	for (int i = 0; i < HOSTS; i++) {
		if (!platform || hosts->of[i].platform != platform)
			continue;
		xenbus_host_free(hosts->of[i].host);
		hosts->of[i].host = NULL;
		hosts->of[i].platform = NULL;
	}
}

void hosts_turn(struct hosts *hosts)
{
	for (int i = 0; i < HOSTS; i++)
		if (hosts->of[i].host)
			assert_true(xenbus_host_dispatch(hosts->of[i].host, 1) >= 0);
}

static void accept_one(struct xenbus_source *source, unsigned int events)
{
	struct hosts *hosts = (struct hosts *)((char *)source - offsetof(struct hosts, listener));
	int fd = accept(source->fd, NULL, NULL);

	assert_true(fd >= 0);
	hosts->listener.accepted(hosts->listener.ctx, fd);
}

const char *hosts_listen(struct hosts *hosts, struct xen_platform *platform, const char *dir,
			 void (*accepted)(void *ctx, int fd), void *ctx)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	hosts->listener.source.ready = accept_one;
	hosts->listener.accepted = accepted;
	hosts->listener.ctx = ctx;
	hosts->listener.host = hosts_get(hosts, platform);
	snprintf(hosts->listener.path, sizeof(hosts->listener.path), "%s/socket", dir);
	strcpy(address.sun_path, hosts->listener.path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(
		xenbus_source_add(hosts->listener.host, &hosts->listener.source, fd, XENBUS_SOURCE_READ), 0);
	return hosts->listener.path;
}

const char *hosts_nobody(struct hosts *hosts, const char *dir)
{
	snprintf(hosts->listener.nobody, sizeof(hosts->listener.nobody), "%s/nobody", dir);
	return hosts->listener.nobody;
}

static void stop_listening(struct hosts *hosts)
{
	int fd = hosts->listener.source.fd;

	if (!hosts->listener.host)
		return;
	xenbus_source_remove(hosts->listener.host, &hosts->listener.source);
	close(fd);
	unlink(hosts->listener.path);
	hosts->listener.host = NULL;
}

void hosts_free(struct hosts *hosts)
{
	stop_listening(hosts);
	for (int i = 0; i < HOSTS; i++)
		hosts_forget(hosts, hosts->of[i].platform);
}
