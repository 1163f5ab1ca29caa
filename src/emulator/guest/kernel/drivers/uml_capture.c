// SPDX-License-Identifier: GPL-2.0-only
/*
 * Console output as an answer: a console of ours passes everything that the kernel
 * prints on to the callers that wait for it, as arch/um/drivers/mconsole_kern.c does.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/list.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/spinlock.h>

#include "uml_mgmt.h"

struct capture {
	struct list_head list;
	const struct uml_caller *caller;
};

static LIST_HEAD(captures);
static DEFINE_SPINLOCK(captures_lock);

static void capture_write(struct console *con, const char *text, unsigned int len)
{
	struct capture *capture;
	unsigned long flags;
	size_t part;

	spin_lock_irqsave(&captures_lock, flags);
	for (; len && !list_empty(&captures); text += part, len -= part) {
		part = min_t(size_t, len, UML_DATA_SIZE);
		list_for_each_entry(capture, &captures, list)
			uml_reply(capture->caller, 0, UML_FLAG_MORE, text, part);
	}
	spin_unlock_irqrestore(&captures_lock, flags);
}

static struct console capture_console = {
	.name	= "mc",
	.write	= capture_write,
	.flags	= CON_ENABLED,
	.index	= -1,
};

void uml_capture(const struct uml_caller *caller, void (*show)(void *arg), void *arg)
{
	struct capture capture = { .caller = caller };
	unsigned long flags;

	spin_lock_irqsave(&captures_lock, flags);
	list_add_tail(&capture.list, &captures);
	spin_unlock_irqrestore(&captures_lock, flags);

	show(arg);

	spin_lock_irqsave(&captures_lock, flags);
	list_del(&capture.list);
	spin_unlock_irqrestore(&captures_lock, flags);

	uml_reply(caller, 0, 0, NULL, 0);
}

/*
 * Whoever holds the console lock prints what others log meanwhile.  At interrupt time
 * that is someone who can't run before we return: too late for the capture.
 */
bool uml_capture_ready(void)
{
	if (!console_trylock())
		return false;
	console_unlock();
	return true;
}

void uml_capture_wait(void)
{
	console_lock();
	console_unlock();
}

static int __init capture_init(void)
{
	register_console(&capture_console);
	return 0;
}
late_initcall(capture_init);
