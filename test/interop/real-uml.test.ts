/** The fixture that runs the real kernel: other tests trust it to tell the truth and to leave nothing behind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { type RealUml, startRealUml } from '../support/real-uml.ts';

function processesOf(uml: RealUml): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/environ`, 'latin1').includes(`HOME=${uml.home}\0`);
    } catch {
      return false; // ended meanwhile
    }
  });
}

it('a guest runs commands, keeps them apart from its console, and is gone after stop', async () => {
  const uml = await startRealUml({ umid: 'fixture' });
  expect(await uml.command('echo "a  b"; echo c >&2')).toBe('a  b\nc\n');
  expect(await uml.command("printf '%s' \"it's\"")).toBe("it's");
  await expect(uml.command('echo no; exit 3')).rejects.toThrow("'echo no; exit 3' ended with status 3: no\n");
  expect(await uml.command('exit 0')).toBe('');
  expect(await uml.command('echo to the kernel log >/dev/kmsg; echo still clean')).toBe('still clean\n');
  uml.type('echo con0 $((40 + 2))\n');
  await uml.waitFor(/^con0 42$/m);
  expect(existsSync(uml.socket)).toBe(true);
  expect(processesOf(uml).length).toBeGreaterThan(1);
  await uml.stop();
  expect(await uml.exited).toEqual({ status: 0, signal: null });
  expect(processesOf(uml)).toEqual([]);
  expect(existsSync(uml.home)).toBe(false);
});

it('a killed guest leaves no helper, and its umid directory as UML leaves it', async () => {
  const uml = await startRealUml();
  const pending = uml.command('sleep 1000');
  const failure = expect(pending).rejects.toThrow('it ended by SIGKILL while waiting');
  await uml.kill();
  await failure;
  expect(await uml.exited).toEqual({ status: null, signal: 'SIGKILL' });
  await expect.poll(() => processesOf(uml)).toEqual([]); // they are killed, and gone a moment later
  expect(existsSync(uml.socket)).toBe(true);
  await uml.stop();
  expect(existsSync(uml.home)).toBe(false);
});

it('a guest that does not boot is reported with what it printed', async () => {
  await expect(startRealUml({ ubda: '/nonexistent', mem: '64M' })).rejects.toThrow(/VFS: Unable to mount root fs/);
});
