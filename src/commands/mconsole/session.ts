import { readFileSync } from 'node:fs';
import {
  absolutePaths,
  CLIENT_HELP,
  connect,
  logRequests,
  type Mconsole,
  type MconsoleReply,
  type Place,
  parseLine,
  request,
  VERSION,
} from '../../lib/mconsole/index.ts';
import { errorText } from '../../lib/os/index.ts';
import { type FoundSocket, findSocket, liveOwner } from '../../lib/umid/index.ts';
import { failureOf, type Outcome, STATUS, statusOf } from './outcome.ts';

export interface SessionOptions {
  /** Milliseconds. */
  timeout: number | undefined;
  umlDir: string | undefined;
}

/** Carries out lines for an instance, which is looked for when it is first needed. */
export class Session {
  name: string;
  /** After `quit`. */
  finished = false;
  private readonly options: SessionOptions;
  private readonly address: string;
  private found: FoundSocket | undefined;

  /** @param address the socket, where it is known already, else what it is looked for by */
  constructor(name: string, options: SessionOptions, address: string = name) {
    this.name = name;
    this.options = options;
    this.address = address;
  }

  /** Where umids are looked for. */
  get place(): Place {
    return { umlDir: this.options.umlDir };
  }

  /** Finds the instance. @throws UmidError NOT_FOUND */
  find(): FoundSocket {
    this.found ??= this.lookFor(this.address);
    return this.found;
  }

  /** The instance, for questions of the prompt's own. @throws UmidError NOT_FOUND */
  console(timeout: number): Mconsole {
    return connect(this.find().socketPath, { timeout });
  }

  /** Carries out one line; what goes wrong is in the outcome. The signal gives up waiting for an answer. */
  async run(line: string, signal?: AbortSignal): Promise<Outcome> {
    const work = new Work(this.name, line);
    try {
      await this.carryOut(line, work, signal);
    } catch (error) {
      work.fail(error);
    }
    return work.outcome();
  }

  private async carryOut(line: string, work: Work, signal: AbortSignal | undefined): Promise<void> {
    const action = parseLine(line);
    switch (action.kind) {
      case 'quit':
        this.finished = true;
        return;
      case 'mconsole-version':
        return work.say(`uml_mconsole client version ${VERSION}\n`);
      case 'help':
        await this.send(action.command, work, signal);
        return work.say(CLIENT_HELP);
      case 'switch':
        this.found = this.lookFor(action.name);
        this.name = action.name;
        return work.say(`Switched to '${action.name}'\n`);
      case 'int':
        return interrupt(this.find(), work);
      case 'log':
        return this.log(Buffer.from(action.text), work, signal);
      case 'log file':
        return this.logFile(action.file, work, signal);
      case 'umlfs':
        return refuseDescriptor(action.descriptor, work);
      case 'elsewhere':
        return work.adopt(await new Session(action.name, this.options).run(action.command, signal));
      case 'remote':
        return this.send(action.command, work, signal);
    }
  }

  private async send(command: string, work: Work, signal: AbortSignal | undefined): Promise<void> {
    const { command: absolute, problems } = absolutePaths(command, process.cwd());
    work.complaints.push(...problems);
    await this.ask(absolute, work, signal);
  }

  private async ask(command: string | Uint8Array, work: Work, signal: AbortSignal | undefined): Promise<number> {
    const options = { timeout: this.options.timeout, signal };
    return work.answer(await request(this.find().socketPath, command, options));
  }

  private async log(text: Uint8Array, work: Work, signal: AbortSignal | undefined): Promise<void> {
    for (const logRequest of logRequests(text)) {
      if ((await this.ask(logRequest, work, signal)) !== STATUS.success) return;
    }
  }

  private async logFile(file: string, work: Work, signal: AbortSignal | undefined): Promise<void> {
    let text: Uint8Array;
    try {
      text = readFileSync(file);
    } catch (error) {
      const reading = error instanceof Error && 'syscall' in error && error.syscall === 'read';
      return work.complain(`${reading ? 'reading' : 'opening'} file: ${errorText(error)}`, 'FILE');
    }
    await this.log(text, work, signal);
  }

  private lookFor(name: string): FoundSocket {
    return findSocket(name, process.env, this.options.umlDir);
  }
}

function interrupt(instance: FoundSocket, work: Work): void {
  const pid = liveOwner(instance.directory);
  if (pid !== undefined) {
    process.kill(pid, 'SIGINT');
    return;
  }
  work.say('Cannot determine the PID of your UML session, not sending signal.\n');
  work.status = STATUS.failure;
}

/** umlfs hands a descriptor to a kernel with UMLFS, which no kernel since 2.6 has. */
function refuseDescriptor(descriptor: string, work: Work): void {
  const isNumber = /^\d+$/.test(descriptor);
  work.say(`ERR Failed to ${isNumber ? 'send FUSE' : 'parse'} file descriptor\n`);
  work.status = isNumber ? STATUS.failure : STATUS.badDescriptor;
}

/** Gathers what a line comes to. */
class Work {
  status: number = STATUS.success;
  readonly complaints: string[] = [];
  private readonly instance: string;
  private readonly command: string;
  private readonly stdout: Uint8Array[] = [];
  private text = '';
  private err: number | undefined;
  private error: Outcome['error'];
  private adopted: Outcome | undefined;

  constructor(instance: string, command: string) {
    this.instance = instance;
    this.command = command;
  }

  say(text: string): void {
    this.stdout.push(Buffer.from(text));
    this.text += text;
  }

  /** Takes an answer. The exit status for it. */
  answer(reply: MconsoleReply): number {
    this.stdout.push(Buffer.from(reply.err === 0 ? 'OK ' : 'ERR '), reply.bytes, Buffer.from('\n'));
    this.text += reply.text;
    this.err = reply.err;
    this.status = statusOf(reply);
    if (reply.truncated) {
      this.status ||= STATUS.failure;
      this.complain('uml_mconsole: the end of the answer was lost', 'TRUNCATED');
    }
    return this.status;
  }

  complain(line: string, code: string): void {
    this.complaints.push(line);
    this.error = { code, message: line.replace(/^uml_mconsole: /, '') };
    this.status ||= STATUS.failure;
  }

  fail(error: unknown): void {
    const { status, line, code, message } = failureOf(error);
    this.complaints.push(line);
    this.error = { code, message };
    this.status = status;
  }

  /** Another instance carried it out. */
  adopt(outcome: Outcome): void {
    this.adopted = outcome;
  }

  outcome(): Outcome {
    const { instance, command, status, complaints, err, error, text } = this;
    return (
      this.adopted ?? {
        instance,
        command,
        status,
        complaints,
        stdout: Buffer.concat(this.stdout),
        ...(err !== undefined && { err }),
        ...(error && { error }),
        ...((err !== undefined || text !== '') && { text }),
      }
    );
  }
}
