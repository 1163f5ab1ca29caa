/** The real kernel in a jail, as the book sets one up for a server (chapter 10). */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { rootImage, shim } from '../support/real-uml-parts.ts';
import { spawnTool, temporaryDirectory } from '../support/run.ts';

const UML = '/usr/bin/linux.uml';
const UID = 3_999_000;

/** A directory with the kernel, the libraries that it is linked with, and a root file system, all of the inmate's. */
function makeJail(): string {
  const jail = temporaryDirectory();
  const libraries = execFileSync('ldd', [UML], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, library = ''] of libraries) {
    mkdirSync(join(jail, dirname(library)), { recursive: true });
    copyFileSync(library, join(jail, library));
  }
  copyFileSync(UML, join(jail, 'linux'));
  copyFileSync(shim(), join(jail, 'shim.so'));
  copyFileSync(rootImage(), join(jail, 'root_fs'));
  mkdirSync(join(jail, 'tmp'), { mode: 0o777 });
  chownSync(join(jail, 'tmp'), UID, UID);
  chownSync(join(jail, 'root_fs'), UID, UID);
  chownSync(jail, UID, UID);
  chmodSync(jail, 0o700);
  return jail;
}

it('boots as a user who does not exist, and sees nothing but the jail', async () => {
  const jail = makeJail();
  const words = ['mem=64M', 'ubda=root_fs', 'umid=inmate', 'uml_dir=/', 'con=null', 'ssl=null', 'con0=fd:0,fd:1'];
  const uml = spawnTool('jail_uml', ['--env', 'LD_PRELOAD=/shim.so', jail, String(UID), './linux', ...words], {
    timeout: 90_000,
  });
  await uml.waitFor(/\/ # /);
  const process = `/proc/${readFileSync(join(jail, 'inmate/pid'), 'utf8').trim()}`;
  expect(basename(process)).toBe(String(uml.pid));
  expect(readlinkSync(`${process}/root`)).toBe(jail);
  const ids = `(\t${UID}){4}`;
  expect(readFileSync(`${process}/status`, 'utf8')).toMatch(
    new RegExp(`^Uid:${ids}\nGid:${ids}\n(.*\n)*Groups:\t \n`, 'm'),
  );
  uml.write('poweroff -f\n');
  expect(await uml.exit()).toMatchObject({ status: 0 });
});
