// SPDX-License-Identifier: GPL-2.0-only
/*
 * The management device, the guest's half of uml_mconsole: a virtio device whose first
 * queue brings requests and whose second takes answers.
 *
 * As in UML, what can't sleep is done at interrupt time and so works when user space is
 * dead; the rest has a workqueue of its own.  The behaviour, and the texts that reach
 * the log, follow arch/um/drivers/mconsole_kern.c by Jeff Dike and others.
 */
#include <linux/init.h>
#include <linux/io.h>
#include <linux/printk.h>
#include <linux/proc_fs.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysrq.h>
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/workqueue.h>

#include "uml_mgmt.h"

#define REQUESTS	8

struct request {
	struct work_struct work;
	struct uml_caller caller;
	u32 flags;
	size_t len;			/* of the data */
	struct uml_message *message;
	char *data;			/* its data, NUL-terminated */
};

/* There is one such device, and the console's output must find it without a context. */
static struct {
	struct virtio_device *vdev;
	struct virtqueue *requests_vq;
	struct virtqueue *replies_vq;
	spinlock_t requests_lock;
	spinlock_t reply_lock;
	struct uml_message *reply;
	struct workqueue_struct *wq;
	struct request requests[REQUESTS];
} mgmt = {
	.requests_lock	= __SPIN_LOCK_UNLOCKED(mgmt.requests_lock),
	.reply_lock	= __SPIN_LOCK_UNLOCKED(mgmt.reply_lock),
};

/*
 * One buffer, allocated beforehand, and waiting until the device has taken it: works
 * when there is no memory and no scheduler to rely on.
 */
void uml_reply(const struct uml_caller *caller, int status, u32 flags,
	       const void *data, size_t len)
{
	struct uml_message *reply = mgmt.reply;
	struct scatterlist sg;
	unsigned long irq;
	unsigned int used;

	spin_lock_irqsave(&mgmt.reply_lock, irq);
	if (!mgmt.vdev)
		goto out;

	reply->id = cpu_to_le32(caller->id);
	reply->op = cpu_to_le32(caller->op);
	reply->status = cpu_to_le32(status);
	reply->flags = cpu_to_le32(flags);
	memcpy(reply->data, data, len);

	sg_init_one(&sg, reply, sizeof(*reply) + len);
	if (virtqueue_add_outbuf(mgmt.replies_vq, &sg, 1, reply, GFP_ATOMIC))
		goto out;
	if (virtqueue_kick(mgmt.replies_vq))
		while (!virtqueue_get_buf(mgmt.replies_vq, &used) &&
		       !virtqueue_is_broken(mgmt.replies_vq))
			cpu_relax();
out:
	spin_unlock_irqrestore(&mgmt.reply_lock, irq);
}

static void reply_version(const struct uml_caller *caller)
{
	const struct new_utsname *name = &init_uts_ns.name;
	const char *const part[] = {
		name->sysname, name->nodename, name->release, name->version, name->machine,
	};
	char text[sizeof(*name)];
	size_t len = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(part); i++)
		len += strscpy(text + len, part[i], __NEW_UTS_LEN + 1) + 1;
	uml_reply(caller, 0, 0, text, len);
}

static void log_line(struct request *request)
{
	unsigned int level = UML_LOG_LEVEL(request->flags);
	int len = request->len;

	if (!level)
		level = LOGLEVEL_WARNING + 1;
	/* Without the line's end it would stay unseen until the next line. */
	printk("%c%c%.*s\n", KERN_SOH_ASCII, '0' + level - 1, len, request->data);
	uml_reply(&request->caller, 0, 0, NULL, 0);
}

static void sysrq(void *key)
{
	handle_sysrq(*(char *)key);
}

static void sysrq_captured(struct request *request)
{
	char key = request->data[0];
	int loglevel = console_loglevel;
	int raised = max(loglevel, CONSOLE_LOGLEVEL_DEFAULT);

	/* The machine goes down without a chance to answer, so answer first. */
	if (key == 'b')
		uml_reply(&request->caller, 0, 0, NULL, 0);

	/* 0-9 set the level themselves.  The others' output is asked for, even if "quiet". */
	if (key >= '0' && key <= '9')
		raised = loglevel;
	console_loglevel = raised;
	uml_capture(&request->caller, sysrq, &key);
	if (console_loglevel == raised)
		console_loglevel = loglevel;
}

static void stack(void *task)
{
	show_stack(task, NULL, KERN_INFO);
}

