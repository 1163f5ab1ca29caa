// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hot-plug at the host's word: a device of PCI bus 0 comes or goes.
 */
#include <linux/blkdev.h>
#include <linux/device.h>
#include <linux/netdevice.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>
#include <linux/string.h>

#include "uml_mgmt.h"

/*
 * The device chose its own ports, and nobody else owns them: keep them where they are.
 * What can't be kept gets a new place.
 */
static void place_resources(struct pci_dev *pdev)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (pdev->resource[bar].start && !pdev->resource[bar].parent)
			pci_claim_resource(pdev, bar);
	pci_bus_assign_resources(pdev->bus);
}

/* A virtio device is a child of its PCI device; either may lack a driver. */
static int lacks_driver(struct device *dev, void *unused)
{
	return strcmp(dev_bus_name(dev), "virtio") == 0 && !dev->driver;
}

static int plug(struct pci_bus *bus, unsigned int devfn)
{
	struct pci_dev *pdev = pci_get_slot(bus, devfn);

	if (pdev) {
		pci_dev_put(pdev);
		return -EEXIST;
	}

	/* Not pci_scan_slot(): function 0 of the slot needn't be there. */
	pdev = pci_scan_single_device(bus, devfn);
	if (!pdev)
		return -ENODEV;

	pdev->multifunction = 1;
	place_resources(pdev);
	/* Probes at once: the disk's partitions are read and its nodes are made. */
	pci_bus_add_device(pdev);

	if (pdev->dev.driver && !device_for_each_child(&pdev->dev, NULL, lacks_driver))
		return 0;

	pci_stop_and_remove_bus_device(pdev);
	return -EIO;
}

int uml_plug(unsigned int devfn)
{
	struct pci_bus *bus = pci_find_bus(0, 0);
	int err;

	if (!bus || devfn > 0xff)
		return -EINVAL;

	pci_lock_rescan_remove();
	err = plug(bus, devfn);
	pci_unlock_rescan_remove();
	return err;
}

/* A mounted, swapped-on or otherwise open disk; a network interface that is up. */
static int in_use(struct device *dev, void *unused)
{
	if (dev->type == &disk_type)
		return disk_openers(dev_to_disk(dev)) > 0 ? -EBUSY : 0;
	if (dev->class && strcmp(dev->class->name, "net") == 0)
		return to_net_dev(dev)->flags & IFF_UP ? -EBUSY : 0;
	return device_for_each_child(dev, NULL, in_use);
}

int uml_unplug(unsigned int devfn, struct device *mgmt_parent)
{
	struct pci_dev *pdev;
	int err;

	if (devfn > 0xff)
		return -EINVAL;

	pci_lock_rescan_remove();
	pdev = pci_get_domain_bus_and_slot(0, 0, devfn);
	if (!pdev) {
		err = -ENODEV;
	} else if (&pdev->dev == mgmt_parent) {
		err = -EBUSY;	/* it would have to answer after its own end */
	} else {
		rtnl_lock();
		err = in_use(&pdev->dev, NULL);
		rtnl_unlock();
		if (!err)
			pci_stop_and_remove_bus_device(pdev);
	}
	pci_dev_put(pdev);
	pci_unlock_rescan_remove();
	return err;
}
