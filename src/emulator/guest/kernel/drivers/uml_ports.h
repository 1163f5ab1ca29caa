/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fixed I/O ports of the machine: what must work without interrupts, queues or
 * memory, because the kernel is not there yet or not there any more.
 */
#ifndef UML_PORTS_H
#define UML_PORTS_H

#define UML_PORT_CONSOLE	0x610	/* w8: a byte for the early console */
#define UML_PORT_PANIC		0x611	/* w8: a byte of the panic's message */
#define UML_PORT_STATE		0x612	/* w8: one of UML_STATE_* */
#define UML_PORT_PRESENT	0x613	/* r8: UML_PRESENT on our machine */
#define UML_PORT_EXITCODE	0x614	/* w32: exit status of the emulator */

#define UML_PRESENT		0x55

#define UML_STATE_HALT		1
#define UML_STATE_POWER_OFF	2
#define UML_STATE_RESTART	3
#define UML_STATE_PANIC		4

#endif