static void stack_captured(struct request *request)
{
	struct task_struct *task;
	int loglevel, pid;

	if (sscanf(request->data, "%d", &pid) != 1) {
		uml_reply(&request->caller, -EINVAL, 0, NULL, 0);
		return;
	}

	rcu_read_lock();
	task = pid > 0 ? find_task_by_pid_ns(pid, &init_pid_ns) : NULL;
	if (task) {
		loglevel = console_loglevel;
		console_loglevel = max(loglevel, CONSOLE_LOGLEVEL_DEFAULT);
		uml_capture(&request->caller, stack, task);
		console_loglevel = loglevel;
	} else {
		uml_reply(&request->caller, -ESRCH, 0, NULL, 0);
	}
	rcu_read_unlock();
}

static int devfn_of(struct request *request)
{
	__le32 devfn;

	if (request->len < sizeof(devfn))
		return -EINVAL;
	memcpy(&devfn, request->data, sizeof(devfn));
	return min_t(u32, le32_to_cpu(devfn), INT_MAX);
}

static void reply_hotplug(struct request *request)
{
	int devfn = devfn_of(request);
	int err = devfn;

	if (devfn >= 0)
		err = request->caller.op == UML_OP_PLUG ?
			uml_plug(devfn) : uml_unplug(devfn, mgmt.vdev->dev.parent);
	uml_reply(&request->caller, err, 0, NULL, 0);
}

/* Returns false if this isn't the time, and a process has to do it. */
static bool serve_at_once(struct request *request)
{
	const struct uml_caller *caller = &request->caller;

	switch (caller->op) {
	case UML_OP_VERSION:
		reply_version(caller);
		return true;
	case UML_OP_HALT:
		uml_reply(caller, 0, 0, NULL, 0);
		machine_halt();
		return true;
	case UML_OP_REBOOT:
		uml_reply(caller, 0, 0, NULL, 0);
		machine_restart(NULL);
		return true;
	case UML_OP_CAD:
		uml_reply(caller, 0, 0, NULL, 0);
		ctrl_alt_del();
		return true;
	case UML_OP_LOG:
		log_line(request);
		return true;
	case UML_OP_SYSRQ:
		/* What ends the machine must not wait for a lock that may be stuck. */
		if (!strchr("bc", request->data[0]) && !uml_capture_ready())
			return false;
		sysrq_captured(request);
		return true;
	case UML_OP_STACK:
		if (!uml_capture_ready())
			return false;
		stack_captured(request);
		return true;
	case UML_OP_PROC:
	case UML_OP_PLUG:
	case UML_OP_UNPLUG:
		return false;
	default:
		uml_reply(caller, -EOPNOTSUPP, 0, NULL, 0);
		return true;
	}
}

static void post_request(struct request *request)
{
	struct scatterlist sg;
	unsigned long irq;

	spin_lock_irqsave(&mgmt.requests_lock, irq);
	sg_init_one(&sg, request->message, UML_MESSAGE_SIZE);
	if (!virtqueue_add_inbuf(mgmt.requests_vq, &sg, 1, request, GFP_ATOMIC))
		virtqueue_kick(mgmt.requests_vq);
	spin_unlock_irqrestore(&mgmt.requests_lock, irq);
}

static void serve_in_process(struct work_struct *work)
{
	struct request *request = container_of(work, struct request, work);

	switch (request->caller.op) {
	case UML_OP_SYSRQ:
		uml_capture_wait();
		sysrq_captured(request);
		break;
	case UML_OP_STACK:
		uml_capture_wait();
		stack_captured(request);
		break;
	case UML_OP_PROC:
		uml_reply_proc_file(&request->caller, request->data);
		break;
	case UML_OP_PLUG:
	case UML_OP_UNPLUG:
		reply_hotplug(request);
		break;
	}
	post_request(request);
}

static struct request *next_request(unsigned int *len)
{
	struct request *request;
	unsigned long irq;

	spin_lock_irqsave(&mgmt.requests_lock, irq);
	request = virtqueue_get_buf(mgmt.requests_vq, len);
	spin_unlock_irqrestore(&mgmt.requests_lock, irq);
	return request;
}

