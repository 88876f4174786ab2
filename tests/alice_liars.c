/* SPDX-License-Identifier: MIT */
/* Each of alice's ends against a peer that breaks the protocol in one way: it says so once, lets go of
 * everything, closes, and serves the next peer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/list.h>
#include <xenbus/ring.h>

#include <alice/back.h>
#include <alice/front.h>
#include <alice/protocol.h>
#include "pair_world.h"

/* A peer of the framework's good manners, but for one lie. Texts: NULL the truth, "" no such key. */
struct lie {
	const char *name;
	const char *ring_ref, *event_channel, *stream_refs; /* of a front */
	const char *feature, *max_pages;		    /* of a back */
	void (*refs)(struct alice_refs *refs);
	void (*ring)(struct ring_shared *ring); /* when it is connected */
	const char *said;			/* by the honest end */
	uint32_t pages;				/* that the honest front shared */
};

struct liar {
	struct xenbus_driver driver;
	const struct lie *lie;
	uint32_t port;
};

static const struct lie *lie_of(const struct xenbus_device *dev)
{
	return list_entry(dev->driver, struct liar, driver)->lie;
}

static int key(struct xenbus_device *dev, const char *name, const char *lie, uint32_t truth)
{
	if (lie && !*lie)
		return 0;
	return lie ? xenbus_publish_add(dev, name, "%s", lie) : xenbus_publish_add(dev, name, "%u", truth);
}

static void ignore_event(struct xenbus_device *dev, void *arg)
{
}

/* -- a lying front ------------------------------------------------------------------------------- */

static int front_publish(struct xenbus_device *dev)
{
	const struct lie *lie = lie_of(dev);
	struct ring_front front;
	struct alice_refs *refs;
	void *ring, *pages, *list;
	uint32_t port, ring_ref, list_ref;

	assert_int_equal(xenbus_alloc_evtchn(dev, ignore_event, NULL, &port), 0);
	assert_int_equal(xenbus_setup_ring_notify(dev, ALICE_FRONT_ALIVE, port, &ring, &ring_ref), 0);
	assert_int_equal(xenbus_setup_ring(dev, 1, false, &list, &list_ref), 0);
	refs = list;
	assert_int_equal(xenbus_setup_ring(dev, 8, false, &pages, refs->refs), 0);
	refs->count = 8;
	refs->page_bytes = ALICE_PAGE_BYTES;
	if (lie->refs)
		lie->refs(refs);
	ring_front_init(&front, ring, 4096, sizeof(union alice_slot));
	((uint8_t *)ring)[ALICE_FRONT_ALIVE] = 1;
	dev_set_drvdata(dev, ring);
	key(dev, "ring-ref", lie->ring_ref, ring_ref);
	key(dev, "event-channel", lie->event_channel, port);
	key(dev, "stream-refs", lie->stream_refs, list_ref);
	list_entry(dev->driver, struct liar, driver)->port = port;
	return 0;
}

static int liar_connect(struct xenbus_device *dev)
{
	const struct lie *lie = lie_of(dev);

	if (lie->ring)
		lie->ring(dev_get_drvdata(dev));
	return xenbus_notify(dev, list_entry(dev->driver, struct liar, driver)->port);
}

static void no_refs(struct alice_refs *refs)
{
	refs->count = 0;
}

static void too_many_refs(struct alice_refs *refs)
{
	refs->count = 257;
}

static void odd_pages(struct alice_refs *refs)
{
	refs->page_bytes = 65536;
}

static void a_ref_of_nobody(struct alice_refs *refs)
{
	refs->refs[5] = 1000000;
}

static void requests_from_nowhere(struct ring_shared *ring)
{
	ring->req_prod = 0x80000000u;
}

static void data_without_hello(struct ring_shared *ring)
{
	const struct alice_request req = { .op = ALICE_OP_DATA, .length = 1 };

	memcpy(ring->slots, &req, sizeof(req));
	ring->req_prod = 1;
}

