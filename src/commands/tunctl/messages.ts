/** Every text that tunctl shows beside the library's; those of the C tool are its bytes (spec 9). */

export function usage(program: string): string {
  return `Create: ${program} [-b] [-u owner] [-g group] [-t device-name] [-f tun-clone-device]
Delete: ${program} -d device-name [-f tun-clone-device]

The default tun clone device is /dev/net/tun - some systems use
/dev/misc/net/tun instead

-b will result in brief output (just the device name)
`;
}

export function help(program: string): string {
  return `Create: ${program} [-b] [-u owner] [-g group] [-t device-name] [-p|-n]
               [--multi-queue] [--vnet-hdr] [-f tun-clone-device]
Delete: ${program} -d device-name [-f tun-clone-device]
List:   ${program} --list [--json]
Cable:  ${program} --carrier on|off -t device-name

  -b             print just the device's name
  -u owner       user, by name or number, that may open and delete the device besides root;
                 without -u and -g, the user who creates it
  -g group       group, by name or number, whose members may do so; with -u too, the owner must be one
  -t name        name of the device, 15 bytes at most; without it, the next free tapN
  -p             make a TAP device, for Ethernet frames (the default)
  -n             make a TUN device, for IP packets
  --multi-queue  several programs or threads may have the device open at once, a queue each
  --vnet-hdr     frames have a virtio-net header before them; programs ask for it anew when they open the device
  -d name        make the device nonpersistent: it goes as soon as no program has it open
  -f file        the tun clone device: /dev/net/tun, unless this says otherwise
  --list         print the TUN/TAP devices that there are; with --json, an object a line
  --carrier      unplug the cable of a device that a program has open, or plug it in again
`;
}

/** Ids as the C tool prints them, signed. */
export function created(device: string, owner: number | undefined, group: number | undefined): string {
  const ids = `${owner === undefined ? '' : ` uid ${owner | 0}`}${group === undefined ? '' : ` gid ${group | 0}`}`;
  return `Set '${device}' persistent and owned by${ids}\n`;
}

export const deleted = (device: string): string => `Set '${device}' nonpersistent\n`;

export const unknownUser = (word: string): string => `'${word}' is neither a username nor a numeric uid.`;
export const unknownGroup = (word: string): string => `'${word}' is neither a groupname nor a numeric group.`;

/** Our own options, wrongly used, and what Node can't pass on. */
export const misuse = {
  together: (program: string, option: string, main: string): string =>
    `${program}: ${option.length === 1 ? `-${option}` : option} does not go with ${main}\n`,
  json: (program: string): string => `${program}: --json goes with --list\n`,
  carrier: (program: string, word: string): string => `${program}: --carrier is on or off, not '${word}'\n`,
  name: (program: string, name: string): string => `${program}: '${name}' is no name of a device: it must be UTF-8\n`,
  noDevice: (program: string): string => `${program}: --carrier needs -t device-name\n`,
};
