/** Debian's vde2 as a peer: vde_switch, and vde_plug as the end of a cable. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Child, spawnProgram, temporaryDirectory } from './run.ts';

/** vde_plug takes and gives frames with their length before them, two bytes. */
export function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/**
 * vde_plug on a directory, or on one port of it: `DIR[3]`. Its input is given and its output read as lines of hexadecimal
 * digits, of which those of the output are a frame each; `kill` on its input kills it.
 */
export function startPlug(at: string): Child {
  return spawnProgram(process.execPath, ['-e', PLUG, at]);
}

const PLUG = `
const plug = require('node:child_process').spawn('vde_plug', [process.argv[1]], { stdio: ['pipe', 'pipe', 'inherit'] });
let bytes = Buffer.alloc(0);
plug.stdout.on('data', (more) => {
  bytes = Buffer.concat([bytes, more]);
  while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE()) {
    const end = 2 + bytes.readUInt16BE();
    process.stdout.write(bytes.subarray(2, end).toString('hex') + '\\n');
    bytes = bytes.subarray(end);
  }
});
plug.on('exit', () => process.exit());
require('node:readline').createInterface(process.stdin).on('line', (line) => {
  if (line === 'kill') plug.kill('SIGKILL');
  else plug.stdin.write(Buffer.from(line, 'hex'));
});`;

/** A vde_switch that serves `directory`. */
export interface VdeSwitch {
  readonly directory: string;
  /** Commands for its management console, one after the other: what the last one gave; an Error for one that it refuses. */
  manage(...commands: string[]): Promise<string>;
}

/** Starts one, and waits until it serves; it ends with the test file. */
export async function startVdeSwitch(): Promise<VdeSwitch> {
  const home = temporaryDirectory();
  const [directory, console] = [join(home, 'vde'), join(home, 'console')];
  spawnProgram('vde_switch', ['-s', directory, '-M', console]);
  const manage = (commands: readonly string[]) => ask(console, commands);
  for (let tries = 0; ; tries++) {
    try {
      await manage([]); // the console is there last
      break;
    } catch (error) {
      if (tries === 500) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  return { directory, manage: (...commands) => manage(commands) };
}

const PROMPT = 'vde$ ';

async function ask(console: string, commands: readonly string[]): Promise<string> {
  const socket = connect(console);
  try {
    let [text, answer] = ['', ''];
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
    await once(socket, 'connect');
    for (const command of [undefined, ...commands]) {
      if (command !== undefined) socket.write(`${command}\n`);
      while (!text.includes(PROMPT)) await once(socket, 'data');
      const end = text.indexOf(PROMPT);
      [answer, text] = [text.slice(0, end), text.slice(end + PROMPT.length)];
      if (command !== undefined && !answer.includes('1000 Success')) throw new Error(`${command}: ${answer}`);
    }
    return answer;
  } finally {
    socket.destroy();
  }
}
