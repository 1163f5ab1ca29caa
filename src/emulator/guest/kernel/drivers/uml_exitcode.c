// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/exitcode: the status that the emulator's process will exit with, as in
 * arch/um/kernel/exitcode.c.
 */
#include <linux/ctype.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/uml_machine.h>

#include "uml_ports.h"

static int exit_code;

static int exitcode_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%d\n", READ_ONCE(exit_code));
	return 0;
}

static int exitcode_open(struct inode *inode, struct file *file)
{
	return single_open(file, exitcode_show, NULL);
}

static ssize_t exitcode_write(struct file *file, const char __user *buffer,
			      size_t count, loff_t *pos)
{
	char text[sizeof("nnnnn\0") + 1] = "";
	char *end;
	long value;

	/* Only the first seven bytes are looked at: UML's limit, and scripts see it. */
	if (copy_from_user(text, buffer, min(count, sizeof(text) - 1)))
		return -EFAULT;

	value = simple_strtol(text, &end, 0);
	if (*end != '\0' && !isspace(*end))
		return -EINVAL;

	WRITE_ONCE(exit_code, value);
	outl(value, UML_PORT_EXITCODE);
	return count;
}

static const struct proc_ops exitcode_ops = {
	.proc_open	= exitcode_open,
	.proc_read	= seq_read,
	.proc_write	= exitcode_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init exitcode_init(void)
{
	if (uml_machine_present() && !proc_create("exitcode", 0600, NULL, &exitcode_ops))
		pr_warn("uml: failed to register /proc/exitcode\n");
	return 0;
}
device_initcall(exitcode_init);
