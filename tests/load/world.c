/* SPDX-License-Identifier: MIT */
/* The server and everybody's connection with it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define COUNTING 50u /* each so manieth socket */

void load_wrong(struct load *load, const char *format, ...)
{
	va_list args;

	if (!load->judges || load->wrongs++)
		return;
	va_start(args, format);
	vsnprintf(load->wrong, sizeof(load->wrong), format, args);
	va_end(args);
}

uint64_t load_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint32_t load_dice(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static bool changes(uint32_t type)
{
	return type == XS_WRITE || type == XS_MKDIR || type == XS_RM || type == XS_SET_PERMS;
}

bool load_ask(struct load *load, uint32_t type, const void *payload, size_t len, struct peer_message *reply)
{
	struct peer_message own;
	int err;

	reply = reply ? reply : &own;
	err = peer_ask(load->dom0, type, 0, payload, len, reply);
	if (err || reply->header.type == XS_ERROR) {
		load_wrong(load, "domain 0's request %u of %s: %s", type, (const char *)payload,
			   err ? strerror(-err) : reply->payload);
		return false;
	}
	if (changes(type))
		model_acknowledged(&load->model, 0, type, payload, len);
	return true;
}

static bool make_home(struct load *load, uint32_t domid)
{
	char payload[64];
	int n = snprintf(payload, sizeof(payload), "/local/domain/%u", domid) + 1;

	if (!load_ask(load, XS_MKDIR, payload, (size_t)n, NULL))
		return false;
	n = snprintf(payload, sizeof(payload), "/local/domain/%u%cn%u", domid, 0, domid) + 1;
	if (!load_ask(load, XS_SET_PERMS, payload, (size_t)n, NULL))
		return false;
	n = snprintf(payload, sizeof(payload), "%u%c1%c1", domid, 0, 0) + 1;
	return load_ask(load, XS_INTRODUCE, payload, (size_t)n, NULL);
}

struct peer_conn *load_guest(struct load *load, uint32_t domid)
{
	struct peer_conn *conn;
	int err = peer_domain_create(load->peer, domid);

	if (!err)
		err = peer_guest(load->peer, domid, &conn);
	if (err) {
		load_wrong(load, "domain %u: %s", domid, strerror(-err));
		return NULL;
	}
	return make_home(load, domid) ? conn : NULL;
}

void load_guest_gone(struct load *load, uint32_t domid)
{
	struct peer_message reply;
	char path[64];
	int n = snprintf(path, sizeof(path), "/local/domain/%u", domid) + 1;

	peer_domain_destroy(load->peer, domid);
	peer_virq(load->peer);
	while (load_ask(load, XS_IS_DOMAIN_INTRODUCED, strrchr(path, '/') + 1, strlen(strrchr(path, '/')),
			&reply) &&
	       reply.payload[0] == 'T')
		;
	load_ask(load, XS_RM, path, (size_t)n, NULL);
}

static unsigned long long number(struct load *load, const char *text, const char *name)
{
	const char *at = strstr(text, name);

	if (at)
		return strtoull(at + strlen(name), NULL, 10);
	load_wrong(load, "no %s in the statistics: %s", name, text);
	return 0;
}

struct load_held load_held(struct load *load)
{
	struct peer_message reply;

	if (!load_ask(load, XS_CONTROL, "stats", 6, &reply))
		return (struct load_held){ 0 };
	return (struct load_held){ number(load, reply.payload, "\"open\":"),
				   number(load, reply.payload, "\"domains\":"),
				   number(load, reply.payload, "\"connections\":"),
				   number(load, reply.payload, "\"watches\":") };
}

void load_passed(struct load *load, uint32_t *most, uint32_t *most_guest, bool reset)
{
	static const char ask[] = "fairness", clear[] = "fairness\0reset";
	struct peer_message reply;

	if (!load->judges ||
	    !load_ask(load, XS_CONTROL, reset ? clear : ask, reset ? sizeof(clear) : sizeof(ask), &reply))
		return;
	if (!reset && sscanf(reply.payload, "clients %u of %*u, guests %u of %*u", most, most_guest) != 2)
		load_wrong(load, "fairness is told as: %s", reply.payload);
}

static int watch_socket(struct load *load, struct victim *victim)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = victim };

	return epoll_ctl(load->epoll, EPOLL_CTL_ADD, peer_fd(victim->conn), &ev);
}

static bool connect_one(struct load *load, unsigned int i, uint32_t seed)
{
	struct victim *victim = &load->victims[i];
	bool guest = i < load->guests;

	*victim = (struct victim){ .load = load, .number = i, .domid = guest ? i + 1 : 0 };
	victim->seed = seed * 2654435761u + i * 40503u;
	if (guest) {
		snprintf(victim->home, sizeof(victim->home), "/local/domain/%u", i + 1);
		victim->conn = load_guest(load, i + 1);
		return victim->conn;
	}
	snprintf(victim->home, sizeof(victim->home), "/load/s%u", i);
	victim->counts = i % COUNTING == 0;
	victim->counter = i / COUNTING / 2;
	if (victim->counter >= load->counters)
		load->counters = victim->counter + 1;
	return peer_connect(load->peer, &victim->conn) == 0 && watch_socket(load, victim) == 0 &&
	       load_ask(load, XS_MKDIR, victim->home, strlen(victim->home) + 1, NULL);
}

static void make_big_folder(struct load *load)
{
	char payload[64];

	for (unsigned int i = 0; i < LOAD_BIG; i++) {
		int n = snprintf(payload, sizeof(payload), "/load/big/child-%05u%cx", i, 0);

		load_ask(load, XS_WRITE, payload, (size_t)n, NULL);
	}
	load_ask(load, XS_SET_PERMS, "/load/big\0r0", 13, NULL);
}

static void make_counters(struct load *load)
{
	char payload[64];

	load->counted = calloc(load->counters + 1, sizeof(*load->counted));
	if (!load->counted)
		abort();
	for (unsigned int i = 0; i < load->counters; i++) {
		int n = snprintf(payload, sizeof(payload), "/load/counter%u%c0", i, 0);

		load_ask(load, XS_WRITE, payload, (size_t)n, NULL);
	}
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool populate(struct load *load, uint32_t seed)
{
	if (peer_connect(load->peer, &load->dom0))
		return false;
	checker_read(load, &load->model);
	make_big_folder(load);
	for (unsigned int i = 0; i < load->count; i++)
		if (!connect_one(load, i, seed)) {
			load_wrong(load, "connection %u of %u", i, load->count);
			return false;
		}
	make_counters(load);
	return !load->wrongs;
}

struct load *load_begin(enum peer_kind kind, unsigned int guests, unsigned int sockets, uint32_t seed)
{
	struct load *load = calloc(1, sizeof(*load));
	int err;

	if (!load)
		abort();
	raise_descriptors();
	load->guests = guests;
	load->sockets = sockets;
	load->count = guests + sockets;
	load->victims = calloc(load->count, sizeof(*load->victims));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!load->victims || load->epoll < 0)
		abort();
	load->judges = kind == PEER_OURS;
	err = peer_start(kind, NULL, &load->peer);
	if (!err && populate(load, seed))
		return load;
	fprintf(stderr, "load: %s\n", err ? strerror(-err) : load->wrong);
	load_end(load);
	return NULL;
}

int load_end(struct load *load)
{
	int failed = load->peer ? peer_stop(load->peer) : 0;

	close(load->epoll);
	model_tree_free(&load->model);
	free(load->latencies);
	free(load->counted);
	free(load->victims);
	free(load);
	return failed;
}
