/* SPDX-License-Identifier: MIT */
/*
 * The frontend: negotiation on the device's fiber, the stream on the loop.
 *
 *      publish()     grants, port, keys        fiber
 *      connect()     hello; the stream is live
 *        event, file read --> pump()           loop; never blocks
 *        breach --> work for the fiber         the backend broke the protocol
 *        xenbus_peer_lost()                    its process is gone
 *      disconnect()  the stream is dead; the framework releases pages and port
 */
#include "front.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <base/list.h>
#include <xenbus/host.h>
#include <xenbus/xenbus.h>
#include "common.h"
#include "files.h"
#include "stream_front.h"

#define PUSH_BATCH 16  /* requests put before they are shown: the backend works while we go on */
#define PUMP_ROUNDS 32 /* then others on the loop have their turn */

struct alice_front {
	struct alice_front_config config;
	struct xenbus_driver driver;
	struct alice_files files;
};

struct front_dev {
	struct alice_front *front;
	struct xenbus_device *dev;
	struct stream_front stream;
	struct alice_source *source;
	void *ring; /* shared with the backend; NULL: none */
	uint32_t port;
	uint32_t pages; /* data pages of this connection; 0: hello is all */
	bool live;	/* requests may be put, responses taken */
	bool connected; /* a result is owed */
	bool breached;	/* and not told yet */
	bool greeted;	/* hi was seen */
	struct xenbus_device_work breach_work;
	struct xenbus_work pump_work;
	struct xenbus_timer leave_timer; /* runs while the backend has left and has not said so */
	uint64_t started_ns, notifications, wakeups;
};

static bool has_content(const struct alice_front *front)
{
	return front->config.fd >= 0 || front->config.fill;
}

/* -- results ----------------------------------------------------------------------------------- */

static int verdict(const struct stream_front *sf)
{
	if (sf->phase == STREAM_FRONT_FAILED)
		return sf->hi_value && !sf->rsp_version ? -EOPNOTSUPP : -EIO;
	if (sf->stored != sf->sent)
		return -EBADMSG;
	if (sf->has_digest && memcmp(sf->stored_digest, sf->sent_digest, sizeof(sf->sent_digest)) != 0)
		return -EBADMSG;
	return 0;
}

static void log_result(struct front_dev *f, const struct alice_front_result *result)
{
	char hex[65];

	if (result->error)
		xenbus_dev_info(f->dev, "Stream ended: %s", strerror(-result->error));
	else if (result->has_digest)
		xenbus_dev_info(f->dev, "Stream sent: %llu bytes, sha256 %s",
				(unsigned long long)result->bytes_sent, alice_hex(hex, result->sent_digest));
	else
		xenbus_dev_info(f->dev, "Stream sent: %llu bytes", (unsigned long long)result->bytes_sent);
}

/* Once a connection. */
static void report(struct front_dev *f, int error)
{
	const struct stream_front *sf = &f->stream;
	struct alice_front *front = f->front;
	struct alice_front_result result = {
		.error = error,
		.bytes_sent = sf->sent,
		.bytes_stored = sf->stored,
		.has_digest = sf->has_digest,
		.duration_ns = xenbus_host_now(front->config.host) - f->started_ns,
		.requests = sf->requests,
		.notifications = f->notifications,
		.wakeups = f->wakeups,
		.pages = f->pages,
	};

	if (!f->connected)
		return;
	f->connected = false;
	if (!has_content(front))
		return;
	memcpy(result.sent_digest, sf->sent_digest, sizeof(result.sent_digest));
	memcpy(result.stored_digest, sf->stored_digest, sizeof(result.stored_digest));
	log_result(f, &result);
	if (front->config.done)
		front->config.done(front->config.ctx, f->dev, &result);
}

/* -- trouble --------------------------------------------------------------------------------------- */

