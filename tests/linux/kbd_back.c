/* SPDX-License-Identifier: MIT */
/* A backend of the class vkbd with a script: when the frontend is Connected it presses a key and moves the pointer. */
#include <linux/err.h>
#include <linux/module.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/interface/io/kbdif.h>
#include <xen/xenbus.h>

struct kbd_back {
	struct xenkbd_page *page;
	void *mapping;
	int irq;
};

static irqreturn_t consumed(int irq, void *dev_id)
{
	struct kbd_back *kbd = dev_id;

	if (kbd->page->in_cons == 2)
		pr_info("kbd_back: both events were taken\n");
	xen_irq_lateeoi((unsigned int)irq, 0);
	return IRQ_HANDLED;
}

static void play_script(struct kbd_back *kbd)
{
	XENKBD_IN_RING_REF(kbd->page, 0).key =
		(struct xenkbd_key){ .type = XENKBD_TYPE_KEY, .pressed = 1, .keycode = 30 };
	XENKBD_IN_RING_REF(kbd->page, 1).motion =
		(struct xenkbd_motion){ .type = XENKBD_TYPE_MOTION, .rel_x = 7, .rel_y = -3 };
	wmb();
	kbd->page->in_prod = 2;
	notify_remote_via_irq(kbd->irq);
}

static int connect(struct xenbus_device *dev, struct kbd_back *kbd)
{
	unsigned int ref, port;
	int err = xenbus_gather(XBT_NIL, dev->otherend, "page-gref", "%u", &ref, "event-channel", "%u", &port,
				NULL);

	if (!err)
		err = xenbus_map_ring_valloc(dev, &ref, 1, &kbd->mapping);
	if (err)
		return err;
	kbd->page = kbd->mapping;
	kbd->irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(dev, port, consumed, 0, "kbd_back", kbd);
	return min(kbd->irq, 0);
}

static void disconnect(struct xenbus_device *dev, struct kbd_back *kbd)
{
	if (kbd->irq > 0)
		unbind_from_irqhandler((unsigned int)kbd->irq, kbd);
	kbd->irq = 0;
	if (kbd->mapping)
		xenbus_unmap_ring_vfree(dev, kbd->mapping);
	kbd->mapping = NULL;
}

static int kbd_back_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct kbd_back *kbd = kzalloc(sizeof(*kbd), GFP_KERNEL);

	if (!kbd)
		return -ENOMEM;
	dev_set_drvdata(&dev->dev, kbd);
	return xenbus_switch_state(dev, XenbusStateInitWait);
}

static void kbd_back_changed(struct xenbus_device *dev, enum xenbus_state frontend)
{
	struct kbd_back *kbd = dev_get_drvdata(&dev->dev);
	int err;

	switch (frontend) {
	case XenbusStateConnected:
		if (dev->state == XenbusStateConnected)
			break;
		err = connect(dev, kbd);
		if (err) {
			xenbus_dev_fatal(dev, err, "connecting");
			break;
		}
		xenbus_switch_state(dev, XenbusStateConnected);
		play_script(kbd);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		disconnect(dev, kbd);
		xenbus_switch_state(dev, XenbusStateClosed);
		break;
	default:
		break;
	}
}

static void kbd_back_remove(struct xenbus_device *dev)
{
	disconnect(dev, dev_get_drvdata(&dev->dev));
	kfree(dev_get_drvdata(&dev->dev));
}

static const struct xenbus_device_id kbd_back_ids[] = { { "vkbd" }, { "" } };
static struct xenbus_driver kbd_back_driver = {
	.ids = kbd_back_ids,
	.probe = kbd_back_probe,
	.otherend_changed = kbd_back_changed,
	.remove = kbd_back_remove,
};

static int __init kbd_back_init(void)
{
	return xenbus_register_backend(&kbd_back_driver);
}
module_init(kbd_back_init);

static void __exit kbd_back_exit(void)
{
	xenbus_unregister_driver(&kbd_back_driver);
}
module_exit(kbd_back_exit);
MODULE_LICENSE("Dual MIT/GPL");
