// SPDX-License-Identifier: GPL-2.0-only
/*
 * The words of UML's command line that the machine has read already.  Taken here, they are
 * neither "unknown kernel command line parameters" nor in init's environment, as in UML.
 */
#include <linux/init.h>
#include <linux/string.h>

static int __init taken(char *rest)
{
	return 1;
}

/* "con0=", "con=", but not "console=". */
static int __init console_line(char *rest)
{
	return *rest == '=' || (*rest >= '0' && *rest <= '9');
}

__setup("con", console_line);
__setup("ssl", taken);
__setup("ubd", taken);
__setup("udb", taken);
__setup("eth", taken);
__setup("vec", taken);
__setup("uml_dir=", taken);
__setup("mconsole=", taken);
__setup("hostfs=", taken);
__setup("fake_ide", taken);
__setup("noreboot", taken);
__setup("nosysemu", taken);