static void breach_run(struct xenbus_device *dev, struct xenbus_device_work *work)
{
	struct front_dev *f = list_entry(work, struct front_dev, breach_work);

	if (f->breached)
		xenbus_dev_fatal(dev, -EPROTO, "the backend broke the protocol: %s", f->stream.breach);
	f->breached = false;
}

/* The stream stops at once; the fiber says why. */
static void breach(struct front_dev *f)
{
	f->live = false;
	f->breached = true;
	report(f, -EPROTO);
	f->breach_work.run = breach_run;
	xenbus_post(f->dev, &f->breach_work);
}

static void backend_lost(struct front_dev *f)
{
	f->live = false;
	xenbus_dev_info(f->dev, "The backend's process is gone, closing");
	xenbus_peer_lost(f->dev);
}

/* -- the stream, on the loop --------------------------------------------------------------------- */

static void push(struct front_dev *f)
{
	if (!stream_front_push(&f->stream))
		return;
	f->notifications++;
	xenbus_notify(f->dev, f->port);
}

/* The stream's next bytes into @page: their number; 0 the end; -EAGAIN not yet; -errno. */
static int64_t next_bytes(struct front_dev *f, uint8_t *page)
{
	const struct alice_front_config *config = &f->front->config;
	const uint8_t *data;
	size_t len;
	int err;

	if (!f->source) {
		int64_t filled = config->fill(config->ctx, f->stream.sent, page, ALICE_PAGE_BYTES);

		return filled < 0 ? alice_file_error(filled) : filled;
	}
	err = alice_source_peek(f->source, &data, &len);
	if (err)
		return err == -ENODATA ? 0 : err;
	len = len < ALICE_PAGE_BYTES ? len : ALICE_PAGE_BYTES;
	memcpy(page, data, len);
	alice_source_take(f->source, len);
	return (int64_t)len;
}

static void send_pages(struct front_dev *f)
{
	unsigned int count = 0;
	uint8_t *page;

	while (f->connected && f->stream.phase == STREAM_FRONT_STREAMING &&
	       (page = stream_front_next(&f->stream))) {
		int64_t len = next_bytes(f, page);

		if (len == -EAGAIN)
			break;
		if (len < 0 || len > ALICE_PAGE_BYTES)
			report(f, len < 0 ? (int)len : -EOVERFLOW);
		else if (len == 0)
			stream_front_end(&f->stream);
		else
			stream_front_commit(&f->stream, (uint32_t)len);
		if (++count % PUSH_BATCH == 0)
			push(f);
	}
	push(f);
}

/* What the responses that were just taken mean. */
static void see_phase(struct front_dev *f)
{
	const struct stream_front *sf = &f->stream;

	if (!f->greeted && sf->hi_value) {
		f->greeted = true;
		xenbus_dev_info(f->dev, "Got hi: response %u", sf->hi_value);
	}
	if (sf->phase == STREAM_FRONT_GREETED)
		report(f, -EOPNOTSUPP);
	else if (sf->phase == STREAM_FRONT_DONE || sf->phase == STREAM_FRONT_FAILED)
		report(f, verdict(sf));
}

static bool backend_alive(const struct front_dev *f)
{
	return alice_byte_get(f->ring, ALICE_BACK_ALIVE);
}

/* Alive again it has come back to the ring, which it does only where it has taken nothing from it: all is as it was. */
static void left_and_silent(struct xenbus_timer *timer)
{
	struct front_dev *f = list_entry(timer, struct front_dev, leave_timer);

	if (!backend_alive(f)) {
		backend_lost(f);
		return;
	}
	f->live = true;
	xenbus_work_post(f->front->config.host, &f->pump_work);
}

/* In good order its state says so, or soon will, and the framework follows that; unless it died in between. */
static void backend_left(struct front_dev *f)
{
	struct xenbus_host *host = f->front->config.host;

	if (!alice_byte_get(f->ring, ALICE_BACK_LEAVING)) {
		backend_lost(f);
		return;
	}
	f->live = false;
	xenbus_timer_set(host, &f->leave_timer, xenbus_host_now(host) + ALICE_LEAVE_NS);
}

