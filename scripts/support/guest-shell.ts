import type { Child } from './child.ts';

/** Boots and logins under load take their time; a guest that says nothing for so long is lost. */
const BOOT_TIMEOUT = 150_000;
const COMMAND_TIMEOUT = 150_000;
/** ms */
const ANSWER_AGAIN = 1000;

/** A shell in a guest, reached through the console on its standard input and output. */
export class GuestShell {
  readonly #child: Child;
  #commands = 0;

  /** @param child an instance with `con0=fd:0,fd:1` */
  constructor(child: Child) {
    this.#child = child;
  }

  /** Waits for the login prompt and logs in as root. */
  async login(): Promise<void> {
    await this.#child.waitFor(/login: /, BOOT_TIMEOUT);
    // The program that asks for the password throws away what was typed before it listens, and shows its prompt a moment
    // earlier. So the answer, which is the same to both questions, is given until there is a shell; to that it is nothing.
    const answer = (): void => this.#child.write('root\n');
    const again = setInterval(answer, ANSWER_AGAIN);
    try {
      answer();
      await this.#child.waitFor(/Password: /, BOOT_TIMEOUT);
      answer();
      await this.#child.waitFor(/UML# /, BOOT_TIMEOUT);
    } finally {
      clearInterval(again);
    }
    await this.run('dmesg -n 1'); // kernel messages would come in the middle of a command's output
  }

  /**
   * Runs a command and gives what it wrote to stdout and stderr. Throws where its status isn't 0.
   * @param timeout ms
   */
  async run(command: string, timeout = COMMAND_TIMEOUT): Promise<string> {
    const number = ++this.#commands;
    // The quotes keep the echo of this very line from looking like the answer.
    this.#child.write(`echo "@@be""gin-${number}"; ( ${command}\n) 2>&1 </dev/null; echo "@@e""nd-${number}:$?@@"\n`);
    const pattern = new RegExp(`@@begin-${number}\\r?\\n([^]*?)@@end-${number}:(\\d+)@@\\r?\\n`);
    const [, output = '', status = ''] = await this.#child.waitFor(pattern, timeout);
    const text = output.replaceAll('\r', '');
    if (status !== '0') throw new Error(`in the guest, '${command}' ended with status ${status}: ${text}`);
    return text;
  }

  /** Types a command that ends the instance or never answers. */
  type(command: string): void {
    this.#child.write(`${command}\n`);
  }
}
