// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The backend of "alice_dev": maps the ring page that the frontend grants, binds the event channel it offers, and
 * answers hello with hi. alice.h is what goes over the wire.
 *
 *      probe      InitWait
 *      frontend   Initialised   --> connect: ring mapped, channel bound, Connected
 *                 Closing       --> ring unmapped, channel closed, Closing
 *                 Closed, gone  --> the same, Closed
 *                 Initialising  --> it began anew: InitWait
 *      event      requests; or the frontend's process has gone
 *      remove     ring unmapped, channel closed; the bus says Closed
 *
 * All of it runs under the device's lock: the callbacks, which xenwatch calls one after the other, and the work
 * that an event asks for. The interrupt handler takes no lock, so the channel can be unbound under it.
 */
#include <linux/err.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/xenbus.h>
#include "alice.h"

struct alice_back {
	struct xenbus_device *dev;
	struct mutex lock;	     /* all below, and the device's state */
	struct delayed_work work;    /* an event came, or the frontend said it was leaving and did not */
	struct alice_back_ring ring; /* ring.sring NULL: nothing is mapped */
	unsigned int irq;
	bool greeted;	    /* hello was seen: there is one a connection */
	bool leaving;	    /* the frontend is; its state was waited for since */
	bool frontend_seen; /* its state was there once: missing, it is gone */
	const char *breach;
};

/* -- what is shared ---------------------------------------------------------------------------- */

/* An event asks for work, and stays masked until the work is done: a frontend cannot flood us. */
static irqreturn_t alice_back_event(int irq, void *arg)
{
	struct alice_back *back = arg;

	mod_delayed_work(system_wq, &back->work, 0);
	return IRQ_HANDLED;
}

/* A ring is used once. One that a backend took requests from, or that its frontend has let go, is the remains of an
 * earlier life: the frontend will bring another. */
static bool alice_back_ring_is_stale(const void *page)
{
	return alice_byte_get(page, ALICE_BACK_USED) || !alice_byte_get(page, ALICE_FRONT_ALIVE);
}

/* 0; -ESTALE, that is not a failure; else said why. */
static int alice_back_map(struct alice_back *back, grant_ref_t ring_ref, evtchn_port_t port)
{
	struct xenbus_device *dev = back->dev;
	void *page;
	int irq, err;

	err = xenbus_map_ring_valloc(dev, &ring_ref, 1, &page);
	if (err) {
		xenbus_dev_fatal(dev, err, "mapping ring-ref %u", ring_ref);
		return err;
	}
	if (alice_back_ring_is_stale(page)) {
		xenbus_unmap_ring_vfree(dev, page);
		return -ESTALE;
	}
	BACK_RING_INIT(&back->ring, (struct alice_sring *)page, XEN_PAGE_SIZE);
	back->greeted = back->leaving = false;
	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(dev, port, alice_back_event, 0, "alice_back",
							    back);
	if (irq < 0) {
		xenbus_dev_fatal(dev, irq, "binding event-channel %u", port);
		back->ring.sring = NULL;
		xenbus_unmap_ring_vfree(dev, page);
		return irq;
	}
	back->irq = irq;
	return 0;
}

/* Whoever sees the ring after this sees an end that left in good order. Unbinding waits for the handler and closes
 * the port; work that it has asked for meanwhile finds nothing mapped. */
static void alice_back_disconnect(struct alice_back *back)
{
	void *page = back->ring.sring;

	if (!page)
		return;
	alice_info("Closing the backend");
	alice_byte_set(page, ALICE_BACK_LEAVING, 1);
	alice_byte_set(page, ALICE_BACK_ALIVE, 0);
	notify_remote_via_irq(back->irq);
	unbind_from_irqhandler(back->irq, back);
	back->ring.sring = NULL;
	xenbus_unmap_ring_vfree(back->dev, page);
}

/* -- the conversation -------------------------------------------------------------------------- */

static int alice_back_breach(struct alice_back *back, const char *what)
{
	back->breach = what;
	return -EPROTO;
}

/* Every byte of a response is ours. */
static void alice_back_hi(struct alice_back *back, const struct alice_request *req)
{
	struct alice_back_ring *ring = &back->ring;
	const struct alice_response rsp = {
		.op = req->op,
		.id = req->id,
		.status = ALICE_OK,
		.value = ALICE_HI_VALUE,
		.total = min_t(u64, req->arg, ALICE_VERSION),
	};

	*RING_GET_RESPONSE(ring, ring->rsp_prod_pvt) = rsp;
	ring->rsp_prod_pvt++;
}

