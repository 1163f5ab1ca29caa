/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The management device: messages and the calls between its parts.
 *
 * A message is this header and data up to the end of the virtqueue buffer, little
 * endian.  The answer repeats id and op; status is 0 or a negative errno.
 */
#ifndef UML_MGMT_H
#define UML_MGMT_H

#include <linux/types.h>

#define UML_VIRTIO_ID		63
#define UML_MESSAGE_SIZE	4096
#define UML_DATA_SIZE		(UML_MESSAGE_SIZE - sizeof(struct uml_message))

struct uml_message {
	__le32 id;
	__le32 op;
	__le32 status;
	__le32 flags;
	u8 data[];
};

/* In an answer: another part of it follows. */
#define UML_FLAG_MORE		1
/* In a LOG request: bits 8-11 are the log level + 1; 0 means KERN_WARNING. */
#define UML_LOG_LEVEL(flags)	(((flags) >> 8) & 0xf)

enum {
	UML_OP_HELLO	= 1,	/* unasked, id 0: the five strings of VERSION */
	UML_OP_VERSION	= 2,	/* sysname\0nodename\0release\0version\0machine\0 */
	UML_OP_HALT	= 3,
	UML_OP_REBOOT	= 4,
	UML_OP_CAD	= 5,
	UML_OP_SYSRQ	= 6,	/* data[0]: the key */
	UML_OP_LOG	= 7,	/* data: the line */
	UML_OP_PROC	= 8,	/* data: path below /proc */
	UML_OP_STACK	= 9,	/* data: pid in ASCII */
	UML_OP_PLUG	= 10,	/* data: le32 devfn on bus 0 */
	UML_OP_UNPLUG	= 11,	/* data: le32 devfn on bus 0 */
	UML_OP_NOTIFY	= 13,	/* unasked, id 0: what was written to /proc/mconsole */
	UML_OP_WATCHDOG	= 14,	/* unasked, id 0; data[0]: UML_WATCHDOG_* */
};

#define UML_WATCHDOG_START	'+'
#define UML_WATCHDOG_PING	'.'
#define UML_WATCHDOG_STOP	'-'

/* Who is to be answered. */
struct uml_caller {
	u32 id;
	u32 op;
};

/* Sends an answer or a part of one; callable from anywhere.  len <= UML_DATA_SIZE. */
void uml_reply(const struct uml_caller *caller, int status, u32 flags,
	       const void *data, size_t len);

/* Runs show(arg); what the console prints meanwhile goes to the caller in parts. */
void uml_capture(const struct uml_caller *caller, void (*show)(void *arg), void *arg);
/* Whether uml_capture() would see the output now, in this context. */
bool uml_capture_ready(void);
/* Sleeps until it would. */
void uml_capture_wait(void);

int uml_proc_init(void);
void uml_proc_exit(void);
/* Answers with the contents of a file of /proc, in parts; sleeps. */
void uml_reply_proc_file(const struct uml_caller *caller, const char *path);

/* A device of bus 0 comes or goes; both sleep. */
int uml_plug(unsigned int devfn);
int uml_unplug(unsigned int devfn, struct device *mgmt_parent);

#endif
