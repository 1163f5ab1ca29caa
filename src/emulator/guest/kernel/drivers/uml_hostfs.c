// SPDX-License-Identifier: GPL-2.0-only
/*
 * mount none /mnt -t hostfs [-o /dir], and humfs likewise: UML's names for 9P mounts of
 * the host's directories.  The device has the file system's name as its tag, the
 * directory is the attach name, and what is behind it is the host's affair.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uml_machine.h>

static struct file_system_type *v9fs;

/*
 * Names and attributes are asked for each time, as the host may change them; only
 * shared mappings of files have pages here.
 */
#define OPTIONS "trans=virtio,version=9p2000.L,msize=262144,cache=mmap,access=any,aname="

static struct dentry *hostfs_mount(struct file_system_type *type, int flags,
				   const char *source, void *data)
{
	const char *directory = data && *(char *)data ? data : "/";
	struct dentry *root;
	char *options;

	if (strchr(directory, ','))
		return ERR_PTR(-EINVAL);
	options = kasprintf(GFP_KERNEL, OPTIONS "%s", directory);
	if (!options)
		return ERR_PTR(-ENOMEM);
	root = v9fs->mount(type, flags, type->name, options);
	kfree(options);
	return root;
}

static void hostfs_kill(struct super_block *sb)
{
	v9fs->kill_sb(sb);
}

static struct file_system_type types[] = {
	{ .name = "hostfs", .mount = hostfs_mount, .kill_sb = hostfs_kill,
	  .fs_flags = FS_RENAME_DOES_D_MOVE },
	{ .name = "humfs", .mount = hostfs_mount, .kill_sb = hostfs_kill,
	  .fs_flags = FS_RENAME_DOES_D_MOVE },
};

static int __init hostfs_init(void)
{
	int i, err = 0;

	if (!uml_machine_present())
		return 0;
	v9fs = get_fs_type("9p");
	if (!v9fs)
		return -ENODEV;
	for (i = 0; i < ARRAY_SIZE(types) && !err; i++)
		err = register_filesystem(&types[i]);
	return err;
}
late_initcall(hostfs_init);