/* @req is our own copy. */
static int alice_back_take(struct alice_back *back, const struct alice_request *req)
{
	if (req->id >= ALICE_MAX_IDS)
		return alice_back_breach(back, "an id out of bounds");
	if (req->op != ALICE_OP_HELLO)
		return alice_back_breach(back, "an operation that was not offered");
	if (back->greeted)
		return alice_back_breach(back, "a second hello");
	if (req->value != ALICE_HELLO_VALUE)
		return alice_back_breach(back, "a hello that is not 233");
	if (req->flags & ~ALICE_WANT_DIGEST)
		return alice_back_breach(back, "unknown flags");
	back->greeted = true;
	alice_info("Got hello: request %u; answering hi: response %u", req->value, ALICE_HI_VALUE);
	alice_back_hi(back, req);
	return 0;
}

/* Those up to @prod: 0 or -EPROTO. Before the first one leaves the ring, the ring is marked as used. */
static int alice_back_take_upto(struct alice_back *back, RING_IDX prod)
{
	struct alice_back_ring *ring = &back->ring;
	struct alice_request req;
	int err = 0;

	while (ring->req_cons != prod && !err) {
		alice_byte_set(ring->sring, ALICE_BACK_USED, 1);
		RING_COPY_REQUEST(ring, ring->req_cons, &req);
		ring->req_cons++;
		err = alice_back_take(back, &req);
	}
	return err;
}

/* Takes and answers all requests. Their number, or -EPROTO. The frontend's index is read once and may be a ring ahead of
 * the responses at most; a frontend cannot keep us here, since it has one thing to say. */
static int alice_back_receive(struct alice_back *back)
{
	struct alice_back_ring *ring = &back->ring;
	const RING_IDX first = ring->req_cons;
	int more, notify, err;
	RING_IDX prod;

	do {
		prod = READ_ONCE(ring->sring->req_prod);
		if (RING_REQUEST_PROD_OVERFLOW(ring, prod))
			return alice_back_breach(back, "a request index out of bounds");
		virt_rmb(); /* the index before what it covers */
		err = alice_back_take_upto(back, prod);
		if (err)
			return err;
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(ring, notify);
		if (notify)
			notify_remote_via_irq(back->irq);
		RING_FINAL_CHECK_FOR_REQUESTS(ring, more);
	} while (more);
	return ring->req_cons - first;
}

/* In good order a state follows soon, and the channel is left without EOI: it has no more to say. Where none
 * follows, the frontend died on its way out. */
static void alice_back_frontend_left(struct alice_back *back)
{
	if (!back->leaving && alice_byte_get(back->ring.sring, ALICE_FRONT_LEAVING)) {
		back->leaving = true;
		schedule_delayed_work(&back->work, msecs_to_jiffies(ALICE_LEAVE_MS));
		return;
	}
	alice_info("The frontend's process is gone, closing");
	alice_back_disconnect(back);
	xenbus_switch_state(back->dev, XenbusStateClosed);
}

/* Whether the frontend was alive is looked at first: what it asked before its end counts. */
static void alice_back_serve(struct alice_back *back)
{
	const bool alive = alice_byte_get(back->ring.sring, ALICE_FRONT_ALIVE);
	int got = back->leaving ? 0 : alice_back_receive(back);

	if (got < 0) {
		alice_back_disconnect(back);
		xenbus_dev_fatal(back->dev, got, "the frontend broke the protocol: %s", back->breach);
	} else if (!alive) {
		alice_back_frontend_left(back);
	} else {
		xen_irq_lateeoi(back->irq, got ? 0 : XEN_EOI_FLAG_SPURIOUS);
	}
}

static void alice_back_work(struct work_struct *work)
{
	struct alice_back *back = container_of(to_delayed_work(work), struct alice_back, work);

	mutex_lock(&back->lock);
	if (back->ring.sring)
		alice_back_serve(back);
	mutex_unlock(&back->lock);
}

/* -- the negotiation --------------------------------------------------------------------------- */

/* Connected comes last, when requests would be served. Those that came with it need no further event. */
static void alice_back_connect(struct alice_back *back)
{
	struct xenbus_device *dev = back->dev;
	evtchn_port_t port;
	grant_ref_t ring_ref;
	int err;

	err = xenbus_gather(XBT_NIL, dev->otherend, "ring-ref", "%u", &ring_ref, "event-channel", "%u", &port,
			    NULL);
	if (err) {
		xenbus_dev_fatal(dev, err, "reading ring-ref and event-channel from %s", dev->otherend);
		return;
	}
	err = alice_back_map(back, ring_ref, port);
	if (err)
		return;
	alice_info("Connect the backend");
	alice_byte_set(back->ring.sring, ALICE_BACK_ALIVE, 1);
	xenbus_switch_state(dev, XenbusStateConnected);
	mod_delayed_work(system_wq, &back->work, 0);
}

/* A toolstack that takes the device away says so in `online`. Nodes that were made by hand may lack it. */
static bool alice_back_is_online(struct alice_back *back)
{
	return xenbus_read_unsigned(back->dev->nodename, "online", 1);
}

/* Offers a connection, where there is none to lose. */
static void alice_back_open(struct alice_back *back)
{
	if (back->dev->state == XenbusStateInitWait ||
	    (back->dev->state == XenbusStateClosed && !alice_back_is_online(back)))
		return;
	alice_back_disconnect(back);
	xenbus_switch_state(back->dev, XenbusStateInitWait);
}

