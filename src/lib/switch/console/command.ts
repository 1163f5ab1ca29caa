import type { Duplex } from 'node:stream';
import type { SwitchEvent } from '../events.ts';
import type { Switch } from '../switch.ts';
import type { Form } from './answer.ts';
import { type ArgumentsOf, compile, type Pattern } from './pattern.ts';

/** What the commands act on: a switch, and the program around it. */
export interface Managed {
  readonly network: ManagedSwitch;
  /** Ends the switch, soon. */
  stop(): void;
  /**
   * Calls `listener` with each line of the log from now on, and with the event that it tells of: of several lines the
   * first has it. Gives the function that ends it.
   */
  follow(listener: (line: string, event?: SwitchEvent) => void): () => void;
}

/** The part of a switch that is managed. */
export type ManagedSwitch = Pick<
  Switch,
  | 'ports'
  | 'attach'
  | 'detach'
  | 'rename'
  | 'settings'
  | 'change'
  | 'addresses'
  | 'forget'
  | 'capture'
  | 'stopCaptures'
  | 'captures'
>;

/** What a command comes to. */
export type Result =
  /** `json` for programs, `lines` for people. */
  | { json: unknown; lines: readonly string[] }
  /** From now on the connection is the command's: it writes until one of both ends. */
  | { stream: (connection: Duplex, form: Form) => void | Promise<void> }
  /** The connection is to be closed. */
  | 'close';

/** A command of the console: an entry of the one table that carries out, helps and documents. */
export interface Command {
  readonly pattern: Pattern;
  readonly summary: string;
  run(managed: Managed, values: Readonly<Record<string, unknown>>): Result | Promise<Result>;
}

/** An entry whose values have the types that its form says. */
export function command<P extends string>(
  form: P,
  summary: string,
  run: (managed: Managed, values: ArgumentsOf<P>) => Result | Promise<Result>,
): Command {
  return { pattern: compile(form), summary, run: (managed, values) => run(managed, values as ArgumentsOf<P>) };
}

/** The result of a command that has nothing to tell. */
export const done: Result = { json: null, lines: [] };
