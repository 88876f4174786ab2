/* SPDX-License-Identifier: MIT */
/* The least that a backend of the class "minimal" can be: ids, probe and otherend_changed. */
#include <linux/module.h>
#include <xen/xenbus.h>

static int minimal_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	pr_info("Dom0: Probe called. We are good to go.\n");
	return xenbus_switch_state(dev, XenbusStateInitialising);
}

/* One state a step, until it is where the frontend is: so the tutorials do it, and netback. */
static void set_state(struct xenbus_device *dev, enum xenbus_state state)
{
	while (dev->state != state) {
		switch (dev->state) {
		case XenbusStateInitialising:
			xenbus_switch_state(dev, XenbusStateInitWait);
			break;
		case XenbusStateInitWait:
			xenbus_switch_state(dev, state == XenbusStateConnected ? state : XenbusStateClosing);
			break;
		case XenbusStateConnected:
			xenbus_switch_state(dev, XenbusStateClosing);
			break;
		case XenbusStateClosing:
			xenbus_switch_state(dev, XenbusStateClosed);
			break;
		default:
			xenbus_switch_state(dev, XenbusStateInitWait);
		}
	}
}

static void minimal_changed(struct xenbus_device *dev, enum xenbus_state frontend)
{
	switch (frontend) {
	case XenbusStateInitialising:
		set_state(dev, XenbusStateInitWait);
		break;
	case XenbusStateConnected:
		pr_info("Dom0: Connect the backend\n");
		set_state(dev, XenbusStateConnected);
		break;
	case XenbusStateClosing:
		set_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		set_state(dev, XenbusStateClosed);
		if (xenbus_dev_is_online(dev))
			break;
		fallthrough;
	case XenbusStateUnknown:
		pr_info("Dom0: Frontend is gone\n");
		device_unregister(&dev->dev);
		break;
	default:
		break;
	}
}

static const struct xenbus_device_id minimal_ids[] = { { "minimal" }, { "" } };
static struct xenbus_driver minimal_driver = {
	.ids = minimal_ids,
	.probe = minimal_probe,
	.otherend_changed = minimal_changed,
};

static int __init minimal_init(void)
{
	pr_notice("Dom0: minimal_back inited!\n");
	return xenbus_register_backend(&minimal_driver);
}
module_init(minimal_init);

static void __exit minimal_exit(void)
{
	xenbus_unregister_driver(&minimal_driver);
	pr_notice("Dom0: minimal_back says bye.\n");
}
module_exit(minimal_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_DESCRIPTION("the least that a backend can be");
MODULE_ALIAS("xen-backend:minimal");