/* The frontend has a ring. Where we are Closed it may be the answer to an offer of before; where we are Connected it
 * is the one we have, unless its frontend has let that go. */
static void alice_back_frontend_ready(struct alice_back *back, enum xenbus_state frontend)
{
	struct xenbus_device *dev = back->dev;
	const void *page = back->ring.sring;

	if (frontend == XenbusStateInitialised &&
	    (dev->state == XenbusStateClosed || (page && !alice_byte_get(page, ALICE_FRONT_ALIVE))))
		alice_back_open(back);
	if (dev->state == XenbusStateInitWait)
		alice_back_connect(back);
}

/* The frontend is Closed, or gone. While it is Closed an offer stands: it has not been taken yet. */
static void alice_back_close(struct alice_back *back, enum xenbus_state frontend)
{
	if (frontend == XenbusStateClosed && back->dev->state == XenbusStateInitWait &&
	    alice_back_is_online(back))
		return;
	alice_back_disconnect(back);
	xenbus_switch_state(back->dev, XenbusStateClosed);
}

/* Nodes that are removed and made again in one transaction are the same device to Linux, which keeps the old
 * state in its cache. */
static void alice_back_look_at_own_node(struct alice_back *back)
{
	struct xenbus_device *dev = back->dev;

	if (dev->state == XenbusStateInitialising ||
	    xenbus_read_driver_state(dev->nodename) != XenbusStateInitialising)
		return;
	alice_back_disconnect(back);
	dev->state = XenbusStateInitialising;
	alice_back_open(back);
}

/* @frontend is what its node says now; states in between may never be seen, and one may be seen twice. */
static void alice_back_follow(struct alice_back *back, enum xenbus_state frontend)
{
	const bool seen = back->frontend_seen;

	back->frontend_seen |= frontend != XenbusStateUnknown;
	alice_back_look_at_own_node(back);
	switch (frontend) {
	case XenbusStateInitialising:
		alice_back_open(back);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		alice_back_frontend_ready(back, frontend);
		break;
	case XenbusStateClosing:
		alice_back_disconnect(back);
		if (back->dev->state != XenbusStateClosed)
			xenbus_switch_state(back->dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		alice_back_close(back, frontend);
		break;
	case XenbusStateUnknown: /* not there yet, or gone */
		if (seen)
			alice_back_close(back, frontend);
		break;
	default: /* InitWait is not a frontend's; alice is never reconfigured */
		break;
	}
}

/* The device stays until the toolstack removes its node. device_unregister() here would wait for who unbinds the
 * driver, who waits for us: then a frontend that goes at that moment stops xenwatch, and with it every backend. */
static void alice_back_frontend_changed(struct xenbus_device *dev, enum xenbus_state frontend)
{
	struct alice_back *back = dev_get_drvdata(&dev->dev);

	mutex_lock(&back->lock);
	alice_back_follow(back, frontend);
	mutex_unlock(&back->lock);
}

/* -- the driver -------------------------------------------------------------------------------- */

static int alice_back_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct alice_back *back = kzalloc(sizeof(*back), GFP_KERNEL);

	alice_info("Probe called.");
	if (!back)
		return -ENOMEM;
	back->dev = dev;
	mutex_init(&back->lock);
	INIT_DELAYED_WORK(&back->work, alice_back_work);
	dev_set_drvdata(&dev->dev, back);
	/* There are no features to tell; they would have to be written before this. */
	xenbus_switch_state(dev, XenbusStateInitWait);
	return 0;
}

/* Nobody else calls us any more but work. The bus says Closed after us. */
static void alice_back_remove(struct xenbus_device *dev)
{
	struct alice_back *back = dev_get_drvdata(&dev->dev);

	mutex_lock(&back->lock);
	alice_back_disconnect(back);
	mutex_unlock(&back->lock);
	cancel_delayed_work_sync(&back->work);
	mutex_destroy(&back->lock);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(back);
}

static const struct xenbus_device_id alice_back_ids[] = { { "alice_dev" }, { "" } };

static struct xenbus_driver alice_back_driver = {
	.name = "alice_back",
	.ids = alice_back_ids,
	.probe = alice_back_probe,
	.remove = alice_back_remove,
	.otherend_changed = alice_back_frontend_changed,
};

static int __init alice_back_init(void)
{
	if (!xen_domain())
		return -ENODEV;
	alice_info("Alice_back inited!");
	return xenbus_register_backend(&alice_back_driver);
}
module_init(alice_back_init);

static void __exit alice_back_exit(void)
{
	xenbus_unregister_driver(&alice_back_driver);
	alice_info("Alice_back exited.");
}
module_exit(alice_back_exit);

MODULE_DESCRIPTION("Xen split driver alice, backend");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen-backend:alice_dev");
