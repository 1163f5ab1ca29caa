// `node scripts/setup.ts --for test|demo|guest`: installs the Debian packages that a purpose needs, after saying which.
// Without root it prints the one command that does so, and stops.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { missingPackages as missingForGuest } from '../src/emulator/guest/index.ts';

/** Beside these, each purpose needs what the guest kernel and its root file system are built with. */
const packagesFor: Readonly<Record<string, readonly string[]>> = {
  guest: [],
  demo: [],
  test: [
    ...['uml-utilities', 'user-mode-linux', 'vde2'], // the C tools and the real UML that ours are compared with
    ...['busybox-static', 'gcc', 'libc6-dev', 'e2fsprogs', 'mount'], // the real UML's root file system, disk images
    ...['iproute2', 'iputils-ping'], // network namespaces, and the host as a peer
    ...['slirp4netns', 'passt'], // NAT helpers for the switch
    ...['net-tools', 'libcap2-bin'], // what the C uml_net runs, and the capability that ours is given
    ...['ifupdown', 'systemd'], // what host/ has hooks and a unit for
    'tshark', // reads what the switch captures
    'fuse3', // mounts for users without privileges
  ],
};

const { values } = parseArgs({ options: { for: { type: 'string' } } });
const wanted = packagesFor[values.for ?? ''];
if (!wanted) stop(`setup: --for needs one of ${Object.keys(packagesFor).join(', ')}`);
const missing = [...new Set([...missingPackages(wanted), ...missingForGuest()])];
if (missing.length > 0) install(missing);

/** Those of these packages that are not installed. */
function missingPackages(names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const query = spawnSync('dpkg-query', ['-W', `-f=\${Package} \${db:Status-Status}\\n`, ...names], {
    encoding: 'utf8',
  });
  if (query.error) stop(`setup: this is not a Debian system; it needs what these packages hold: ${names.join(' ')}`);
  const installed = new Set(query.stdout.split('\n').filter((line) => line.endsWith(' installed')));
  return names.filter((name) => !installed.has(`${name} installed`));
}

function install(names: readonly string[]): void {
  const install = ['install', '-y', '--no-install-recommends', ...names];
  if (process.getuid?.() !== 0)
    stop(`setup: Debian packages are missing. As root, run:\n  apt-get ${install.join(' ')}`);
  console.log(`Installing Debian packages: ${names.join(' ')}`);
  const quiet = ['-qq', '-o', 'Dpkg::Use-Pty=0'];
  apt([...quiet, 'update']);
  apt([...quiet, ...install]);
  const left = [...missingPackages(names), ...missingForGuest()];
  if (left.length > 0) stop(`setup: apt-get did not install ${left.join(' ')}`);
}

function apt(args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr, error } = spawnSync('apt-get', args, { env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0)
    stop(`${stdout}${stderr}setup: apt-get ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
}

function stop(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(1);
}