static void page_out_of_bounds(struct ring_shared *ring)
{
	const struct alice_request hello = {
		.op = ALICE_OP_HELLO, .id = 1, .value = ALICE_HELLO_VALUE, .arg = 1
	};
	const struct alice_request data = { .op = ALICE_OP_DATA, .page = 8, .length = 4096 };

	memcpy(ring->slots, &hello, sizeof(hello));
	memcpy(ring->slots + sizeof(union alice_slot), &data, sizeof(data));
	ring->req_prod = 2;
}

static void dead_front(struct ring_shared *ring)
{
	((uint8_t *)ring)[ALICE_FRONT_ALIVE] = 0;
}

static const struct xenbus_device_id liar_ids[] = { { ALICE_DEVICETYPE }, { "" } };

static unsigned int times_said(const struct pair_world *w, const char *text)
{
	unsigned int times = 0;

	for (const char *at = w->log; (at = strstr(at, text)); at += strlen(text))
		times++;
	return times;
}

static void check_closed(struct pair_world *w, const struct lie *lie)
{
	pair_await_states(w, XenbusStateClosed, XenbusStateClosed);
	pair_holds_nothing(w);
	if (times_said(w, lie->said) != 1)
		fail_msg("%s: '%s' was said %u times in\n%s", lie->name, lie->said, times_said(w, lie->said),
			 w->log);
}

static void against_front(struct pair_world *w, const struct lie *lie)
{
	struct liar liar = {
		.lie = lie,
		.driver = { .name = "liar",
			    .ids = liar_ids,
			    .publish = front_publish,
			    .connect = liar_connect },
	};

	w->log_len = 0;
	w->log[0] = '\0';
	pair_open_bus(w, 1);
	assert_int_equal(xenbus_register_frontend(w->bus[1], &liar.driver), 0);
	pair_attach(w);
	check_closed(w, lie);
	assert_int_equal(pair_detach(w, false), 0);
	pair_close_bus(w, 1);
}

static int drop(void *ctx, uint64_t offset, const void *data, size_t len)
{
	return 0;
}

static int64_t some(void *ctx, uint64_t offset, void *buf, size_t len)
{
	memset(buf, (int)offset, len);
	return offset < 100000 ? (int64_t)len : 0;
}

static void keep_front(void *ctx, struct xenbus_device *dev, const struct alice_front_result *result)
{
	*(struct alice_front_result *)ctx = *result;
}

static bool has_requests(struct pair_world *w, void *arg)
{
	return ((struct alice_front_result *)arg)->requests;
}

/* The honest back serves an honest front after all that. */
static void serves_the_honest(struct pair_world *w)
{
	struct alice_front_result *result = calloc(1, sizeof(*result));
	const struct alice_front_config config = {
		.host = w->host, .fd = -1, .fill = some, .done = keep_front, .ctx = result
	};
	struct alice_front *front;

	pair_open_bus(w, 1);
	assert_int_equal(alice_front_start(w->bus[1], &config, &front), 0);
	pair_attach(w);
	pair_run_until(w, has_requests, result);
	assert_int_equal(result->error, 0);
	pair_close_bus(w, 1);
	alice_front_free(front);
	free(result);
}

