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

#define TAKE(word, name) __setup_param(word, taken_##name, taken, 0)

__setup("con", console_line);
TAKE("ssl", ssl);
TAKE("ubd", ubd);
TAKE("udb", udb);
TAKE("eth", eth);
TAKE("vec", vec);
TAKE("uml_dir=", uml_dir);
TAKE("mconsole=", mconsole);
TAKE("hostfs=", hostfs);
TAKE("fake_ide", fake_ide);
TAKE("noreboot", noreboot);
TAKE("nosysemu", nosysemu);
