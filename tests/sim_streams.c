/* SPDX-License-Identifier: MIT */
/* The simulator's streams and events where it does more than the contract: what is cut short, full, or chosen. */
#include "sim_world.h"

enum { ROOM = 65536, BACKLOG = 128 };

struct party {
	struct sim_process *process;
	struct xenbus_host *host;
	int fd[BACKLOG + 1];
	int count;
};

static void party_init(struct party *p, struct sim *sim, uint32_t domid, const char *name)
{
	*p = (struct party){ .process = start(sim, domid, name) };
	p->host = sim_process_host(p->process);
}

static void party_end(struct party *p)
{
	while (p->count)
		xenbus_stream_close(p->host, p->fd[--p->count]);
	sim_process_free(p->process);
}

static void accepted(void *ctx, int fd)
{
	struct party *p = ctx;

	p->fd[p->count++] = fd;
}

static void party_connect(struct party *p)
{
	p->fd[p->count] = xenbus_stream_connect(p->host, "/socket");
	assert_true(p->fd[p->count++] > 0);
}

/* A server in domain 0 and a client beside it, connected. */
struct scene {
	struct noting noting;
	struct party server, client;
};

static void scene_init(struct scene *s, uint64_t seed)
{
	noting_init(&s->noting, (struct sim_config){ .seed = seed });
	party_init(&s->server, s->noting.sim, 0, "server");
	party_init(&s->client, s->noting.sim, 0, "client");
	assert_int_equal(sim_listen(s->server.process, "/socket", accepted, &s->server), 0);
	party_connect(&s->client);
	assert_true(sim_step(s->noting.sim));
	assert_int_equal(s->server.count, 1);
}

static void scene_deinit(struct scene *s)
{
	party_end(&s->client);
	party_end(&s->server);
	noting_deinit(&s->noting);
}

/* Not the same a buffer's length later. */
static uint8_t byte_at(size_t at)
{
	return (uint8_t)((uint32_t)at * 2654435761u >> 24);
}

/* Ten times as much as there is room for, in pieces of any size, with some cut short: nothing is lost or moved. */
static void bytes_survive_short_sends_and_receives(void **state)
{
	unsigned int sent = 0, got = 0, cut = 0, calls = 0;
	static uint8_t buf[1 << 16];
	struct scene s;

	scene_init(&s, 1);
	while (got < 10 * ROOM) {
		size_t len = 1 + sim_choose(s.noting.sim, 5000), room = ROOM - (sent - got);
		ssize_t n;

		for (size_t i = 0; i < len; i++)
			buf[i] = byte_at(sent + i);
		n = xenbus_stream_send(s.client.host, s.client.fd[0], buf, len);
		assert_int_equal(n == -EAGAIN, room == 0);
		calls++;
		cut += n > 0 && (size_t)n < len && (size_t)n < room;
		sent += n > 0 ? (unsigned int)n : 0;
		len = sim_choose(s.noting.sim, 6000) + 1;
		n = xenbus_stream_recv(s.server.host, s.server.fd[0], buf, len);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(got + (size_t)i));
		got += n > 0 ? (unsigned int)n : 0;
	}
	assert_true(cut * 16 > calls / 4 && cut * 16 < calls);
	scene_deinit(&s);
}

