/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The machine that the TypeScript rebuild of UML emulates.  Goes to include/linux.
 */
#ifndef _LINUX_UML_MACHINE_H
#define _LINUX_UML_MACHINE_H

#include <linux/init.h>
#include <linux/types.h>

/*
 * The place of a device on PCI bus 0 tells its UML name:
 * devfn 0x80 + n is ubd unit n, 0xa0 + n is eth<n>, 0xb0 + n is vec<n>.
 */
#define UML_DEVFN_UBD	0x80
#define UML_DEVFN_ETH	0xa0
#define UML_DEVFN_VEC	0xb0
#define UML_DEVFN_COUNT	16

void __init uml_machine_init(void);
bool uml_machine_present(void);

#endif
