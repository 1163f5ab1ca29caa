/** The steps of a call that are one command each, by hand. */
import { isIPv4 } from 'node:net';
import {
  addHostRoute,
  bringDown,
  bringUp,
  deleteHostRoute,
  forwardingFile,
  type HostNetError,
  proxyArpFile,
  publish,
  setAddress,
  setMtu,
  setNetmask,
  setSwitch,
  unpublish,
} from '../host-net/index.ts';
import { strerror } from '../os/index.ts';
import type { Transcript } from './transcript.ts';

/** A tap carries frames to one guest: all else is routed elsewhere. */
const HOST_NETMASK = '255.255.255.255';
const SLIP_MTU = 1500;

export function configureTap(transcript: Transcript, device: string, gate: string): boolean {
  return ifconfig(transcript, [device, gate, 'netmask', HOST_NETMASK, 'up'], gate, () => {
    setAddress(device, gate);
    setNetmask(device, HOST_NETMASK);
    bringUp(device);
  });
}

export function configureSlip(transcript: Transcript, device: string, gate: string): boolean {
  return ifconfig(transcript, [device, gate, 'mtu', String(SLIP_MTU), 'up'], gate, () => {
    setAddress(device, gate);
    setMtu(device, SLIP_MTU);
    bringUp(device);
  });
}

export function takeDown(transcript: Transcript, device: string): boolean {
  return ifconfig(transcript, [device, '0.0.0.0', 'down'], '0.0.0.0', () => {
    setAddress(device, '0.0.0.0');
    bringDown(device);
  });
}

function ifconfig(transcript: Transcript, words: readonly string[], address: string, action: () => void): boolean {
  const done = transcript.run(['ifconfig', ...words], action, unknownHost(address));
  if (!done) transcript.add("'ifconfig' didn't exit with status 0\n");
  return done;
}

export function forwardPackets(transcript: Transcript): void {
  transcript.set(forwardingFile, 1, () => setSwitch(forwardingFile, 1));
}

export function setProxyArp(transcript: Transcript, device: string, value: 0 | 1): void {
  transcript.set(proxyArpFile(device), value, () => setSwitch(proxyArpFile(device), value));
}

export function changeRoute(
  transcript: Transcript,
  operation: 'add' | 'del',
  address: string,
  device: string,
): boolean {
  const change = operation === 'add' ? addHostRoute : deleteHostRoute;
  const words = ['route', operation, '-host', address, 'dev', device];
  return transcript.run(words, () => change(address, device), unknownHost(address));
}

export function changeArp(transcript: Transcript, operation: 'add' | 'del', address: string, device: string): void {
  if (operation === 'add') {
    const words = ['arp', '-Ds', address, device, 'pub'];
    transcript.run(words, () => publish(address, device), unknownHost(address, noHardwareAddress(device)));
    return;
  }
  const words = ['arp', '-i', device, '-d', address, 'pub'];
  transcript.run(words, () => unpublish(address, device), unknownHost(address, notPublished(address)));
}

type Complaint = (error: HostNetError) => string;

/** The commands take names too; the kernel's helper has no business with a resolver. */
function unknownHost(address: string, other: Complaint = (error) => error.message): Complaint {
  return (error) => (isIPv4(address) ? other(error) : `${address}: Unknown host`);
}

function noHardwareAddress(device: string): Complaint {
  return (error) =>
    error.request === 'SIOCGIFHWADDR'
      ? `arp: cant get HW-Address for \`${device}': ${strerror(error.errno)}.`
      : error.message;
}

function notPublished(address: string): Complaint {
  return ({ code, errno }) =>
    code === 'ENXIO' || code === 'ENOENT' ? `No ARP entry for ${address}` : `SIOCDARP(pub): ${strerror(errno)}`;
}
