/* SPDX-License-Identifier: MIT */
/*
 * The backend: negotiation on the device's fiber, the stream on the loop.
 *
 *      features()    feature-stream            fiber
 *      connect()     port, ring, pages mapped; the stream is live
 *        event, chunk written --> pump()       loop; never blocks
 *        breach --> work for the fiber         the frontend broke the protocol
 *        xenbus_peer_lost()                    its process is gone
 *      disconnect()  the stream is dead; the framework releases pages and port
 */
#include "back.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/xenbus.h>
#include "common.h"
#include "files.h"
#include "stream_back.h"

#define BATCH 16       /* requests answered before that is shown: the frontend fills pages while we go on */
#define PUMP_ROUNDS 16 /* then others on the loop have their turn */

struct alice_back {
	struct alice_back_config config;
	struct xenbus *bus;
	struct xenbus_driver driver;
	struct alice_files files;
	struct back_dev *writer;	   /* whose stream goes to the file; NULL: nobody's */
	struct xenbus_completion released; /* the writer's last transfer is over */
};

struct back_dev {
	struct alice_back *back;
	struct xenbus_device *dev;
	struct stream_back stream;
	struct alice_sink *sink; /* file; NULL: callback or nothing */
	void *ring;		 /* the frontend's page; NULL: none */
	uint32_t port;
	uint32_t pages; /* data pages of this connection; 0: hello is all */
	bool live;	/* requests may be taken */
	bool connected; /* a result is owed, where there is a stream */
	bool breached;	/* and not told yet */
	bool greeted;	/* HELLO was seen */
	bool used;	/* and so does the ring's byte say */
	struct xenbus_device_work breach_work;
	struct xenbus_work pump_work;
	struct xenbus_timer leave_timer; /* runs while the frontend has left and has not said so */
	uint64_t started_ns, notifications, wakeups;
	int consume_error;		/* the first of consume() */
	uint8_t room[ALICE_PAGE_BYTES]; /* where there is no file: one request's data */
};

/* -- results ----------------------------------------------------------------------------------- */

static int verdict(const struct stream_back *sb)
{
	if (sb->error)
		return sb->error;
	return sb->end_bytes == sb->received ? 0 : -EBADMSG;
}

static void log_result(struct back_dev *b, const struct alice_back_result *result)
{
	char hex[65];

	if (result->error)
		xenbus_dev_info(b->dev, "Stream ended: %s", strerror(-result->error));
	else if (result->has_digest)
		xenbus_dev_info(b->dev, "Stream received: %llu bytes, sha256 %s",
				(unsigned long long)result->bytes, alice_hex(hex, result->digest));
	else
		xenbus_dev_info(b->dev, "Stream received: %llu bytes", (unsigned long long)result->bytes);
}

/* Once a connection. */
static void report(struct back_dev *b, int error)
{
	const struct stream_back *sb = &b->stream;
	struct alice_back *back = b->back;
	struct alice_back_result result = {
		.error = error,
		.bytes = sb->received,
		.has_digest = sb->phase == STREAM_BACK_DONE && sb->want_digest,
		.duration_ns = xenbus_host_now(back->config.host) - b->started_ns,
		.requests = sb->requests,
		.notifications = b->notifications,
		.wakeups = b->wakeups,
	};

	if (!b->connected)
		return;
	b->connected = false;
	if (!b->pages)
		return;
	memcpy(result.digest, sb->digest, sizeof(result.digest));
	log_result(b, &result);
	if (back->config.done)
		back->config.done(back->config.ctx, b->dev, &result);
}

/* -- trouble --------------------------------------------------------------------------------------- */

static void breach_run(struct xenbus_device *dev, struct xenbus_device_work *work)
{
	struct back_dev *b = list_entry(work, struct back_dev, breach_work);

	if (b->breached)
		xenbus_dev_fatal(dev, -EPROTO, "the frontend broke the protocol: %s", b->stream.breach);
	b->breached = false;
}

/* The stream stops at once; the fiber says why. */
static void breach(struct back_dev *b)
{
	b->live = false;
	b->breached = true;
	report(b, -EPROTO);
	b->breach_work.run = breach_run;
	xenbus_post(b->dev, &b->breach_work);
}

static void frontend_lost(struct back_dev *b)
{
	b->live = false;
	xenbus_dev_info(b->dev, "The frontend's process is gone, closing");
	xenbus_peer_lost(b->dev);
}

/* -- where the bytes go without a file ----------------------------------------------------------- */

static uint8_t *room_reserve(void *ctx)
{
	struct back_dev *b = ctx;

	return b->room;
}

static void room_commit(void *ctx, uint32_t len)
{
	struct back_dev *b = ctx;
	const struct alice_back_config *config = &b->back->config;

	if (config->consume && !b->consume_error)
		b->consume_error =
			alice_file_error(config->consume(config->ctx, b->stream.received, b->room, len));
}

static int room_error(void *ctx)
{
	return ((struct back_dev *)ctx)->consume_error;
}

/* -- the stream, on the loop --------------------------------------------------------------------- */

