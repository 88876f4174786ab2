// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * The frontend of "alice_dev": shares a ring page and an event channel with the backend, negotiates both over
 * XenBus, and says hello. alice.h is what goes over the wire.
 *
 *      probe      Initialising, whatever the last driver left
 *      backend    InitWait   --> publish: ring page granted, port bound, keys, Initialised
 *                 Connected  --> connect: hello, Connected
 *                 Closing    --> close: Closing, and Closed when nothing is shared any more
 *                 InitWait again, after that --> from the beginning
 *      event      hi; or the backend's process has gone
 *      remove     Closing, the backend lets go, nothing is left
 *
 * All of it runs under the device's lock: the callbacks, which xenwatch calls one after the other, and the work
 * that an event asks for. The interrupt handler takes no lock, so the channel can be unbound under it.
 */
#include <linux/delay.h>
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

#define HELLO_ID 0
#define RELEASE_MS 1000 /* how long a backend may take to unmap the ring page */
#define RELEASE_STEP_MS 10

struct alice_front {
	struct xenbus_device *dev;
	struct mutex lock;	      /* all below, and the device's state */
	struct delayed_work work;     /* an event came, or the backend said it was leaving and did not */
	struct alice_front_ring ring; /* ring.sring NULL: nothing is shared */
	grant_ref_t ring_ref;
	evtchn_port_t port;
	unsigned int irq;
	bool stopped;		  /* the port is closed, the page may still be mapped */
	unsigned long release_by; /* stopped: jiffies; then the page is not waited for any longer */
	bool live;		  /* responses may be taken */
	bool asked;		  /* hello waits for its answer */
	bool leaving;		  /* the backend is; its state was waited for since */
	bool failed;		  /* and said why: not again under this driver */
	bool backend_seen;	  /* its state was there once: missing, it is gone */
	bool again;		  /* Closed only because the backend was still Closing when we began */
	const char *breach;
};

/* -- what is shared ---------------------------------------------------------------------------- */

/* An event asks for work, and stays masked until the work is done: a backend cannot flood us. */
static irqreturn_t alice_front_event(int irq, void *arg)
{
	struct alice_front *front = arg;

	mod_delayed_work(system_wq, &front->work, 0);
	return IRQ_HANDLED;
}

static int alice_front_bind(struct alice_front *front)
{
	int irq, err = xenbus_alloc_evtchn(front->dev, &front->port);

	if (err)
		return err;
	irq = bind_evtchn_to_irqhandler_lateeoi(front->port, alice_front_event, 0, "alice_front", front);
	if (irq < 0) {
		xenbus_dev_fatal(front->dev, irq, "binding event channel %u", front->port);
		xenbus_free_evtchn(front->dev, front->port);
		return irq;
	}
	front->irq = irq;
	return 0;
}

/* False: the backend still maps the page, which so cannot go back to the kernel, and has time to let go. One that takes
 * too long keeps the page; what of it is freed later is the grant table's affair. */
static bool alice_front_ungrant(struct alice_front *front)
{
	void *page = front->ring.sring;

	if (gnttab_try_end_foreign_access(front->ring_ref))
		front->ring_ref = INVALID_GRANT_REF;
	else if (time_before(jiffies, front->release_by))
		return false;
	front->ring.sring = NULL;
	xenbus_teardown_ring(&page, 1, &front->ring_ref);
	return true;
}

static int alice_front_share(struct alice_front *front)
{
	void *page;
	int err = xenbus_setup_ring(front->dev, GFP_KERNEL, &page, 1, &front->ring_ref);

	if (err) {
		xenbus_dev_fatal(front->dev, err, "granting the ring page");
		return err;
	}
	XEN_FRONT_RING_INIT(&front->ring, (struct alice_sring *)page, XEN_PAGE_SIZE);
	alice_byte_set(page, ALICE_BACK_ALIVE, ALICE_NOT_MAPPED);
	alice_byte_set(page, ALICE_FRONT_ALIVE, 1);
	front->live = front->asked = front->leaving = front->stopped = false;
	err = alice_front_bind(front);
	if (err) {
		front->release_by = jiffies;
		alice_front_ungrant(front);
	}
	return err;
}

/* Whoever sees the ring after this sees an end that left in good order. Unbinding waits for the handler and closes
 * the port. */
