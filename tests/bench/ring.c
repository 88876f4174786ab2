/* SPDX-License-Identifier: MIT */
/*
 * ring COUNT: a request through a shared ring page to another process and its response back, beside a bare
 * ping-pong over the same two eventfds: what the ring adds to the wake-up. Each on one processor and
 * across two. Then as many requests in flight as the ring holds. One line of JSON for each.
 */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include <xenbus/ring.h>

#define PAGE 4096
#define WARM_UP 1000

struct request {
	uint64_t id;
};
struct response {
	uint64_t id;
	int64_t result;
};
#define SLOT sizeof(struct response)

struct bench {
	void *page;
	int to_back, to_front; /* eventfds */
	uint64_t woken;	       /* of this process */
};

static void die(const char *what)
{
	fprintf(stderr, "ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
}

static void notify(int fd)
{
	if (eventfd_write(fd, 1) < 0)
		die("eventfd_write");
}

static void wait_for(struct bench *b, int fd)
{
	eventfd_t value;

	b->woken++;
	if (eventfd_read(fd, &value) < 0)
		die("eventfd_read");
}

/* -- the other process --------------------------------------------------------------------------- */

static void pong(struct bench *b)
{
	for (;;) {
		wait_for(b, b->to_back);
		notify(b->to_front);
	}
}

static void serve(struct bench *b)
{
	struct ring_back back;
	struct request req;
	int got;

	if (ring_back_attach(&back, b->page, PAGE, SLOT, 0) < 0)
		die("ring_back_attach");
	for (;;) {
		while ((got = ring_back_take(&back, &req, sizeof(req))) > 0) {
			struct response rsp = { .id = req.id };

			ring_back_put(&back, &rsp, sizeof(rsp));
		}
		if (ring_back_push(&back))
			notify(b->to_front);
		if (got == 0 && ring_back_wait(&back) == 0)
			wait_for(b, b->to_back);
	}
}

/* -- this process ----------------------------------------------------------------------------------- */

static void ping(struct bench *b)
{
	notify(b->to_back);
	wait_for(b, b->to_front);
}

static void take_responses(struct bench *b, struct ring_front *front, uint32_t wanted)
{
	struct response rsp;

	while (wanted) {
		int got = ring_front_take(front, &rsp, sizeof(rsp));

		if (got < 0)
			die("ring_front_take");
		wanted -= (uint32_t)got;
		if (!got && ring_front_wait(front) == 0)
			wait_for(b, b->to_front);
	}
}

static void round_trip(struct bench *b, struct ring_front *front, uint64_t id)
{
	struct request req = { .id = id };

	if (ring_front_put(front, &req, sizeof(req)) < 0)
		die("ring_front_put");
	if (ring_front_push(front))
		notify(b->to_back);
	take_responses(b, front, 1);
}

/* Keeps the ring full: as soon as half of it is answered, that half is asked again. */
static void stream(struct bench *b, struct ring_front *front, uint64_t count)
{
	uint32_t half = front->size / 2;

	for (uint64_t i = 0; i < count; i += half) {
		for (uint32_t j = 0; j < half; j++) {
			struct request req = { .id = i + j };

			if (ring_front_put(front, &req, sizeof(req)) < 0)
				die("ring_front_put");
		}
		if (ring_front_push(front))
			notify(b->to_back);
		if (ring_front_free(front) < half)
			take_responses(b, front, half);
	}
	take_responses(b, front, ring_front_inflight(front));
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *what, bool apart, uint64_t *took, uint64_t count)
{
	qsort(took, count, sizeof(*took), by_value);
	printf("{\"what\": \"%s\", \"processors\": %d, \"p50_us\": %.2f, \"p99_us\": %.2f}\n", what,
	       apart ? 2 : 1, (double)took[count / 2] / 1e3, (double)took[count * 99 / 100] / 1e3);
}

static void measure_latency(struct bench *b, struct ring_front *front, bool apart, bool ring, uint64_t count)
{
	uint64_t *took = calloc(count, sizeof(*took));

	if (!took)
		die("calloc");
	for (uint64_t i = 0; i < count + WARM_UP; i++) {
		uint64_t start = now_ns();

		if (ring)
			round_trip(b, front, i);
		else
			ping(b);
		if (i >= WARM_UP)
			took[i - WARM_UP] = now_ns() - start;
	}
	report(ring ? "ring round trip" : "eventfd ping-pong", apart, took, count);
	free(took);
}

static void measure_stream(struct bench *b, struct ring_front *front, bool apart, uint64_t count)
{
	uint64_t start = now_ns();

	stream(b, front, count);
	printf("{\"what\": \"ring kept full (%u slots)\", \"processors\": %d, \"requests_per_s\": %.0f, "
	       "\"wakeups_a_request\": %.4f}\n",
	       front->size, apart ? 2 : 1, (double)count * 1e9 / (double)(now_ns() - start),
	       (double)b->woken / (double)count);
}

enum mode { PING, ROUND_TRIP, STREAM };

/* Runs one measurement with a fresh page and a fresh process at the other end. */
static void run(enum mode mode, bool apart, uint64_t count)
{
	struct bench b = { .to_back = eventfd(0, EFD_CLOEXEC), .to_front = eventfd(0, EFD_CLOEXEC) };
	struct ring_front front;
	pid_t child;

	b.page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (b.page == MAP_FAILED || b.to_back < 0 || b.to_front < 0 ||
	    ring_front_init(&front, b.page, PAGE, SLOT) < 0)
		die("setting up");
	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	pin(child == 0 && apart);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mode == PING)
			pong(&b);
		serve(&b);
	}
	if (mode == STREAM)
		measure_stream(&b, &front, apart, count);
	else
		measure_latency(&b, &front, apart, mode == ROUND_TRIP, count);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(b.page, PAGE);
	close(b.to_back);
	close(b.to_front);
}

int main(int argc, char **argv)
{
	uint64_t count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;

	if (!count) {
		fprintf(stderr, "usage: ring COUNT\n");
		return 2;
	}
	for (int apart = 0; apart < (sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1); apart++) {
		run(PING, apart, count);
		run(ROUND_TRIP, apart, count);
		run(STREAM, apart, count * 50);
	}
	return 0;
}