static void a_stream_holds_so_much_and_no_more(void **state)
{
	static uint8_t buf[ROOM];
	struct scene s;
	size_t sent = 0;
	ssize_t n;

	scene_init(&s, 2);
	while ((n = xenbus_stream_send(s.client.host, s.client.fd[0], buf, sizeof(buf))) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(sent, ROOM);
	scene_deinit(&s);
}

static void a_full_backlog_refuses_for_now(void **state)
{
	struct scene s;

	scene_init(&s, 3);
	for (int i = 1; i < BACKLOG; i++)
		party_connect(&s.client);
	party_connect(&s.client);
	assert_int_equal(xenbus_stream_connect(s.client.host, "/socket"), -EAGAIN);
	while (s.server.count < 2)
		sim_step(s.noting.sim);
	xenbus_stream_close(s.client.host, s.client.fd[--s.client.count]);
	party_connect(&s.client);
	while (sim_step(s.noting.sim)) /* also the one that has gone again */
		if (s.server.count > BACKLOG)
			xenbus_stream_close(s.server.host, s.server.fd[--s.server.count]);
	scene_deinit(&s);
}

static void a_path_belongs_to_one_process_of_one_domain(void **state)
{
	struct party guest;
	struct scene s;

	scene_init(&s, 4);
	party_init(&guest, s.noting.sim, 1, "guest");
	assert_int_equal(sim_listen(s.client.process, "/socket", accepted, &s.client), -EEXIST);
	assert_int_equal(xenbus_stream_connect(guest.host, "/socket"), -ENOENT);
	assert_int_equal(sim_listen(guest.process, "/socket", accepted, &guest), 0);
	party_end(&guest);
	scene_deinit(&s);
}

/* Who waited to be accepted is reset, who was is hung up on; the name refuses until another takes it. */
static void the_death_of_a_server_is_seen_by_its_clients(void **state)
{
	struct scene s;
	char c;

	scene_init(&s, 5);
	party_connect(&s.client);
	sim_process_kill(s.server.process);
	assert_int_equal(xenbus_stream_recv(s.client.host, s.client.fd[0], &c, 1), 0);
	assert_int_equal(xenbus_stream_recv(s.client.host, s.client.fd[1], &c, 1), -ECONNRESET);
	assert_int_equal(xenbus_stream_connect(s.client.host, "/socket"), -ECONNREFUSED);
	party_end(&s.server);
	party_init(&s.server, s.noting.sim, 0, "next");
	assert_int_equal(sim_listen(s.server.process, "/socket", accepted, &s.server), 0);
	party_connect(&s.client);
	while (sim_step(s.noting.sim))
		;
	assert_int_equal(s.server.count, 1);
	scene_deinit(&s);
}

/* -- events ------------------------------------------------------------------------------------------------ */

enum { PORTS = 4 };

/* All pending; the order in which they are taken, while the first three are raised again at once. */
static void take_all(uint64_t seed, int order[PORTS])
{
	struct sim_process *p[2];
	struct xen_platform_evtchn *xce[2];
	uint32_t port[2][PORTS];
	struct noting n;
	int taken = 0;

	noting_init(&n, (struct sim_config){ .seed = seed });
	for (uint32_t i = 0; i < 2; i++) {
		p[i] = start(n.sim, i, "end");
		assert_int_equal(xen_platform_evtchn_open(sim_process_platform(p[i]), &xce[i]), 0);
	}
	for (int i = 0; i < PORTS; i++) {
		port[1][i] = (uint32_t)xen_platform_evtchn_bind_unbound_port(xce[1], 0);
		port[0][i] = (uint32_t)xen_platform_evtchn_bind_interdomain(xce[0], 1, port[1][i]);
	}
	memset(order, 0xff, PORTS * sizeof(order[0]));
	while (order[PORTS - 1] < 0) {
		int i = 0, got = xen_platform_evtchn_pending(xce[0]);

		while (port[0][i] != (uint32_t)got)
			assert_true(++i < PORTS);
		if (order[i] < 0)
			order[i] = taken;
		assert_true(++taken <= PORTS + 2); /* none is passed over for long */
		assert_int_equal(xen_platform_evtchn_notify(xce[1], port[1][i]), 0);
		assert_int_equal(xen_platform_evtchn_unmask(xce[0], port[0][i]), 0);
	}
	for (int i = 0; i < 2; i++) {
		xen_platform_evtchn_close(xce[i]);
		sim_process_free(p[i]);
	}
	noting_deinit(&n);
}

static void which_pending_port_is_taken_is_a_choice_and_fair(void **state)
{
	unsigned int first[PORTS] = { 0 };

	for (uint64_t seed = 0; seed < 64; seed++) {
		int order[PORTS];

		take_all(seed, order);
		for (int i = 0; i < PORTS; i++)
			first[i] += order[i] == 0;
	}
	for (int i = 0; i < PORTS; i++)
		assert_true(first[i] > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_survive_short_sends_and_receives),
		cmocka_unit_test(a_stream_holds_so_much_and_no_more),
		cmocka_unit_test(a_full_backlog_refuses_for_now),
		cmocka_unit_test(a_path_belongs_to_one_process_of_one_domain),
		cmocka_unit_test(the_death_of_a_server_is_seen_by_its_clients),
		cmocka_unit_test(which_pending_port_is_taken_is_a_choice_and_fair),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
