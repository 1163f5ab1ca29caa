import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spawnOurUml } from '../../support/our-uml.ts';
import { temporaryDirectory } from '../../support/run.ts';

/** 32-bit code that says the kernel command line on the machine's early console, and powers off. */
const SAY_COMMAND_LINE = [
  ...[0x8b, 0xb6, 0x28, 0x02, 0x00, 0x00], // mov esi, [esi + 0x228]: boot_params.hdr.cmd_line_ptr
  ...[0x66, 0xba, 0x10, 0x06], // mov dx, 0x610
  ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // lodsb; test al, al; jz +3; out dx, al; jmp -8
  ...[0xb0, 0x0a, 0xee], // newline
  ...[0x66, 0xba, 0x12, 0x06, 0xb0, 0x02, 0xee], // 2 to port 0x612: power off
  ...[0xf4, 0xeb, 0xfd], // hlt for ever
];

/** A bzImage of the boot protocol's version 2.15 whose protected-mode part is this code. */
function bzImage(code: readonly number[]): Buffer {
  const file = Buffer.alloc(1024 + 512);
  file[0x1f1] = 1;
  file.writeUInt16LE(0xaa55, 0x1fe);
  file[0x201] = 0x6a;
  file.writeUInt32LE(0x53726448, 0x202);
  file.writeUInt16LE(0x20f, 0x206);
  file[0x211] = 1;
  file.writeBigUInt64LE(0x1000000n, 0x258);
  file.writeUInt32LE(0x100000, 0x260);
  file.set(code, 1024);
  return file;
}

test.each([
  ['kernel=', ['kernel=mine'], {}],
  ['UML_GUEST_KERNEL', [], { UML_GUEST_KERNEL: 'mine' }],
])('%s boots a bzImage, with the command line that UML would give it', async (_, args, env) => {
  const home = temporaryDirectory();
  writeFileSync(join(home, 'mine'), bzImage(SAY_COMMAND_LINE));
  const uml = spawnOurUml({ home, args: [...args, 'some=word'], env });
  const { status, stdout } = await uml.child.exit();
  expect(stdout).toMatch(/^mem=64M ubda=\S+ con=null ssl=null con0=fd:0,fd:1 some=word root=98:0 console=tty0\r?\n/);
  expect(status).toBe(0);
});

test('a kernel that just halts the processor ends the instance', async () => {
  const home = temporaryDirectory();
  writeFileSync(join(home, 'halting'), bzImage([0xfa, 0xf4])); // cli; hlt
  const uml = spawnOurUml({ home, args: ['kernel=halting'] });
  expect((await uml.child.exit()).status).toBe(0);
});