static void requests_arrived(struct virtqueue *vq)
{
	struct request *request;
	unsigned int len;

	while ((request = next_request(&len))) {
		len = min_t(unsigned int, len, UML_MESSAGE_SIZE);
		if (len >= sizeof(struct uml_message)) {
			request->caller.id = le32_to_cpu(request->message->id);
			request->caller.op = le32_to_cpu(request->message->op);
			request->flags = le32_to_cpu(request->message->flags);
			request->len = len - sizeof(struct uml_message);
			request->data[request->len] = '\0';
			if (!serve_at_once(request)) {
				queue_work(mgmt.wq, &request->work);
				continue;
			}
		}
		post_request(request);
	}
}

/* /proc/mconsole: what is written here is a notification to the host's listener. */
static ssize_t mconsole_write(struct file *file, const char __user *buffer,
			      size_t count, loff_t *pos)
{
	static const struct uml_caller unasked = { .op = UML_OP_NOTIFY };
	size_t len = min_t(size_t, count, UML_DATA_SIZE);
	char *text = memdup_user_nul(buffer, len);

	if (IS_ERR(text))
		return PTR_ERR(text);
	uml_reply(&unasked, 0, 0, text, len);
	kfree(text);
	return count;
}

static const struct proc_ops mconsole_ops = {
	.proc_write	= mconsole_write,
	.proc_lseek	= noop_llseek,
};

static void release(void)
{
	int i;

	if (mgmt.wq)
		destroy_workqueue(mgmt.wq);
	mgmt.wq = NULL;
	uml_proc_exit();
	for (i = 0; i < REQUESTS; i++) {
		kfree(mgmt.requests[i].message);
		mgmt.requests[i].message = NULL;
	}
	kfree(mgmt.reply);
	mgmt.reply = NULL;
}

static int allocate(void)
{
	struct request *request;

	mgmt.reply = kmalloc(UML_MESSAGE_SIZE, GFP_KERNEL);
	/* Not for memory reclaim: removing a device waits for work of the system's queues. */
	mgmt.wq = alloc_workqueue("uml_mgmt", WQ_HIGHPRI, REQUESTS);
	if (!mgmt.reply || !mgmt.wq)
		return -ENOMEM;

	for (request = mgmt.requests; request < mgmt.requests + REQUESTS; request++) {
		/* A byte more, so that the longest text can be terminated. */
		request->message = kmalloc(UML_MESSAGE_SIZE + 1, GFP_KERNEL);
		if (!request->message)
			return -ENOMEM;
		request->data = (char *)request->message->data;
		INIT_WORK(&request->work, serve_in_process);
	}
	return 0;
}

static int mgmt_probe(struct virtio_device *vdev)
{
	static const struct uml_caller hello = { .op = UML_OP_HELLO };
	vq_callback_t *callbacks[] = { requests_arrived, NULL };
	static const char *const names[] = { "request", "reply" };
	struct virtqueue *vqs[2];
	int err, i;

	if (mgmt.vdev)
		return -EBUSY;
	err = allocate();
	if (!err)
		err = uml_proc_init();
	if (!err)
		err = virtio_find_vqs(vdev, 2, vqs, callbacks, names, NULL);
	if (err) {
		release();
		return err;
	}

	mgmt.requests_vq = vqs[0];
	mgmt.replies_vq = vqs[1];
	mgmt.vdev = vdev;
	virtio_device_ready(vdev);

	reply_version(&hello);
	for (i = 0; i < REQUESTS; i++)
		post_request(&mgmt.requests[i]);
	if (!proc_create("mconsole", 0200, NULL, &mconsole_ops))
		pr_warn("uml: failed to register /proc/mconsole\n");
	return 0;
}

static void mgmt_remove(struct virtio_device *vdev)
{
	unsigned long irq;

	remove_proc_entry("mconsole", NULL);
	virtio_reset_device(vdev);	/* no request comes any more */
	flush_workqueue(mgmt.wq);
	spin_lock_irqsave(&mgmt.reply_lock, irq);
	mgmt.vdev = NULL;
	spin_unlock_irqrestore(&mgmt.reply_lock, irq);
	vdev->config->del_vqs(vdev);
	release();
}

static const struct virtio_device_id mgmt_ids[] = {
	{ UML_VIRTIO_ID, VIRTIO_DEV_ANY_ID },
	{ 0 },
};

static struct virtio_driver mgmt_driver = {
	.driver.name	= "uml_mgmt",
	.id_table	= mgmt_ids,
	.probe		= mgmt_probe,
	.remove		= mgmt_remove,
};

static int __init mgmt_init(void)
{
	return register_virtio_driver(&mgmt_driver);
}
device_initcall(mgmt_init);
