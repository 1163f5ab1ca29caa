import { closeSync } from 'node:fs';
import { HostNetError, isInterfaceName, makeSlip, slipName } from '../host-net/index.ts';
import { strerror } from '../os/index.ts';
import { attachedDevice, attachTap, CLONE_DEVICE, setOwner, TuntapError } from '../tuntap/index.ts';
import { changeAddress } from './address.ts';
import type { Call } from './call.ts';
import { type Caller, ownsDevice } from './owner.ts';
import { configureSlip, configureTap, forwardPackets, takeDown } from './steps.ts';
import { Transcript } from './transcript.ts';

export type { Caller } from './owner.ts';

export interface Outcome {
  /** The exit status. A step that failed is told of in the text and does not make it 1 where the kernel goes on. */
  status: 0 | 1;
  /** What was done and what went wrong, for the guest's kernel log. */
  text: string;
  /** The tap that was made: the descriptor is the receiver's to close. */
  tap?: { name: string; fd: number };
}

/**
 * Does what the kernel asks for, by system calls alone: no program is run, nothing of the environment is read. Needs
 * CAP_NET_ADMIN.
 * @param caller what is not the caller's own is left alone
 */
export function perform(call: Call, caller: Caller): Outcome {
  const transcript = new Transcript(call.version < 3 && call.kind !== 'tap-up' ? 'hidden' : 'shown');
  switch (call.kind) {
    case 'tap-up':
      return tapUp(call.gate, caller, transcript);
    case 'address':
      return address(call, caller, transcript);
    case 'slip-up':
      return slipUp(call, caller, transcript);
    case 'slip-down':
      return slipDown(call, caller, transcript);
  }
}

function tapUp(gate: string, caller: Caller, transcript: Transcript): Outcome {
  let fd: number | undefined;
  try {
    transcript.run(['modprobe', 'tun'], () => {}); // the kernel does it when the clone device is opened
    fd = attachTap('');
    if (caller.uid !== 0) setOwner(fd, caller.uid); // so that later calls know whose it is
    const { name } = attachedDevice(fd);
    if (gate === '' || configureTap(transcript, name, gate)) {
      forwardPackets(transcript);
      return { status: 0, text: transcript.text, tap: { name, fd } };
    }
  } catch (error) {
    if (!(error instanceof TuntapError)) throw error;
    const what = error.code === 'OPEN' ? `Opening ${CLONE_DEVICE} failed` : error.step;
    transcript.add(`${what} : : ${strerror(error.errno)}\n`);
  }
  if (fd !== undefined) closeSync(fd);
  return { status: 0, text: transcript.text }; // the kernel knows by the missing descriptor
}

function address(call: Extract<Call, { kind: 'address' }>, caller: Caller, transcript: Transcript): Outcome {
  if (call.device !== '' && !isInterfaceName(call.device)) {
    return { status: 0, text: "Device doesn't contain only alphanumeric characters\n" };
  }
  if (!ownsDevice(call.device, caller)) {
    return { status: 1, text: noDeviceOfYours(call.device) };
  }
  changeAddress(call, transcript, caller.uid === 0 ? 'always' : 'if routed');
  return { status: 0, text: transcript.text };
}

function slipUp(
  { line, gate, peer }: Extract<Call, { kind: 'slip-up' }>,
  caller: Caller,
  transcript: Transcript,
): Outcome {
  const device = slipDevice('Setting', transcript, () => makeSlip(line));
  if (device === undefined) return { status: 1, text: transcript.text };
  if (peer !== undefined && !ownsDevice(device, caller)) return { status: 1, text: noDeviceOfYours(device) };
  if (!configureSlip(transcript, device, gate)) return { status: 1, text: transcript.text };
  forwardPackets(transcript);
  if (peer !== undefined) {
    changeAddress({ operation: 'add', device, address: peer, netmask: undefined }, transcript, 'always');
  }
  return { status: 0, text: transcript.text };
}

function slipDown(
  { line, peer }: Extract<Call, { kind: 'slip-down' }>,
  caller: Caller,
  transcript: Transcript,
): Outcome {
  const device = slipDevice('Getting', transcript, () => slipName(line));
  if (device === undefined) return { status: 1, text: transcript.text };
  if (peer !== undefined && ownsDevice(device, caller)) {
    changeAddress({ operation: 'del', device, address: peer, netmask: undefined }, transcript, 'if routed');
  }
  return { status: takeDown(transcript, device) ? 0 : 1, text: transcript.text };
}

const noDeviceOfYours = (device: string): string => `uml_net : '${device}' is no device of yours\n`;

/**
 * The interface of a line. That the caller has the line open is proof enough that the interface may come up and go down
 * for it; the addresses behind it are root's to say, as nothing tells later calls whose a SLIP interface is.
 */
function slipDevice(doing: string, transcript: Transcript, find: () => string): string | undefined {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof HostNetError)) throw error;
    const what = error.request === 'SIOCSIFENCAP' ? 'encapsulation' : 'line discipline';
    transcript.add(`${doing} slip ${what}: ${strerror(error.errno)}\n`);
    return undefined;
  }
}
