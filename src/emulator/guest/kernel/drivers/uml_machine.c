// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine's fixed ports: the console of the first moments, the report of a panic,
 * and how the kernel says that it has halted, powered off or wants to restart.
 */
#include <linux/console.h>
#include <linux/init.h>
#include <linux/io.h>
#include <linux/kernel.h>
#include <linux/panic_notifier.h>
#include <linux/string.h>
#include <linux/uml_machine.h>
#include <asm/cpufeature.h>
#include <asm/reboot.h>

#include "uml_ports.h"

static bool present __ro_after_init;

bool uml_machine_present(void)
{
	return present;
}

static void early_write(struct console *con, const char *text, unsigned int len)
{
	outsb(UML_PORT_CONSOLE, text, len);
}

/* Not __initdata: without a console on tty0 it has to outlive the boot. */
static struct console early_console_dev = {
	.name	= "uml",
	.write	= early_write,
	.flags	= CON_BOOT | CON_PRINTBUFFER,
	.index	= -1,
};

static void __noreturn enter_state(u8 state)
{
	local_irq_disable();
	outb(state, UML_PORT_STATE);
	for (;;)
		asm volatile("hlt");
}

static void uml_halt(void)
{
	enter_state(UML_STATE_HALT);
}

static void uml_power_off(void)
{
	enter_state(UML_STATE_POWER_OFF);
}

static void uml_restart(char *command)
{
	enter_state(UML_STATE_RESTART);
}

static void uml_emergency_restart(void)
{
	enter_state(UML_STATE_RESTART);
}

static int report_panic(struct notifier_block *self, unsigned long event, void *message)
{
	outsb(UML_PORT_PANIC, message, strlen(message));
	outb(UML_STATE_PANIC, UML_PORT_STATE);
	return NOTIFY_DONE;
}

static struct notifier_block panic_report = {
	.notifier_call	= report_panic,
	.priority	= INT_MIN,	/* the machine may end here: after everyone else */
};

/*
 * Called from setup_arch() as soon as the command line has been read, so that a panic
 * in the rest of it (too little memory, say) is seen, and "quiet" already counts.
 *
 * pm_power_off stays unset as it does in UML: the kernel then says "System halted" for
 * poweroff too.
 */
void __init uml_machine_init(void)
{
	if (inb(UML_PORT_PRESENT) != UML_PRESENT)
		return;

	present = true;
	/*
	 * The TSC follows the host's clock.  Without this the PIT is to watch over it, which
	 * is late whenever the host is busy, and condemns it.
	 */
	setup_force_cpu_cap(X86_FEATURE_TSC_RELIABLE);
	machine_ops.halt = uml_halt;
	machine_ops.power_off = uml_power_off;
	machine_ops.restart = uml_restart;
	machine_ops.emergency_restart = uml_emergency_restart;
	atomic_notifier_chain_register(&panic_notifier_list, &panic_report);
	register_console(&early_console_dev);
}
