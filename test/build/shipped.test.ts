import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { connectDaemon } from '../../src/lib/switch/index.ts';
import { linkNames, tools } from '../../src/tools.ts';
import { machineNode } from '../support/machine-node.ts';
import { type Outcome, root, runProgram, runTool, spawnProgram, temporaryDirectory } from '../support/run.ts';

const bin = join(root, 'dist/bin');
const binary = join(bin, 'uml');
const names = tools.map(({ name }) => name);

/** Nothing of the caller's environment: what the binary needs, it carries. */
const bare = { cwd: '/', env: Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined])) };

/** The C tools print the name that they were invoked under, so a path there differs and nothing else may. */
function renamed(outcome: Outcome, path: string): Outcome {
  const name = (text: string): string => text.replaceAll(path, basename(path));
  return { ...outcome, stdout: name(outcome.stdout), stderr: name(outcome.stderr) };
}

beforeAll(() => {
  if (!existsSync(binary)) throw new Error('these tests are about what was built: npm run build');
});

describe('package.json', () => {
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    bin: Record<string, string>;
    man: string[];
  };

  test('names every tool, and only the tools', () => {
    expect(manifest.bin).toEqual(Object.fromEntries(['uml', ...linkNames].map((name) => [name, 'dist/uml.cjs'])));
  });

  test('names every manual page, and every tool has one', () => {
    const pages = readdirSync(join(root, 'man'));
    expect(manifest.man).toEqual(pages.sort().map((page) => `man/${page}`));
    expect(pages.map((page) => page.replace(/\.\d$/, ''))).toEqual(
      expect.arrayContaining(['uml', 'uml-cow', ...linkNames]),
    );
  });
});

describe('the single binary', () => {
  test('has a link a tool beside it', () => {
    const links = readdirSync(bin).filter((name) => name !== 'uml' && !name.startsWith('.'));
    expect(links.sort()).toEqual([...linkNames].sort());
    for (const name of links) expect(readlinkSync(join(bin, name))).toBe('uml');
  });

  test('--list names the tools, from / and without an environment', async () => {
    const outcome = await runProgram(binary, ['--list'], bare);
    expect(outcome).toEqual({ status: 0, signal: null, stdout: `${names.join('\n')}\n`, stderr: '' });
  });

  test('takes the tool from a link, from its first argument and from an alias, and says the same each time', async () => {
    const fromSource = await runTool('uml_moo', []);
    expect(fromSource.status).toBe(1);
    const byArgument = await runProgram(binary, ['uml_moo'], bare);
    expect(byArgument).toEqual(fromSource);
    expect(await runProgram(binary, ['moo'], bare)).toEqual(fromSource);
    const byLink = await runProgram(join(bin, 'uml_moo'), [], bare);
    expect(renamed(byLink, join(bin, 'uml_moo'))).toEqual(fromSource);
  });

  test('is found by PATH under a tool name', async () => {
    const outcome = await runProgram('/bin/sh', ['-c', 'uml_moo'], { ...bare, env: { ...bare.env, PATH: bin } });
    expect(outcome).toEqual(await runTool('uml_moo', []));
  });

  test('an unknown tool is one line and status 2', async () => {
    const outcome = await runProgram(binary, ['uml_nothing'], bare);
    expect(outcome).toEqual({
      status: 2,
      signal: null,
      stdout: '',
      stderr: "uml: no tool is called 'uml_nothing'; uml --list lists them\n",
    });
  });

  test('--install links to the binary itself, and the links work', async () => {
    const directory = temporaryDirectory();
    await runProgram(binary, ['--install', directory], bare);
    const outcome = await runProgram(binary, ['--install', directory], bare); // again, over the first
    expect(outcome.stdout).toBe(linkNames.map((name) => `${join(directory, name)}\n`).join(''));
    for (const name of linkNames) expect(realpathSync(join(directory, name))).toBe(binary);
    expect((await runProgram(join(directory, 'uml_moo'), [], bare)).status).toBe(1);
  });
});

describe('the form that npm installs', () => {
  const bundle = join(root, 'dist/uml.cjs');

  test('takes the tool from the name of the link', async () => {
    const directory = temporaryDirectory();
    const link = join(directory, 'uml_moo');
    symlinkSync(bundle, link);
    const outcome = await runProgram(machineNode(), [link], { cwd: '/' });
    const fromSource = await runTool('uml_moo', []);
    expect(renamed(outcome, link)).toEqual(fromSource);
  });

  test('--install links to the bundle, and the links work', async () => {
    const directory = join(temporaryDirectory(), 'bin');
    const outcome = await runProgram(machineNode(), [bundle, '--install', directory]);
    expect(outcome.stdout).toBe(linkNames.map((name) => `${join(directory, name)}\n`).join(''));
    expect((await runProgram(join(directory, 'uml_moo'), [])).status).toBe(1);
  });

  test('runs by itself, with the Node of the PATH', async () => {
    const outcome = await runProgram(bundle, ['--list']);
    expect(outcome).toEqual({ status: 0, signal: null, stdout: `${names.join('\n')}\n`, stderr: '' });
  });
});

describe('threads and libc are found in each form:', () => {
  test.each([
    ['the binary', () => [binary, 'uml_switch']],
    ['the bundle', () => [machineNode(), join(root, 'dist/uml.cjs'), 'uml_switch']],
  ])('%s switches a frame', async (_form, command) => {
    const control = join(temporaryDirectory(), 'ctl');
    const [file = '', ...args] = command();
    await using program = spawnProgram(file, [...args, '-unix', control], bare);
    await program.waitFor('attached to unix socket');
    const frame = Buffer.alloc(60, 'frame');
    frame.fill(0xff, 0, 6); // to everybody
    const received = await new Promise<Buffer>((resolve, reject) => {
      const onClose = (): void => reject(new Error(`the switch went away: ${program.output}`));
      const sender = connectDaemon({ path: control, onFrame: () => {}, onClose });
      const receiver = connectDaemon({ path: control, onFrame: (bytes) => resolve(Buffer.from(bytes)), onClose });
      Promise.all([sender, receiver]).then(([port]) => port.send(frame), reject);
    });
    expect(received).toEqual(frame);
    const outcome = await program.kill('SIGTERM');
    expect(outcome.stderr).toBe('');
    expect(existsSync(control)).toBe(false);
  });
});

describe('the libraries', () => {
  test.each(['cow', 'mconsole', 'switch', 'tuntap', 'umid'])(
    '%s is imported by its name in the package, with what its door shows',
    async (subject) => {
      const source: object = await import(join(root, 'src/lib', subject, 'index.ts'));
      const code = `console.log(Object.keys(await import('uml-utilities/${subject}')).sort().join())`;
      const args = ['--input-type=module', '-e', code];
      const outcome = await runProgram(machineNode(), args, { cwd: root });
      expect(outcome).toEqual({
        status: 0,
        signal: null,
        stdout: `${Object.keys(source).sort().join()}\n`,
        stderr: '',
      });
    },
  );
});