static int pump_round(struct front_dev *f)
{
	int got = stream_front_receive(&f->stream);

	if (got < 0)
		return got;
	see_phase(f);
	send_pages(f);
	return stream_front_wait(&f->stream);
}

/* Whether it was alive is looked at first: what it answered before its end counts. */
static void pump(struct front_dev *f)
{
	const bool alive = backend_alive(f);
	int got = 1;

	for (int round = 0; round < PUMP_ROUNDS && got > 0; round++)
		got = pump_round(f);
	if (got < 0)
		breach(f);
	else if (got > 0)
		xenbus_work_post(f->front->config.host, &f->pump_work);
	else if (!alive)
		backend_left(f);
}

static void pump_again(struct xenbus_work *work)
{
	struct front_dev *f = list_entry(work, struct front_dev, pump_work);

	if (f->live)
		pump(f);
}

static void source_ready(void *ctx)
{
	struct front_dev *f = ctx;

	if (f->live)
		pump(f);
}

static void event(struct xenbus_device *dev, void *arg)
{
	struct front_dev *f = arg;

	f->wakeups++;
	if (f->live)
		pump(f);
}

/* -- the negotiation, on the fiber --------------------------------------------------------------- */

static int probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct front_dev *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->front = list_entry(dev->driver, struct alice_front, driver);
	f->dev = dev;
	f->pump_work.run = pump_again;
	f->leave_timer.fire = left_and_silent;
	dev_set_drvdata(dev, f);
	xenbus_dev_info(dev, "Probe called.");
	return 0;
}

static void remove_device(struct xenbus_device *dev)
{
	free(dev_get_drvdata(dev));
	dev_set_drvdata(dev, NULL);
}

/* How many data pages this connection gets: what we want, within what the backend takes. 0 or -errno of the store. */
static int negotiate_pages(struct front_dev *f)
{
	struct xenbus_device *dev = f->dev;
	const uint32_t wanted = f->front->config.pages ? f->front->config.pages : ALICE_DEFAULT_PAGES;
	unsigned int feature, max;
	int err;

	f->pages = 0;
	if (!has_content(f->front))
		return 0;
	err = alice_read(dev, ALICE_KEY_FEATURE_STREAM, 0, &feature);
	if (err)
		return err;
	if (!feature) {
		xenbus_dev_info(dev, "The other end has no feature-stream: hello only, nothing can be sent");
		return 0;
	}
	err = alice_read(dev, ALICE_KEY_MAX_PAGES, ALICE_MAX_PAGES, &max);
	if (err)
		return err;
	if (max == 0 || max > ALICE_MAX_PAGES)
		max = ALICE_MAX_PAGES;
	f->pages = wanted < max ? wanted : max;
	return 0;
}

static int share_ring(struct front_dev *f)
{
	uint32_t ref;
	int err = xenbus_alloc_evtchn(f->dev, event, f, &f->port);

	if (!err)
		err = xenbus_setup_ring_notify(f->dev, ALICE_FRONT_ALIVE, f->port, &f->ring, &ref);
	if (!err)
		err = xenbus_publish_add(f->dev, ALICE_KEY_RING_REF, "%u", ref);
	if (!err)
		err = xenbus_publish_add(f->dev, ALICE_KEY_EVENT_CHANNEL, "%u", f->port);
	return err;
}

