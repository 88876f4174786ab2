/* SPDX-License-Identifier: MIT */
/* A frontend with ids, probe and otherend_changed, which goes straight from Initialising to Connected. */
#include <linux/module.h>
#include <xen/xenbus.h>

static int minimal_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	pr_notice("DomU: Probe called. We are good to go.\n");
	return 0;
}

static void minimal_changed(struct xenbus_device *dev, enum xenbus_state backend)
{
	switch (backend) {
	case XenbusStateInitWait:
		if (dev->state != XenbusStateInitialising)
			break;
		pr_notice("DomU: Connecting the frontend now\n");
		xenbus_switch_state(dev, XenbusStateConnected);
		break;
	case XenbusStateConnected:
		pr_notice("DomU: Other side says it is connected as well.\n");
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		xenbus_frontend_closed(dev);
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
	pr_notice("DomU: minimal_front inited!\n");
	return xenbus_register_frontend(&minimal_driver);
}
module_init(minimal_init);

static void __exit minimal_exit(void)
{
	xenbus_unregister_driver(&minimal_driver);
	pr_notice("DomU: minimal_front says bye.\n");
}
module_exit(minimal_exit);

MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen:minimal");