static void alice_front_stop(struct alice_front *front)
{
	if (front->stopped)
		return;
	alice_info("Closing the frontend");
	front->live = false;
	front->stopped = true;
	front->release_by = jiffies + msecs_to_jiffies(RELEASE_MS);
	alice_byte_set(front->ring.sring, ALICE_FRONT_LEAVING, 1);
	alice_byte_set(front->ring.sring, ALICE_FRONT_ALIVE, 0);
	notify_remote_via_irq(front->irq);
	unbind_from_irqhandler(front->irq, front);
}

/* True: nothing is shared any more. False: the backend has yet to unmap, and the work looks again: waiting here
 * would hold up every device of this guest. */
static bool alice_front_let_go(struct alice_front *front)
{
	if (!front->ring.sring)
		return true;
	alice_front_stop(front);
	if (alice_front_ungrant(front))
		return true;
	mod_delayed_work(system_wq, &front->work, msecs_to_jiffies(RELEASE_STEP_MS));
	return false;
}

/* -- the conversation -------------------------------------------------------------------------- */

/* Built here and copied whole: no byte of the slot is left as it was. */
static void alice_front_hello(struct alice_front *front)
{
	struct alice_front_ring *ring = &front->ring;
	const struct alice_request req = {
		.op = ALICE_OP_HELLO,
		.id = HELLO_ID,
		.value = ALICE_HELLO_VALUE,
		.arg = ALICE_VERSION,
	};
	bool notify;

	alice_info("Sending hello: request %u", req.value);
	*RING_GET_REQUEST(ring, ring->req_prod_pvt) = req;
	ring->req_prod_pvt++;
	front->asked = true;
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(ring, notify);
	if (notify)
		notify_remote_via_irq(front->irq);
}

static int alice_front_breach(struct alice_front *front, const char *what)
{
	front->breach = what;
	return -EPROTO;
}

/* @rsp is our own copy. */
static int alice_front_take(struct alice_front *front, const struct alice_response *rsp)
{
	if (!front->asked || rsp->id != HELLO_ID)
		return alice_front_breach(front, "an answer to what was not asked");
	if (rsp->op != ALICE_OP_HELLO)
		return alice_front_breach(front, "an answer of another operation");
	if (rsp->status != ALICE_OK)
		return alice_front_breach(front, "a hello that failed");
	if (rsp->value != ALICE_HI_VALUE)
		return alice_front_breach(front, "a hi that is not 234");
	if (rsp->total > ALICE_VERSION)
		return alice_front_breach(front, "a version above the one offered");
	front->asked = false;
	alice_info("Got hi: response %u", rsp->value);
	return 0;
}

/* Takes all responses. Their number, or -EPROTO. The backend's index is read once and must lie within what was asked, so
 * what it writes cannot keep us here. */
static int alice_front_receive(struct alice_front *front)
{
	struct alice_front_ring *ring = &front->ring;
	struct alice_response rsp;
	int count = 0, more, err;
	RING_IDX prod;

	do {
		prod = READ_ONCE(ring->sring->rsp_prod);
		if (prod - ring->rsp_cons > ring->req_prod_pvt - ring->rsp_cons)
			return alice_front_breach(front, "a response index out of bounds");
		virt_rmb(); /* the index before what it covers */
		for (; ring->rsp_cons != prod; count++) {
			RING_COPY_RESPONSE(ring, ring->rsp_cons, &rsp);
			ring->rsp_cons++;
			err = alice_front_take(front, &rsp);
			if (err)
				return err;
		}
		RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
	} while (more);
	return count;
}

/* -- the negotiation --------------------------------------------------------------------------- */

/* Both keys or none; again where another client of the store was in between. */
static int alice_front_write_keys(struct alice_front *front)
{
	struct xenbus_device *dev = front->dev;
	struct xenbus_transaction xbt;
	int err;

	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			break;
		err = xenbus_printf(xbt, dev->nodename, "ring-ref", "%u", front->ring_ref);
		if (!err)
			err = xenbus_printf(xbt, dev->nodename, "event-channel", "%u", front->port);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			break;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);
	if (err)
		xenbus_dev_fatal(dev, err, "writing ring-ref and event-channel");
	return err;
}