/* The data pages, and the page that lists them; both for the backend to read only. */
static int share_pages(struct front_dev *f, void **pages)
{
	struct alice_refs *list;
	uint32_t refs[ALICE_MAX_PAGES], list_ref;
	void *list_page;
	int err;

	*pages = NULL;
	if (!f->pages)
		return 0;
	err = xenbus_setup_ring(f->dev, f->pages, false, pages, refs);
	if (!err)
		err = xenbus_setup_ring(f->dev, 1, false, &list_page, &list_ref);
	if (err)
		return err;
	list = list_page;
	list->count = f->pages;
	list->page_bytes = ALICE_PAGE_BYTES;
	memcpy(list->refs, refs, f->pages * sizeof(refs[0]));
	return xenbus_publish_add(f->dev, ALICE_KEY_STREAM_REFS, "%u", list_ref);
}

/* Whatever stands when it fails, the framework releases. */
static int publish(struct xenbus_device *dev)
{
	struct front_dev *f = dev_get_drvdata(dev);
	void *pages;
	int err;

	xenbus_dev_info(dev, "Connecting the frontend now");
	err = negotiate_pages(f);
	if (!err)
		err = share_ring(f);
	if (!err)
		err = share_pages(f, &pages);
	if (err)
		return err;
	stream_front_init(&f->stream, f->ring, pages, f->pages, !f->front->config.no_digest);
	alice_byte_set(f->ring, ALICE_BACK_ALIVE, ALICE_NOT_MAPPED);
	alice_byte_set(f->ring, ALICE_FRONT_ALIVE, 1);
	return 0;
}

/* The backend is Connected: it serves the ring already. */
static int connect_device(struct xenbus_device *dev)
{
	struct front_dev *f = dev_get_drvdata(dev);
	const struct alice_front_config *config = &f->front->config;
	int err = 0;

	xenbus_dev_info(dev, "Other side says it is connected as well.");
	if (f->pages && config->fd >= 0)
		err = alice_source_new(&f->front->files, config->fd, source_ready, f, &f->source);
	if (err)
		return err;
	f->live = f->connected = true;
	f->greeted = false;
	f->notifications = f->wakeups = 0;
	f->started_ns = xenbus_host_now(config->host);
	xenbus_dev_info(dev, "Sending hello: request %u", ALICE_HELLO_VALUE);
	stream_front_hello(&f->stream);
	push(f);
	xenbus_work_post(config->host, &f->pump_work);
	return 0;
}

/* An answer to END may have come with the state that brought us here: it counts. */
static void disconnect(struct xenbus_device *dev)
{
	struct front_dev *f = dev_get_drvdata(dev);

	if (f->live && f->connected && stream_front_receive(&f->stream) > 0)
		see_phase(f);
	f->live = false;
	f->breached = false;
	xenbus_work_cancel(f->front->config.host, &f->pump_work);
	xenbus_timer_cancel(f->front->config.host, &f->leave_timer);
	alice_source_free(f->source);
	f->source = NULL;
	report(f, -ECONNRESET);
	alice_byte_set(f->ring, ALICE_FRONT_LEAVING, 1);
}

/* -- the driver ---------------------------------------------------------------------------------- */

int alice_front_start(struct xenbus *bus, const struct alice_front_config *config, struct alice_front **out)
{
	static const struct xenbus_device_id ids[] = { { ALICE_DEVICETYPE }, { "" } };
	struct alice_front *front;
	int err;

	if (config->pages > ALICE_MAX_PAGES || (config->fd >= 0 && !alice_has_positions(config->fd)))
		return -EINVAL;
	front = calloc(1, sizeof(*front));
	if (!front)
		return -ENOMEM;
	front->config = *config;
	front->files.host = config->host;
	front->driver = (struct xenbus_driver){
		.name = "alice_front",
		.ids = ids,
		.probe = probe,
		.remove = remove_device,
		.publish = publish,
		.connect = connect_device,
		.disconnect = disconnect,
	};
	err = xenbus_register_frontend(bus, &front->driver);
	if (err) {
		free(front);
		return err;
	}
	xenbus_info(bus, "Alice_front inited!");
	*out = front;
	return 0;
}

void alice_front_free(struct alice_front *front)
{
	if (!front)
		return;
	alice_files_drain(&front->files);
	free(front);
}
