/* SPDX-License-Identifier: MIT */
/* A backend that removes its own node and goes on as if nothing were: what xenbus_switch_state() says then. */
#include <linux/err.h>
#include <linux/module.h>
#include <xen/xenbus.h>

static int vanishing_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	dev_info(&dev->dev, "probed, %s of domain %d\n", xenbus_strstate(dev->state), dev->otherend_id);
	return 0;
}

static void vanishing_changed(struct xenbus_device *dev, enum xenbus_state frontend)
{
	int err;

	if (dev->state != XenbusStateInitialising)
		return;
	err = xenbus_rm(XBT_NIL, dev->nodename, "");
	dev_info(&dev->dev, "removed the node: %d\n", err);
	err = xenbus_switch_state(dev, XenbusStateConnected);
	dev_info(&dev->dev, "switching says %d, the state is %s\n", err, xenbus_strstate(dev->state));
	err = xenbus_printf(XBT_NIL, dev->nodename, "key", "1");
	dev_info(&dev->dev, "writing says %pe\n", ERR_PTR(err));
}

static void vanishing_remove(struct xenbus_device *dev)
{
	dev_info(&dev->dev, "removed\n");
}

static const struct xenbus_device_id vanishing_ids[] = { { "vanishing" }, { "" } };
static struct xenbus_driver vanishing_driver = {
	.name = "vanisher",
	.ids = vanishing_ids,
	.probe = vanishing_probe,
	.otherend_changed = vanishing_changed,
	.remove = vanishing_remove,
};

static int __init vanishing_init(void)
{
	return xenbus_register_backend(&vanishing_driver);
}
module_init(vanishing_init);

static void __exit vanishing_exit(void)
{
	xenbus_unregister_driver(&vanishing_driver);
}
module_exit(vanishing_exit);
MODULE_LICENSE("Dual MIT/GPL");
