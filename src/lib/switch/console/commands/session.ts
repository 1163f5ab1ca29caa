import { type Command, command, done } from '../command.ts';

/** The program around the switch, and the connection. */
export const SESSION_COMMANDS: readonly Command[] = [
  command('log', "the switch's messages from now on, over this connection until it is closed", ({ follow }) => ({
    stream(connection, form) {
      const end = follow((message, event) => {
        connection.write(`${form === 'json' ? JSON.stringify({ message, event }) : message}\n`);
      });
      connection.once('close', end);
    },
  })),
  command('stop', 'end the switch', ({ stop }) => {
    stop();
    return done;
  }),
  command('quit', 'close this connection', () => 'close'),
];
