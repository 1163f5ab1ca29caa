import { readFileSync } from 'node:fs';
import {
  absolutePaths,
  CLIENT_HELP,
  DEFAULT_TIMEOUT,
  logRequests,
  MconsoleError,
  type MconsoleReply,
  parseLine,
  promptedLines,
  request,
  VERSION,
} from '../lib/mconsole/index.ts';
import { errorText, hasCode } from '../lib/os/index.ts';
import { type FoundSocket, findSocket, liveOwner, UmidError } from '../lib/umid/index.ts';

const USAGE = 'Usage : uml_mconsole socket-name [command]\n';
const HELP = `usage: uml_mconsole [--timeout SECONDS] NAME [COMMAND...]

NAME is an instance's umid, its umid directory or its mconsole socket. COMMAND is carried out
and the exit status tells how it went; without one, commands are read from standard input.
The command 'help' lists them.

  --timeout SECONDS   how long to wait for an answer (default ${DEFAULT_TIMEOUT / 1000})
`;

/** Exit statuses beside that of a refused command, which is the low byte of the reply's err (spec 4.2). */
const STATUS = { success: 0, failure: 1, notFound: 2, noAnswer: 124, brokenPipe: 141, badDescriptor: 234 } as const;

/** Runs uml_mconsole: one command from the arguments, or those on standard input. */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on('error', onOutputError);
  const words = parseArguments(args);
  if (words === 'help') {
    process.stdout.write(HELP);
    return STATUS.success;
  }
  const [name, ...command] = words?.names ?? [];
  if (words === undefined || name === undefined) {
    process.stderr.write(USAGE);
    return STATUS.failure;
  }
  const client = new Client(name, words.timeout);
  return command.length > 0 ? client.run(command.join(' ')) : client.converse();
}

/** A reader that has gone (`| head`) ends the tool without a word, as SIGPIPE ends the C tool. */
function onOutputError(error: unknown): void {
  process.exit(hasCode(error, 'EPIPE') ? STATUS.brokenPipe : report(error));
}

/** `--timeout SECONDS` and `--help` are ours; they stand before the name, so no word of an old script can be meant. */
function parseArguments(args: readonly string[]): { names: readonly string[]; timeout: number } | 'help' | undefined {
  if (args[0] === '--help') return 'help';
  if (args[0] !== '--timeout') return { names: args, timeout: DEFAULT_TIMEOUT };
  const seconds = Number(args[1]?.match(/^\d*\.?\d+$/)?.[0]);
  return seconds > 0 ? { names: args.slice(2), timeout: seconds * 1000 } : undefined;
}

class Client {
  private name: string;
  private readonly timeout: number;
  private found: FoundSocket | undefined;
  private finished = false;

  constructor(name: string, timeout: number) {
    this.name = name;
    this.timeout = timeout;
  }

  /** Carries out what is typed, until `quit` or the end of the input. */
  async converse(): Promise<number> {
    try {
      this.peer();
    } catch (error) {
      return report(error);
    }
    for await (const line of promptedLines({ input: process.stdin, output: process.stdout }, () => `(${this.name}) `)) {
      if (line.trim() !== '') await this.run(line);
      if (this.finished) break;
    }
    return STATUS.success;
  }

  /** Carries out one line. The exit status that it has as the only one. */
  async run(line: string): Promise<number> {
    try {
      return await this.carryOut(line);
    } catch (error) {
      return report(error);
    }
  }

  private async carryOut(line: string): Promise<number> {
    const action = parseLine(line);
    switch (action.kind) {
      case 'quit':
        this.finished = true;
        return STATUS.success;
      case 'mconsole-version':
        process.stdout.write(`uml_mconsole client version ${VERSION}\n`);
        return STATUS.success;
      case 'help': {
        const status = await this.send(action.command);
        process.stdout.write(CLIENT_HELP);
        return status;
      }
      case 'switch':
        this.found = findSocket(action.name, process.env);
        this.name = action.name;
        process.stdout.write(`Switched to '${action.name}'\n`);
        return STATUS.success;
      case 'int':
        return this.interrupt();
      case 'log':
        return this.log(Buffer.from(action.text));
      case 'log file':
        return this.logFile(action.file);
      case 'umlfs':
        return refuseDescriptor(action.descriptor);
      case 'elsewhere':
        return new Client(action.name, this.timeout).run(action.command);
      case 'remote':
        return this.send(action.command);
    }
  }

  private async send(command: string): Promise<number> {
    const { command: absolute, problems } = absolutePaths(command, process.cwd());
    for (const problem of problems) process.stderr.write(`${problem}\n`);
    return this.ask(absolute);
  }

  private async ask(command: string | Uint8Array): Promise<number> {
    const reply = await request(this.peer().socketPath, command, { timeout: this.timeout });
    process.stdout.write(
      Buffer.concat([Buffer.from(reply.err === 0 ? 'OK ' : 'ERR '), reply.bytes, Buffer.from('\n')]),
    );
    if (!reply.truncated) return statusOf(reply);
    process.stderr.write('uml_mconsole: the end of the answer was lost\n');
    return statusOf(reply) || STATUS.failure;
  }

  private async log(text: Uint8Array): Promise<number> {
    for (const logRequest of logRequests(text)) {
      const status = await this.ask(logRequest);
      if (status !== STATUS.success) return status;
    }
    return STATUS.success;
  }

  private async logFile(file: string): Promise<number> {
    let text: Uint8Array;
    try {
      text = readFileSync(file);
    } catch (error) {
      const reading = error instanceof Error && 'syscall' in error && error.syscall === 'read';
      process.stderr.write(`${reading ? 'reading' : 'opening'} file: ${errorText(error)}\n`);
      return STATUS.failure;
    }
    return this.log(text);
  }

  private interrupt(): number {
    const pid = liveOwner(this.peer().directory);
    if (pid === undefined) {
      process.stdout.write('Cannot determine the PID of your UML session, not sending signal.\n');
      return STATUS.failure;
    }
    process.kill(pid, 'SIGINT');
    return STATUS.success;
  }

  private peer(): FoundSocket {
    this.found ??= findSocket(this.name, process.env);
    return this.found;
  }
}

/** The exit status for a reply. An err that is a multiple of 256 would look like success. */
function statusOf({ err }: MconsoleReply): number {
  return err === 0 ? STATUS.success : err & 0xff || STATUS.failure;
}

/** umlfs hands a descriptor to a kernel with UMLFS, which no kernel since 2.6 has. */
function refuseDescriptor(descriptor: string): number {
  const isNumber = /^\d+$/.test(descriptor);
  process.stdout.write(`ERR Failed to ${isNumber ? 'send FUSE' : 'parse'} file descriptor\n`);
  return isNumber ? STATUS.failure : STATUS.badDescriptor;
}

/** Says what went wrong, in one line. The exit status for it. */
function report(error: unknown): number {
  if (error instanceof UmidError && error.code === 'NOT_FOUND') {
    const tried = error.tried.length > 0 ? ` (looked for ${error.tried.join(', ')})` : '';
    process.stderr.write(`uml_mconsole: ${error.message}${tried}\n`);
    return STATUS.notFound;
  }
  if (error instanceof MconsoleError) {
    process.stderr.write(error.code === 'SEND' ? `${error.message}\n` : `uml_mconsole: ${error.message}\n`);
    return error.code === 'TIMEOUT' || error.code === 'GONE' ? STATUS.noAnswer : STATUS.failure;
  }
  process.stderr.write(`uml_mconsole: ${errorText(error)}\n`);
  return STATUS.failure;
}