static void no_lie_of_a_front_harms_the_back(void **state)
{
	static const char failed[] = "connecting failed", breach[] = "the frontend broke the protocol";
	static const struct lie lies[] = {
		{ "no ring", .ring_ref = "", .said = failed },
		{ "a ring of words", .ring_ref = "x", .said = failed },
		{ "a ring of nobody", .ring_ref = "1000000", .said = failed },
		{ "the store's ring", .ring_ref = "1", .said = breach },
		{ "no port", .event_channel = "", .said = failed },
		{ "port 0", .event_channel = "0", .said = failed },
		{ "a port of nobody", .event_channel = "77777", .said = failed },
		{ "a huge port", .event_channel = "4294967295", .said = failed },
		{ "refs of nobody", .stream_refs = "1000000", .said = failed },
		{ "no pages", .refs = no_refs, .said = failed },
		{ "too many pages", .refs = too_many_refs, .said = failed },
		{ "odd pages", .refs = odd_pages, .said = failed },
		{ "a page of nobody", .refs = a_ref_of_nobody, .said = failed },
		{ "requests from nowhere", .ring = requests_from_nowhere, .said = breach },
		{ "data without hello", .ring = data_without_hello, .said = breach },
		{ "a page out of bounds", .ring = page_out_of_bounds, .said = breach },
		{ "a dead front", .ring = dead_front, .said = "The frontend's process is gone" },
	};
	struct pair_world *w = *state;
	const struct alice_back_config config = { .host = w->host, .fd = -1, .consume = drop };
	struct alice_back *back;

	pair_open_bus(w, 0);
	assert_int_equal(alice_back_start(w->bus[0], &config, &back), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		against_front(w, &lies[i]);
	serves_the_honest(w);
	pair_close_bus(w, 0);
	alice_back_free(back);
}

static void end_without_data(struct ring_shared *ring)
{
	const struct alice_request hello = {
		.op = ALICE_OP_HELLO, .id = 1, .value = ALICE_HELLO_VALUE, .arg = 1
	};
	const struct alice_request end = { .op = ALICE_OP_END, .id = 2, .arg = 5 };

	memcpy(ring->slots, &hello, sizeof(hello));
	memcpy(ring->slots + sizeof(union alice_slot), &end, sizeof(end));
	ring->req_prod = 2;
}

static void keep_back(void *ctx, struct xenbus_device *dev, const struct alice_back_result *result)
{
	*(struct alice_back_result *)ctx = *result;
}

static bool back_has_requests(struct pair_world *w, void *arg)
{
	return ((struct alice_back_result *)arg)->requests;
}

static void a_stream_shorter_than_its_end_says_is_seen(void **state)
{
	static const struct lie lie = { "an end of 5 bytes", .ring = end_without_data };
	struct liar liar = {
		.lie = &lie,
		.driver = { .name = "liar",
			    .ids = liar_ids,
			    .publish = front_publish,
			    .connect = liar_connect },
	};
	struct pair_world *w = *state;
	struct alice_back_result *result = calloc(1, sizeof(*result));
	const struct alice_back_config config = {
		.host = w->host, .fd = -1, .done = keep_back, .ctx = result
	};
	struct alice_back *back;

	pair_open_bus(w, 0);
	pair_open_bus(w, 1);
	assert_int_equal(alice_back_start(w->bus[0], &config, &back), 0);
	assert_int_equal(xenbus_register_frontend(w->bus[1], &liar.driver), 0);
	pair_attach(w);
	pair_run_until(w, back_has_requests, result);
	assert_int_equal(result->error, -EBADMSG);
	assert_int_equal(result->bytes, 0);
	pair_close_bus(w, 1);
	pair_close_bus(w, 0);
	alice_back_free(back);
	free(result);
}

static void pages_that_were_not_asked_for_are_not_mapped(void **state)
{
	static const struct lie lie = { "refs for nobody" };
	struct liar liar = {
		.lie = &lie,
		.driver = { .name = "liar",
			    .ids = liar_ids,
			    .publish = front_publish,
			    .connect = liar_connect },
	};
	struct pair_world *w = *state;
	const struct alice_back_config config = { .host = w->host, .fd = -1, .no_stream = true };
	struct xenbus_counts counts;
	struct alice_back *back;

	pair_open_bus(w, 0);
	pair_open_bus(w, 1);
	assert_int_equal(alice_back_start(w->bus[0], &config, &back), 0);
	assert_int_equal(xenbus_register_frontend(w->bus[1], &liar.driver), 0);
	pair_attach(w);
	pair_await_states(w, XenbusStateConnected, XenbusStateConnected);
	xenbus_counts(w->bus[0], &counts);
	assert_int_equal(counts.mapped_pages, 1);
	pair_close_bus(w, 1);
	pair_close_bus(w, 0);
	alice_back_free(back);
}

/* -- a lying back -------------------------------------------------------------------------------- */

static int back_features(struct xenbus_device *dev)
{
	const struct lie *lie = lie_of(dev);

	key(dev, "feature-stream", lie->feature, 1);
	key(dev, "max-stream-pages", lie->max_pages, 16);
	return 0;
}

static int back_connect(struct xenbus_device *dev)
{
	struct liar *liar = list_entry(dev->driver, struct liar, driver);
	unsigned int ref, port;
	void *ring;

	assert_int_equal(xenbus_gather(dev->bus, XBT_NIL, dev->otherend, "ring-ref", "%u", &ref,
				       "event-channel", "%u", &port, NULL),
			 0);
	assert_int_equal(xenbus_bind_evtchn(dev, port, ignore_event, NULL, &liar->port), 0);
	assert_int_equal(xenbus_map_ring_notify(dev, ref, ALICE_BACK_ALIVE, liar->port, &ring), 0);
	dev_set_drvdata(dev, ring);
	((uint8_t *)ring)[ALICE_BACK_ALIVE] = 1;
	return liar_connect(dev);
}

static void responses_from_nowhere(struct ring_shared *ring)
{
	ring->rsp_prod = 7;
}

static void dead_back(struct ring_shared *ring)
{
	((uint8_t *)ring)[ALICE_BACK_ALIVE] = 0;
}

static void against_back(struct pair_world *w, const struct lie *lie, const struct alice_front_result *result)
{
	struct liar liar = {
		.lie = lie,
		.driver = { .name = "liar",
			    .ids = liar_ids,
			    .features = back_features,
			    .connect = back_connect },
	};

	w->log_len = 0;
	w->log[0] = '\0';
	assert_int_equal(xenbus_register_backend(w->bus[0], &liar.driver), 0);
	pair_attach(w);
	check_closed(w, lie);
	assert_int_equal(result->pages, lie->pages);
	assert_int_equal(pair_detach(w, false), 0);
	pair_close_bus(w, 0);
	pair_open_bus(w, 0);
}

static void no_lie_of_a_back_harms_the_front(void **state)
{
	static const struct lie lies[] = {
		{ "responses from nowhere", .ring = responses_from_nowhere,
		  .said = "the backend broke the protocol", .pages = 16 },
		{ "a dead back", .ring = dead_back, .said = "The backend's process is gone", .pages = 16 },
		{ "a dead back with odd limits", .feature = "7", .max_pages = "99999", .ring = dead_back,
		  .said = "The backend's process is gone", .pages = 64 },
		{ "a dead back with a limit of 0", .max_pages = "0", .ring = dead_back,
		  .said = "The backend's process is gone", .pages = 64 },
		{ "a dead back with words for numbers", .feature = "yes", .max_pages = "-1",
		  .ring = dead_back, .said = "The other end has no feature-stream", .pages = 0 },
	};
	struct pair_world *w = *state;
	struct alice_front_result *result = calloc(1, sizeof(*result));
	const struct alice_front_config config = {
		.host = w->host, .fd = -1, .fill = some, .done = keep_front, .ctx = result
	};
	const struct alice_back_config honest = { .host = w->host, .fd = -1, .consume = drop };
	struct alice_front *front;
	struct alice_back *back;

	pair_open_bus(w, 0);
	pair_open_bus(w, 1);
	assert_int_equal(alice_front_start(w->bus[1], &config, &front), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		against_back(w, &lies[i], result);
	*result = (struct alice_front_result){ 0 };
	assert_int_equal(alice_back_start(w->bus[0], &honest, &back), 0);
	pair_attach(w);
	pair_run_until(w, has_requests, result);
	assert_int_equal(result->error, 0);
	pair_close_bus(w, 0);
	pair_close_bus(w, 1);
	alice_front_free(front);
	alice_back_free(back);
	free(result);
}

/* -- a back that keeps the protocol, and forges what it stored ----------------------------------------- */

struct forger {
	struct xenbus_driver driver;
	struct ring_back ring;
	uint32_t port;
	uint64_t too_many; /* bytes that it claims beyond what was sent */
};

static void forge(struct xenbus_device *dev, void *arg)
{
	struct forger *f = arg;
	struct alice_request req;

	while (f->ring.shared && ring_back_take(&f->ring, &req, sizeof(req)) > 0) {
		struct alice_response rsp = { .op = req.op, .id = req.id };

		if (req.op == ALICE_OP_HELLO) {
			rsp.value = ALICE_HI_VALUE;
			rsp.total = ALICE_VERSION;
		} else if (req.op == ALICE_OP_END) {
			rsp.flags = ALICE_HAS_DIGEST;
			rsp.total = req.arg + f->too_many;
		}
		ring_back_put(&f->ring, &rsp, sizeof(rsp));
		ring_back_push(&f->ring);
	}
	if (f->ring.shared)
		ring_back_wait(&f->ring);
	xenbus_notify(dev, f->port);
}

static int forger_features(struct xenbus_device *dev)
{
	return xenbus_publish_add(dev, "feature-stream", "1");
}

static int forger_connect(struct xenbus_device *dev)
{
	struct forger *f = list_entry(dev->driver, struct forger, driver);
	unsigned int ref, port;
	void *ring;

	assert_int_equal(xenbus_gather(dev->bus, XBT_NIL, dev->otherend, "ring-ref", "%u", &ref,
				       "event-channel", "%u", &port, NULL),
			 0);
	assert_int_equal(xenbus_bind_evtchn(dev, port, forge, f, &f->port), 0);
	assert_int_equal(xenbus_map_ring_notify(dev, ref, ALICE_BACK_ALIVE, f->port, &ring), 0);
	((uint8_t *)ring)[ALICE_BACK_ALIVE] = 1;
	return ring_back_attach(&f->ring, ring, 4096, sizeof(union alice_slot), 0);
}

static void forger_disconnect(struct xenbus_device *dev)
{
	struct forger *f = list_entry(dev->driver, struct forger, driver);

	((uint8_t *)f->ring.shared)[ALICE_BACK_LEAVING] = 1;
	f->ring.shared = NULL;
}

static void send_to_forger(struct pair_world *w, uint64_t too_many, bool no_digest, int error)
{
	struct alice_front_result *result = calloc(1, sizeof(*result));
	struct forger forger = {
		.too_many = too_many,
		.driver = { .name = "forger",
			    .ids = liar_ids,
			    .features = forger_features,
			    .connect = forger_connect,
			    .disconnect = forger_disconnect },
	};
	const struct alice_front_config config = { .host = w->host,
						   .fd = -1,
						   .fill = some,
						   .no_digest = no_digest,
						   .done = keep_front,
						   .ctx = result };
	struct alice_front *front;

	pair_open_bus(w, 0);
	pair_open_bus(w, 1);
	assert_int_equal(xenbus_register_backend(w->bus[0], &forger.driver), 0);
	assert_int_equal(alice_front_start(w->bus[1], &config, &front), 0);
	pair_attach(w);
	pair_run_until(w, has_requests, result);
	assert_int_equal(result->error, error);
	assert_int_equal(pair_detach(w, false), 0);
	pair_close_bus(w, 1);
	pair_close_bus(w, 0);
	alice_front_free(front);
	free(result);
}

static void what_was_not_stored_as_sent_is_seen(void **state)
{
	struct pair_world *w = *state;

	send_to_forger(w, 0, false, -EBADMSG); /* the digest is of nothing that was sent */
	send_to_forger(w, 1, true, -EBADMSG);
	send_to_forger(w, 0, true, 0); /* without digests its word is all there is */
}

int main(void)
{
#define PAIR_TEST(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		PAIR_TEST(no_lie_of_a_front_harms_the_back),
		PAIR_TEST(a_stream_shorter_than_its_end_says_is_seen),
		PAIR_TEST(pages_that_were_not_asked_for_are_not_mapped),
		PAIR_TEST(no_lie_of_a_back_harms_the_front),
		PAIR_TEST(what_was_not_stored_as_sent_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
