// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files of /proc as answers.
 *
 * Many of them (net/dev, kallsyms, 1/cmdline) can only be read into a user's buffer, and
 * UML's mconsole fails on these.  Here a process address space of one page is borrowed
 * for the time of the reading.
 */
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/resource.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "uml_mgmt.h"

static struct vfsmount *proc;

int uml_proc_init(void)
{
	struct file_system_type *type = get_fs_type("proc");
	struct vfsmount *mount;

	if (!type)
		return -ENODEV;
	mount = kern_mount(type);
	put_filesystem(type);
	if (IS_ERR(mount))
		return PTR_ERR(mount);
	proc = mount;
	return 0;
}

void uml_proc_exit(void)
{
	if (proc)
		kern_unmount(proc);
	proc = NULL;
}

static bool climbs(const char *path)
{
	for (; path; path = strchr(path, '/')) {
		path += strspn(path, "/");
		if (strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0'))
			return true;
	}
	return false;
}

/* Sends the file in parts.  Returns 0 or what ended the reading. */
static ssize_t send_parts(const struct uml_caller *caller, struct file *file,
			  void __user *page, char *part)
{
	bool any = false;
	loff_t pos = 0;
	ssize_t len;

	for (;;) {
		len = vfs_read(file, page, UML_DATA_SIZE, &pos);
		/* A log that will go on has been read to its present end. */
		if (len == -EAGAIN && any)
			return 0;
		if (len <= 0)
			return len;
		if (copy_from_user(part, page, len))
			return -EFAULT;
		uml_reply(caller, 0, UML_FLAG_MORE, part, len);
		any = true;
	}
}

static ssize_t send_file(const struct uml_caller *caller, struct file *file)
{
	const struct rlimit stack = { .rlim_cur = _STK_LIM, .rlim_max = RLIM_INFINITY };
	char *part = kmalloc(UML_DATA_SIZE, GFP_KERNEL);
	struct mm_struct *mm = mm_alloc();
	ssize_t err = -ENOMEM;
	unsigned long page;

	if (part && mm) {
		arch_pick_mmap_layout(mm, (struct rlimit *)&stack);
		kthread_use_mm(mm);
		page = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, 0);
		if (!IS_ERR_VALUE(page))
			err = send_parts(caller, file, (void __user *)page, part);
		kthread_unuse_mm(mm);
	}
	if (mm)
		mmput(mm);
	kfree(part);
	return err;
}

void uml_reply_proc_file(const struct uml_caller *caller, const char *path)
{
	struct file *file;
	ssize_t err;

	path += strspn(path, "/");
	if (climbs(path)) {
		uml_reply(caller, -EINVAL, 0, NULL, 0);
		return;
	}

	/* Nonblocking: nobody could end a wait for, say, the next line of kmsg. */
	file = file_open_root_mnt(proc, path, O_RDONLY | O_NONBLOCK, 0);
	if (IS_ERR(file)) {
		uml_reply(caller, PTR_ERR(file), 0, NULL, 0);
		pr_err("open /proc/%s: %ld\n", path, PTR_ERR(file));
		return;
	}
	err = send_file(caller, file);
	uml_reply(caller, err, 0, NULL, 0);
	fput(file);
}
