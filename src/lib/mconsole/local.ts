/** What a line means to the client: its own commands (spec 4.5), or one for the instance. Words are matched whole. */
export type ClientCommand =
  | { kind: 'quit' }
  | { kind: 'help'; command: string }
  | { kind: 'switch'; name: string }
  | { kind: 'log'; text: string }
  | { kind: 'log file'; file: string }
  | { kind: 'umlfs'; descriptor: string }
  | { kind: 'mconsole-version' }
  | { kind: 'int' }
  /** `name: command`: one command for another instance. */
  | { kind: 'elsewhere'; name: string; command: string }
  | { kind: 'remote'; command: string };

/** Reads a line; white space at its end is dropped, at its beginning it makes an unknown command, as in the C client. */
export function parseLine(line: string): ClientCommand {
  const command = line.trimEnd();
  const [, word = '', argument = ''] = /^(\S*)\s*(.*)$/s.exec(command) ?? [];
  switch (word) {
    case 'quit':
    case 'mconsole-version':
    case 'int':
      return { kind: word };
    case 'help':
      return { kind: 'help', command };
    case 'switch':
      return { kind: 'switch', name: argument };
    case 'log': {
      const file = /^-f(?:\s+(.*))?$/s.exec(argument);
      return file ? { kind: 'log file', file: file[1] ?? '' } : { kind: 'log', text: argument };
    }
    case 'umlfs':
      if (argument !== '') return { kind: 'umlfs', descriptor: argument };
  }
  const elsewhere = /^(\S+):\s+(\S.*)$/s.exec(command);
  if (elsewhere?.[1] !== undefined && elsewhere[2] !== undefined) {
    return { kind: 'elsewhere', name: elsewhere[1], command: elsewhere[2] };
  }
  return { kind: 'remote', command };
}

/** Printed after the instance's own help. */
export const CLIENT_HELP = `Additional local mconsole commands:
    quit - Quit mconsole
    switch <socket-name> - Switch control to the given machine
    log -f <filename> - use contents of <filename> as UML log messages
    mconsole-version - version of this mconsole program
    int  - Interrupt UML session
`;
