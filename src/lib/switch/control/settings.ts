import { SwitchError } from '../error.ts';
import type { Mirror, Setting } from '../ports.ts';

/** 802.1Q's bounds for the ageing time would be 10 to 1,000,000 seconds; shorter ones are harmless here. */
const MAX_AGEING = 1_000_000;
const LAST_VLAN = 4094;

/** The ports that there are. */
interface KnownPorts {
  has(port: number): boolean;
}

/**
 * Throws if a setting makes no sense for the ports that there are.
 * @throws SwitchError PORT, VLAN, TRUNK, MIRROR, AGEING
 */
export function checkSetting(setting: Setting, ports: KnownPorts): void {
  switch (setting.set) {
    case 'kind':
      return;
    case 'ageing':
      checkAgeing(setting.seconds);
      return;
    case 'state':
      checkPort(setting.port, ports);
      return;
    case 'vlan':
      checkPort(setting.port, ports);
      checkVlan(setting);
      return;
    case 'mirror':
      if (setting.mirror) checkMirror(setting.mirror, ports);
      return;
  }
}

function checkPort(port: number, ports: KnownPorts): void {
  if (!ports.has(port)) throw new SwitchError({ code: 'PORT', port });
}

function checkAgeing(seconds: number): void {
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_AGEING) return;
  throw new SwitchError({ code: 'AGEING', seconds });
}

function checkVlan({ port, vlan }: Extract<Setting, { set: 'vlan' }>): void {
  if (vlan.mode === 'transparent') return;
  const listed = vlan.mode === 'access' ? [vlan.vlan] : vlan.vlans === 'all' ? [] : vlan.vlans;
  const native = vlan.mode === 'trunk' && vlan.native !== undefined ? [vlan.native] : [];
  for (const each of [...listed, ...native]) {
    if (!Number.isInteger(each) || each < 1 || each > LAST_VLAN) throw new SwitchError({ code: 'VLAN', vlan: each });
  }
  const carriesAll = vlan.mode === 'trunk' && vlan.vlans === 'all';
  if (!carriesAll && listed.length + native.length === 0) throw new SwitchError({ code: 'TRUNK', port });
}

function checkMirror({ from, to }: Mirror, ports: KnownPorts): void {
  checkPort(to, ports);
  if (from === 'all') return;
  for (const port of from) checkPort(port, ports);
  if (from.includes(to)) throw new SwitchError({ code: 'MIRROR', port: to });
}