static void alice_front_publish(struct alice_front *front)
{
	int err;

	alice_info("Connecting the frontend now");
	err = alice_front_share(front);
	if (!err) {
		err = alice_front_write_keys(front);
		if (err)
			alice_front_let_go(front);
	}
	if (err)
		front->failed = true;
	else
		xenbus_switch_state(front->dev, XenbusStateInitialised);
}

/* The backend is Connected: it serves the ring already. One that has not mapped the page means a ring it has
 * given up, and will move on. */
static void alice_front_connect(struct alice_front *front)
{
	if (front->dev->state != XenbusStateInitialised || !front->ring.sring ||
	    alice_byte_get(front->ring.sring, ALICE_BACK_ALIVE) == ALICE_NOT_MAPPED)
		return;
	alice_info("Other side says it is connected as well.");
	front->live = true;
	alice_front_hello(front);
	xenbus_switch_state(front->dev, XenbusStateConnected);
}

/* Closed, when the backend has let go; Closing asks it to. */
static void alice_front_close(struct alice_front *front)
{
	if (alice_front_let_go(front))
		xenbus_frontend_closed(front->dev);
	else
		xenbus_switch_state(front->dev, XenbusStateClosing);
}

/* The backend closes, is closed, or is gone. One that is still closing when we begin was not ours: it opens later. */
static void alice_front_backend_closes(struct alice_front *front, enum xenbus_state backend)
{
	struct xenbus_device *dev = front->dev;

	if (dev->state == XenbusStateClosed) {
		if (front->again && backend == XenbusStateClosed) {
			front->again = false;
			xenbus_switch_state(dev, XenbusStateInitialising);
		}
	} else if (dev->state != XenbusStateInitialising) {
		alice_front_close(front);
	} else if (backend == XenbusStateClosing) {
		front->again = true;
		alice_front_close(front);
	}
}

/* The backend is open, or will be. Connected, we belong to a life of it that has ended; Closed, this is the offer to
 * begin anew. */
static void alice_front_backend_opens(struct alice_front *front, enum xenbus_state backend)
{
	struct xenbus_device *dev = front->dev;

	if (dev->state == XenbusStateInitialised)
		return;
	if (front->failed) {
		alice_front_close(front);
		return;
	}
	if (!alice_front_let_go(front))
		return;
	xenbus_switch_state(dev, XenbusStateInitialising);
	if (backend != XenbusStateInitialising)
		alice_front_publish(front);
}

/* Nodes that are removed and made again in one transaction are the same device to Linux, which keeps the old
 * state in its cache. False: not ready to begin anew. */
static bool alice_front_look_at_own_node(struct alice_front *front)
{
	struct xenbus_device *dev = front->dev;

	if (dev->state == XenbusStateInitialising ||
	    xenbus_read_driver_state(dev->nodename) != XenbusStateInitialising)
		return true;
	if (!alice_front_let_go(front))
		return false;
	dev->state = XenbusStateInitialising;
	front->failed = false;
	return true;
}

/* @backend is what its node says now; states in between may never be seen, and one may be seen twice. */
static void alice_front_follow(struct alice_front *front, enum xenbus_state backend)
{
	if (!alice_front_look_at_own_node(front))
		return;
	switch (backend) {
	case XenbusStateInitialising:
	case XenbusStateInitWait:
	case XenbusStateInitialised:
		alice_front_backend_opens(front, backend);
		break;
	case XenbusStateConnected:
		alice_front_connect(front);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		alice_front_backend_closes(front, backend);
		break;
	case XenbusStateUnknown:
		if (front->backend_seen)
			alice_front_backend_closes(front, backend);
		break;
	default: /* alice is never reconfigured */
		break;
	}
	front->backend_seen |= backend != XenbusStateUnknown;
}

static void alice_front_backend_changed(struct xenbus_device *dev, enum xenbus_state backend)
{
	struct alice_front *front = dev_get_drvdata(&dev->dev);

	mutex_lock(&front->lock);
	alice_front_follow(front, backend);
	mutex_unlock(&front->lock);
}

/* -- events ------------------------------------------------------------------------------------ */

/* In good order a state follows soon, and the channel is left without EOI: it has no more to say. Where none
 * follows, the backend died on its way out. */
