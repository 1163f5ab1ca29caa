import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { startRealUml } from '../support/real-uml.ts';
import { runTool, temporaryDirectory } from '../support/run.ts';

it('the real kernel has no UMLFS: it is asked, and nothing is mounted', async () => {
  const uml = await startRealUml();
  try {
    const point = temporaryDirectory();
    expect(await runTool('uml_mount', [uml.umid, point], { env: { HOME: uml.home } })).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(`^uml_mount: the kernel of '${uml.umid}' has no UMLFS.*nothing was mounted.*\n$`),
    });
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(point);
  } finally {
    await uml.stop();
  }
});
