// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/watchdog: opening it starts the host's watchdog, writing to it says that we are
 * alive, closing it ends it.  As arch/um/drivers/harddog_kern.c.
 */
#include <linux/bitops.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/uaccess.h>
#include <linux/uml_machine.h>
#include <linux/watchdog.h>

#include "uml_mgmt.h"

static unsigned long opened;

static void tell(char what)
{
	static const struct uml_caller unasked = { .op = UML_OP_WATCHDOG };

	uml_reply(&unasked, 0, 0, &what, 1);
}

static int watchdog_open(struct inode *inode, struct file *file)
{
	if (test_and_set_bit(0, &opened))
		return -EBUSY;
	tell(UML_WATCHDOG_START);
	return stream_open(inode, file);
}

static int watchdog_release(struct inode *inode, struct file *file)
{
	tell(UML_WATCHDOG_STOP);
	clear_bit(0, &opened);
	return 0;
}

static ssize_t watchdog_write(struct file *file, const char __user *data, size_t len,
			      loff_t *pos)
{
	if (len)
		tell(UML_WATCHDOG_PING);
	return len;
}

static long watchdog_ioctl(struct file *file, unsigned int command, unsigned long arg)
{
	static const struct watchdog_info info = {
		.options = WDIOF_KEEPALIVEPING,
		.identity = "UML Hardware Watchdog",
	};
	void __user *user = (void __user *)arg;

	switch (command) {
	case WDIOC_GETSUPPORT:
		return copy_to_user(user, &info, sizeof(info)) ? -EFAULT : 0;
	case WDIOC_GETSTATUS:
	case WDIOC_GETBOOTSTATUS:
		return put_user(0, (int __user *)user);
	case WDIOC_KEEPALIVE:
		tell(UML_WATCHDOG_PING);
		return 0;
	default:
		return -ENOTTY;
	}
}

static const struct file_operations watchdog_ops = {
	.open		= watchdog_open,
	.release	= watchdog_release,
	.write		= watchdog_write,
	.unlocked_ioctl	= watchdog_ioctl,
	.llseek		= no_llseek,
};

static struct miscdevice watchdog = {
	.minor	= WATCHDOG_MINOR,
	.name	= "watchdog",
	.fops	= &watchdog_ops,
};

static int __init watchdog_init(void)
{
	return uml_machine_present() ? misc_register(&watchdog) : 0;
}
device_initcall(watchdog_init);
