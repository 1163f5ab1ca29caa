import { HostNetError } from '../host-net/index.ts';
import { strerror } from '../os/index.ts';

/**
 * What was done, for the guest's kernel log. A line `* route add …` names the command that does the same by hand, as the
 * C tool wrote it, which ran these commands; below it stands the command's complaint if it failed. None is run.
 */
export class Transcript {
  #text = '';
  readonly #commands: 'shown' | 'hidden';

  /** @param commands whether the commands are wanted, or complaints only */
  constructor(commands: 'shown' | 'hidden') {
    this.#commands = commands;
  }

  get text(): string {
    return this.#text;
  }

  /** Adds text as it is. */
  add(text: string): void {
    this.#text += text;
  }

  /**
   * Does what a command does.
   * @param complaint what the command says of such a failure; without it, the request and the reason
   * @returns whether it succeeded
   */
  run(words: readonly string[], action: () => void, complaint?: (error: HostNetError) => string): boolean {
    if (this.#commands === 'shown') this.add(`* ${words.join(' ')}\n`);
    try {
      action();
      return true;
    } catch (error) {
      if (!(error instanceof HostNetError)) throw error;
      this.add(`${complaint?.(error) ?? error.message}\n`);
      return false;
    }
  }

  /** Writes to a switch of the kernel, which the C tool had a shell do. */
  set(file: string, value: 0 | 1, action: () => void): boolean {
    const complaint = ({ errno }: HostNetError) => `bash: line 1: ${file}: ${strerror(errno)}`;
    return this.run(['bash', '-c', `echo ${value} > ${file}`], action, complaint);
  }
}