static void push(struct back_dev *b)
{
	if (!stream_back_push(&b->stream))
		return;
	b->notifications++;
	xenbus_notify(b->dev, b->port);
}

/* What the requests that were just taken mean. */
static void see_phase(struct back_dev *b)
{
	const struct stream_back *sb = &b->stream;

	if (!b->greeted && sb->hello_value) {
		b->greeted = true;
		xenbus_dev_info(b->dev, "Got hello: request %u; answering hi: response %u", sb->hello_value,
				ALICE_HI_VALUE);
	}
	if (sb->phase == STREAM_BACK_DONE)
		report(b, verdict(sb));
}

static bool frontend_alive(const struct back_dev *b)
{
	return alice_byte_get(b->ring, ALICE_FRONT_ALIVE);
}

static void died_leaving(struct xenbus_timer *timer)
{
	frontend_lost(list_entry(timer, struct back_dev, leave_timer));
}

/* In good order its state says so, or soon will, and the framework follows that; unless it died in between. */
static void frontend_left(struct back_dev *b)
{
	struct xenbus_host *host = b->back->config.host;

	if (!alice_byte_get(b->ring, ALICE_FRONT_LEAVING)) {
		frontend_lost(b);
		return;
	}
	b->live = false;
	xenbus_timer_set(host, &b->leave_timer, xenbus_host_now(host) + ALICE_LEAVE_NS);
}

/* Before the first request leaves the ring: from now on nobody can begin on it. */
static void mark_used(struct back_dev *b)
{
	if (b->used || ring_back_ready(&b->stream.ring) <= 0)
		return;
	b->used = true;
	alice_byte_set(b->ring, ALICE_BACK_USED, 1);
}

/* 1: there may be more to do; 0: an event or a written chunk will tell; -EPROTO. */
static int pump_round(struct back_dev *b)
{
	int got;

	mark_used(b);
	got = stream_back_process(&b->stream, BATCH);
	push(b);
	if (got == -EPROTO)
		return got;
	see_phase(b);
	if (got == -EAGAIN)
		return 0;
	return got ? 1 : stream_back_wait(&b->stream);
}

/* Whether it was alive is looked at first: what it asked before its end counts. */
static void pump(struct back_dev *b)
{
	const bool alive = frontend_alive(b);
	int got = 1;

	for (int round = 0; round < PUMP_ROUNDS && got > 0; round++)
		got = pump_round(b);
	if (got < 0)
		breach(b);
	else if (got > 0)
		xenbus_work_post(b->back->config.host, &b->pump_work);
	else if (!alive)
		frontend_left(b);
}

static void pump_again(struct xenbus_work *work)
{
	struct back_dev *b = list_entry(work, struct back_dev, pump_work);

	if (b->live)
		pump(b);
}

static void sink_ready(void *ctx)
{
	struct back_dev *b = ctx;

	if (b->live)
		pump(b);
}

static void event(struct xenbus_device *dev, void *arg)
{
	struct back_dev *b = arg;

	b->wakeups++;
	if (b->live)
		pump(b);
}

/* -- the negotiation, on the fiber --------------------------------------------------------------- */

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct back_dev *b = calloc(1, sizeof(*b));

	if (!b)
		return -ENOMEM;
	b->back = list_entry(dev->driver, struct alice_back, driver);
	b->dev = dev;
	b->pump_work.run = pump_again;
	b->leave_timer.fire = died_leaving;
	dev_set_drvdata(dev, b);
	xenbus_dev_info(dev, "Probe called.");
	return 0;
}

static void remove_device(struct xenbus_device *dev)
{
	free(dev_get_drvdata(dev));
	dev_set_drvdata(dev, NULL);
}

static uint32_t max_pages(const struct alice_back *back)
{
	return back->config.pages ? back->config.pages : ALICE_MAX_PAGES;
}

static int features(struct xenbus_device *dev)
{
	struct alice_back *back = list_entry(dev->driver, struct alice_back, driver);
	int err = 0;

	if (back->config.no_stream)
		return 0;
	err = xenbus_publish_add(dev, ALICE_KEY_FEATURE_STREAM, "1");
	if (!err && max_pages(back) != ALICE_MAX_PAGES)
		err = xenbus_publish_add(dev, ALICE_KEY_MAX_PAGES, "%u", max_pages(back));
	return err;
}

/* Maps the data pages that the refs page lists, and lets that go. */
static int map_pages(struct back_dev *b, uint32_t list_ref, void **pages)
{
	uint32_t refs[ALICE_MAX_PAGES];
	void *list;
	int count, err = xenbus_map_ring_valloc(b->dev, &list_ref, 1, false, &list);

	if (err)
		return err;
	count = stream_back_read_refs(list, max_pages(b->back), refs);
	xenbus_unmap_ring_vfree(b->dev, &list);
	if (count < 0)
		return count;
	err = xenbus_map_ring_valloc(b->dev, refs, (unsigned int)count, false, pages);
	if (!err)
		b->pages = (uint32_t)count;
	return err;
}

