import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { findDemoRoot, findGuestKernel } from '../../src/emulator/guest/index.ts';
import { root } from '../build/paths.ts';

/** Builds the guest, unless the cache has it, and the tools, showing what each build says. */
export function buildWhatIsMissing(): void {
  if (findGuestKernel() && findDemoRoot()) console.log('The guest kernel and its root file system are in the cache.');
  else build('npm run guest', 'src/emulator/guest/build.ts');
  build('npm run build', 'scripts/build/index.ts');
}

function build(command: string, program: string): void {
  console.log(`host% ${command}`);
  const { status } = spawnSync(process.execPath, [join(root, program)], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error(`'${command}' failed`);
}
