/** Values as text for people. */
import type { PortVlan } from '../ports.ts';

/** Rows in columns: to the right what is a number, below a line with the columns' names. Nothing for no rows. */
export function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  if (rows.length === 0) return [];
  const all = [columns, ...rows];
  const widths = columns.map((_, at) => Math.max(...all.map((row) => String(row[at]).length)));
  const isNumber = columns.map((_, at) => rows.every((row) => typeof row[at] === 'number'));
  return all.map((row) =>
    row
      .map((cell, at) => (isNumber[at] ? String(cell).padStart(widths[at]!) : String(cell).padEnd(widths[at]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** `transparent`, `access 10`, `trunk 1,10-19 native 1`. */
export function vlanText(vlan: PortVlan): string {
  switch (vlan.mode) {
    case 'transparent':
      return 'transparent';
    case 'access':
      return `access ${vlan.vlan}`;
    case 'trunk':
      return `trunk ${vlansText(vlan.vlans)}${vlan.native === undefined ? '' : ` native ${vlan.native}`}`;
  }
}

/** `all`, or numbers and ranges: `1,10-19`. */
function vlansText(vlans: 'all' | readonly number[]): string {
  if (vlans === 'all') return 'all';
  const ranges: [number, number][] = [];
  for (const vlan of vlans.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last && vlan <= last[1] + 1) last[1] = vlan;
    else ranges.push([vlan, vlan]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',');
}

/** `all ports`, `port 5`, `ports 5,6`. */
export function portsText(ports: 'all' | number | readonly number[]): string {
  if (ports === 'all') return 'all ports';
  const numbers = typeof ports === 'number' ? [ports] : ports;
  return `${numbers.length === 1 ? 'port' : 'ports'} ${numbers.join(',')}`;
}