/* The file is this device's from here on, when the last writer's transfers are over. */
static int take_file(struct back_dev *b)
{
	struct alice_back *back = b->back;
	int err = 0;

	if (back->writer)
		return -EBUSY;
	back->writer = b;
	while (back->files.busy && !err) {
		back->released = (struct xenbus_completion){ 0 };
		err = xenbus_wait(back->bus, &back->released, 0);
	}
	if (!err)
		err = alice_sink_new(&back->files, back->config.fd, back->config.flush, sink_ready, b,
				     &b->sink);
	if (err)
		back->writer = NULL;
	return err;
}

static void files_released(struct alice_files *files)
{
	struct alice_back *back = list_entry(files, struct alice_back, files);

	xenbus_complete(back->bus, &back->released);
}

static int open_stream(struct back_dev *b, uint32_t list_ref, void **pages)
{
	int err;

	*pages = NULL;
	b->pages = 0;
	b->consume_error = 0;
	if (!list_ref || b->back->config.no_stream)
		return 0;
	err = map_pages(b, list_ref, pages);
	if (!err && b->back->config.fd >= 0)
		err = take_file(b);
	return err;
}

/* The sink of the stream, whichever it is. */
static struct stream_sink sink_of(struct back_dev *b)
{
	if (b->sink)
		return (struct stream_sink){ alice_sink_reserve, alice_sink_commit, alice_sink_finish,
					     alice_sink_error, b->sink };
	return (struct stream_sink){ room_reserve, room_commit, room_error, room_error, b };
}

static void go_live(struct back_dev *b, const void *pages)
{
	const struct stream_sink sink = sink_of(b);

	stream_back_init(&b->stream, b->ring, pages, b->pages, &sink);
	alice_byte_set(b->ring, ALICE_BACK_LEAVING,
		       0); /* it may be ours, of a connection that came to nothing */
	alice_byte_set(b->ring, ALICE_BACK_ALIVE, 1);
	b->started_ns = xenbus_host_now(b->back->config.host);
	b->notifications = b->wakeups = 0;
	b->greeted = b->used = false;
	b->live = b->connected = true;
	xenbus_work_post(b->back->config.host, &b->pump_work);
}

/* Whatever stands when it fails, the framework releases; the file is ours to let go. */
static int connect_device(struct xenbus_device *dev)
{
	struct back_dev *b = dev_get_drvdata(dev);
	unsigned int ring_ref, remote_port, list_ref;
	void *pages;
	int err;

	xenbus_dev_info(dev, "Connect the backend");
	err = xenbus_gather(dev->bus, XBT_NIL, dev->otherend, ALICE_KEY_RING_REF, "%u", &ring_ref,
			    ALICE_KEY_EVENT_CHANNEL, "%u", &remote_port, NULL);
	if (!err)
		err = alice_read(dev, ALICE_KEY_STREAM_REFS, 0, &list_ref);
	if (err)
		return err;
	err = xenbus_bind_evtchn(dev, remote_port, event, b, &b->port);
	if (!err)
		err = xenbus_map_ring_notify(dev, ring_ref, ALICE_BACK_ALIVE, b->port, &b->ring);
	if (!err)
		err = alice_byte_get(b->ring, ALICE_BACK_USED) == 1 ? -ESTALE
								    : open_stream(b, list_ref, &pages);
	if (err)
		return err;
	go_live(b, pages);
	return 0;
}

static void disconnect(struct xenbus_device *dev)
{
	struct back_dev *b = dev_get_drvdata(dev);
	struct alice_back *back = b->back;

	b->live = false;
	b->breached = false;
	xenbus_work_cancel(back->config.host, &b->pump_work);
	xenbus_timer_cancel(back->config.host, &b->leave_timer);
	report(b, -ECONNRESET);
	if (back->writer == b)
		back->writer = NULL;
	alice_sink_free(b->sink);
	b->sink = NULL;
	alice_byte_set(b->ring, ALICE_BACK_LEAVING, 1);
}

/* -- the driver ---------------------------------------------------------------------------------- */

int alice_back_start(struct xenbus *bus, const struct alice_back_config *config, struct alice_back **out)
{
	static const struct xenbus_device_id ids[] = { { ALICE_DEVICETYPE }, { "" } };
	struct alice_back *back;
	int err;

	if (config->pages > ALICE_MAX_PAGES || (config->fd >= 0 && !alice_has_positions(config->fd)))
		return -EINVAL;
	back = calloc(1, sizeof(*back));
	if (!back)
		return -ENOMEM;
	back->config = *config;
	back->bus = bus;
	back->files = (struct alice_files){ .host = config->host, .released = files_released };
	back->driver = (struct xenbus_driver){
		.name = "alice_back",
		.ids = ids,
		.probe = probe,
		.remove = remove_device,
		.features = features,
		.connect = connect_device,
		.disconnect = disconnect,
	};
	err = xenbus_register_backend(bus, &back->driver);
	if (err) {
		free(back);
		return err;
	}
	xenbus_info(bus, "Alice_back inited!");
	*out = back;
	return 0;
}

void alice_back_free(struct alice_back *back)
{
	if (!back)
		return;
	back->files.released = NULL; /* the bus is gone */
	alice_files_drain(&back->files);
	free(back);
}
