/** What the ports of a switch are, as its users see them. */

/** What is behind a port. A `client` speaks the daemon protocol of uml_switch, a `vde` client that of vde_switch. */
export type PortKind = 'client' | 'vde' | 'tap' | 'bess' | 'stream' | 'fd' | 'udp' | 'mcast' | 'vxlan';

/** An IPv4 address or an IPv6 one, and a UDP port. */
export interface Endpoint {
  address: string;
  port: number;
}

/** What the switch itself attaches as a port. Clients come by their sockets. */
export type Attachment =
  /** A tap device of the host. */
  | { kind: 'tap'; device: string }
  /** A SEQPACKET socket that another program listens on (slirp4netns --target-type=bess). */
  | { kind: 'bess'; path: string }
  /** A stream socket that another program listens on, each frame behind its length (passt, QEMU). */
  | { kind: 'stream'; path: string }
  /** An inherited descriptor: a packet or datagram socket with one frame a message, or a tap. */
  | { kind: 'fd'; fd: number }
  /** Another switch, one frame a datagram. */
  | { kind: 'udp'; local: Endpoint; remote: Endpoint }
  /** UML's `mcast` transport: all who joined the group are one Ethernet. `ttl` 0 keeps to this host. */
  | { kind: 'mcast'; group: Endpoint; ttl: number; interface?: string | undefined }
  /** RFC 7348; `remote` may be a multicast group. */
  | { kind: 'vxlan'; vni: number; local: Endpoint; remote: Endpoint };

/**
 * How a port takes part in VLANs (802.1Q). `transparent` ports are one Ethernet of their own that carries tags as data,
 * as the C switch does; an `access` port is in one VLAN and knows no tags; a `trunk` carries VLANs with tags, and
 * untagged frames in its `native` VLAN if it has one. VLANs have numbers from 1 to 4094.
 */
export type PortVlan =
  | { mode: 'transparent' }
  | { mode: 'access'; vlan: number }
  | { mode: 'trunk'; vlans: 'all' | readonly number[]; native?: number | undefined };

/** Since the port was made. `rx` is what the switch received from the port, `tx` what it sent to it. */
export interface PortCounters {
  /** All that came, also what was dropped. */
  rxFrames: number;
  rxBytes: number;
  /**
   * Of those, what was not forwarded because it may not be: runts, frames too long, frames of a VLAN that the port is
   * not in, a port that is down, frames that come back in a loop, an address that keeps changing its port.
   */
  rxDropped: number;
  txFrames: number;
  txBytes: number;
  /** Not sent, as the receiver took no more or failed. */
  txLost: number;
}

export interface PortInfo {
  /** The number of log lines and commands. */
  number: number;
  kind: PortKind;
  /** What is behind it, for people: a device, a path, an address; changed by the user at will. */
  name: string;
  /** A port that is down neither sends nor receives. */
  state: 'up' | 'down';
  /** Its receiver takes no frames at the moment. */
  isStuck: boolean;
  vlan: PortVlan;
  counters: PortCounters;
}

export interface AddressInfo {
  /** `aa:bb:cc:dd:ee:ff` */
  address: string;
  port: number;
  /** 0 for transparent ports. */
  vlan: number;
  /** Seconds since it sent a frame. */
  age: number;
}

/** Copies for port `to` of every frame that the ports of `from` send or receive. */
export interface Mirror {
  from: 'all' | readonly number[];
  to: number;
}

/** What holds for the whole switch. */
export interface SwitchSettings {
  kind: 'switch' | 'hub';
  /** Seconds of silence after which an address is forgotten; 0 for never. */
  ageing: number;
  mirror: Mirror | undefined;
}

/** What is changed while the switch runs. */
export type Setting =
  | { set: 'kind'; kind: 'switch' | 'hub' }
  /** Seconds of silence after which an address is forgotten; 0 for never. */
  | { set: 'ageing'; seconds: number }
  | { set: 'state'; port: number; state: 'up' | 'down' }
  | { set: 'vlan'; port: number; vlan: PortVlan }
  /** Port `to` gets a copy of every frame that the ports of `from` send or receive; undefined ends it. */
  | { set: 'mirror'; mirror: Mirror | undefined };

/** Which addresses are meant: all without any field. */
export interface AddressFilter {
  address?: string | undefined;
  port?: number | undefined;
  vlan?: number | undefined;
}