static void alice_front_backend_left(struct alice_front *front)
{
	if (!front->leaving && alice_byte_get(front->ring.sring, ALICE_BACK_LEAVING)) {
		front->leaving = true;
		front->live = false;
		mod_delayed_work(system_wq, &front->work, msecs_to_jiffies(ALICE_LEAVE_MS));
		return;
	}
	alice_info("The backend's process is gone, closing");
	alice_front_close(front);
}

/* Whether the backend was alive is looked at first: what it answered before its end counts. */
static void alice_front_serve(struct alice_front *front)
{
	const bool alive = alice_byte_get(front->ring.sring, ALICE_BACK_ALIVE);
	int got = front->live ? alice_front_receive(front) : 0;

	if (got < 0) {
		front->failed = true;
		xenbus_dev_fatal(front->dev, got, "the backend broke the protocol: %s", front->breach);
		alice_front_close(front);
	} else if (!alive) {
		alice_front_backend_left(front);
	} else {
		xen_irq_lateeoi(front->irq, got ? 0 : XEN_EOI_FLAG_SPURIOUS);
	}
}

/* The backend had to let go. Its state may have moved on meanwhile. */
static void alice_front_look_again(struct alice_front *front)
{
	struct xenbus_device *dev = front->dev;

	if (!alice_front_let_go(front))
		return;
	if (dev->state == XenbusStateClosing)
		xenbus_frontend_closed(dev);
	alice_front_follow(front, xenbus_read_driver_state(dev->otherend));
}

static void alice_front_work(struct work_struct *work)
{
	struct alice_front *front = container_of(to_delayed_work(work), struct alice_front, work);

	mutex_lock(&front->lock);
	if (front->ring.sring && front->stopped)
		alice_front_look_again(front);
	else if (front->ring.sring)
		alice_front_serve(front);
	mutex_unlock(&front->lock);
}

/* -- the driver -------------------------------------------------------------------------------- */

static int alice_front_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct alice_front *front = kzalloc(sizeof(*front), GFP_KERNEL);

	alice_info("Probe called.");
	if (!front)
		return -ENOMEM;
	front->dev = dev;
	front->ring_ref = INVALID_GRANT_REF;
	mutex_init(&front->lock);
	INIT_DELAYED_WORK(&front->work, alice_front_work);
	dev_set_drvdata(&dev->dev, front);
	/* A driver that was unloaded left Closed behind. */
	xenbus_switch_state(dev, XenbusStateInitialising);
	return 0;
}

/* Nobody else calls us any more but work. The backend unmaps when it sees Closing, and the bus says Closed after us. */
static void alice_front_remove(struct xenbus_device *dev)
{
	struct alice_front *front = dev_get_drvdata(&dev->dev);

	mutex_lock(&front->lock);
	if (front->ring.sring) {
		alice_front_stop(front);
		xenbus_switch_state(dev, XenbusStateClosing);
		while (!alice_front_ungrant(front))
			msleep(RELEASE_STEP_MS);
	}
	mutex_unlock(&front->lock);
	cancel_delayed_work_sync(&front->work);
	mutex_destroy(&front->lock);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(front);
}

/* After a migration or a restore: ports and the backend's mappings are of another life. The backend's InitWait comes
 * next, and we publish again. */
static int alice_front_resume(struct xenbus_device *dev)
{
	struct alice_front *front = dev_get_drvdata(&dev->dev);

	mutex_lock(&front->lock);
	alice_front_let_go(front);
	front->backend_seen = false;
	mutex_unlock(&front->lock);
	return 0;
}

static const struct xenbus_device_id alice_front_ids[] = { { "alice_dev" }, { "" } };

static struct xenbus_driver alice_front_driver = {
	.name = "alice_front",
	.ids = alice_front_ids,
	.probe = alice_front_probe,
	.remove = alice_front_remove,
	.resume = alice_front_resume,
	.otherend_changed = alice_front_backend_changed,
	.not_essential = true, /* a guest boots without a backend of ours */
};

static int __init alice_front_init(void)
{
	if (!xen_domain())
		return -ENODEV;
	alice_info("Alice_front inited!");
	return xenbus_register_frontend(&alice_front_driver);
}
module_init(alice_front_init);

static void __exit alice_front_exit(void)
{
	xenbus_unregister_driver(&alice_front_driver);
	alice_info("Alice_front exited.");
}
module_exit(alice_front_exit);

MODULE_DESCRIPTION("Xen split driver alice, frontend");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen:alice_dev");
