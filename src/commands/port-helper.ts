import { errorText, hasCode, leaveTerminal, OsError } from '../lib/os/index.ts';
import { connectToUml, handOver, holdUntilHangup, INHERITED_SOCKET } from '../lib/port-helper/index.ts';

const TERMINAL = 0;
const FAILED = 1;

/** port-helper: hands its standard input to UML and holds it open (spec 11.2). Words that telnetd adds are ignored. */
export function main(args: readonly string[]): number {
  const path = args[0] === '-uml-socket' ? args[1] : undefined;
  if (args[0] === '-uml-socket' && !path) return complain('port-helper: -uml-socket needs the path of a socket');
  process.on('SIGHUP', () => {}); // giving the terminal up sends it
  try {
    const socket = path ? connectToUml(path) : INHERITED_SOCKET;
    giveTerminalUp();
    handOver(socket, TERMINAL);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    return complain(
      hasCode(error, 'ENOTSOCK', 'EBADF') && !path
        ? `port-helper: descriptor ${INHERITED_SOCKET} is no socket of UML's, which starts port-helper by itself`
        : `${error.syscall}: ${errorText(error)}`,
    );
  }
  holdUntilHangup(TERMINAL);
  return 0;
}

/** UML gives the terminal to its guest: it can't control a session of the host too. */
function giveTerminalUp(): void {
  try {
    leaveTerminal(TERMINAL);
  } catch (error) {
    complain(`TIOCNOTTY failed in port-helper, check UML's exec call for xterm or telnetd: ${errorText(error)}`);
  }
}

function complain(line: string): number {
  process.stderr.write(`${line}\n`);
  return FAILED;
}
