import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tools } from '../src/tools.ts';
import { root, runProgram, runTool, spawnTool, temporaryDirectory } from './support/run.ts';

describe('uml', () => {
  test('--list prints each tool on a line', async () => {
    const { status, stdout, stderr } = await runTool('--list', []);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: tools.map(({ name }) => `${name}\n`).join(''),
      stderr: '',
    });
  });

  test('--help names every tool on standard output', async () => {
    const { status, stdout } = await runTool('--help', []);
    expect(status).toBe(0);
    for (const { name, summary } of tools) expect(stdout).toContain(`${name.padEnd(14)} ${summary}`);
  });

  test('without a tool it prints its usage as an error', async () => {
    const { status, stdout, stderr } = await runTool('', []);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(/^usage: uml TOOL/);
  });

  test('an unknown tool is one clear line and status 2', async () => {
    const { status, stdout, stderr } = await runTool('uml_nothing', ['-x']);
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: "uml: no tool is called 'uml_nothing'; uml --list lists them\n",
    });
  });

  test('a tool runs under its own name, so that killall and pgrep find it', async () => {
    const directory = temporaryDirectory();
    const network = spawnTool('uml_switch', ['-unix', join(directory, 'ctl')], { cwd: directory });
    await network.waitFor(/attached to unix socket/);
    expect(readFileSync(`/proc/${network.pid}/comm`, 'utf8')).toBe('uml_switch\n');
    network.kill('SIGTERM');
    await network.exit();
  });

  test('--install from the sources makes no links, which could not be run', async () => {
    const directory = join(temporaryDirectory(), 'bin');
    const { status, stdout, stderr } = await runProgram(process.execPath, [
      join(root, 'src/main.ts'),
      '--install',
      directory,
    ]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toBe('uml: --install needs a built program: npm run build, then dist/bin/uml --install DIR\n');
    expect(existsSync(directory)).toBe(false);
  });

  test('--install without a directory is an error', async () => {
    const { status, stderr } = await runTool('--install', []);
    expect(status).toBe(2);
    expect(stderr).toBe('uml: --install needs the directory that the links go into\n');
  });

  test('a reader that leaves ends it quietly, as SIGPIPE ends the C tools', async () => {
    const child = spawnTool('--list', []);
    child.closeOutput();
    expect(await child.exit()).toMatchObject({ status: 141, stderr: '' });
  });

  test('output that can not be written is one line', async () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = await runTool('--list', [], { stdout: full });
    closeSync(full);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'uml: ENOSPC: no space left on device, write\n' });
  });
});
