/** The host's own network, as far as UML's helper sets it up: addresses, routes, proxy ARP, SLIP lines (netdevice(7), arp(7)). */

export { publish, unpublish } from './arp.ts';
export { HostNetError, type Request } from './error.ts';
export { bringDown, bringUp, isInterfaceName, setAddress, setMtu, setNetmask } from './interface.ts';
export { addHostRoute, deleteHostRoute, readRoutes } from './route.ts';
export { parseRoutes, type Route } from './route-table.ts';
export { makeSlip, slipName } from './slip.ts';
export { forwardingFile, proxyArpFile, setSwitch } from './sysctl.ts';
