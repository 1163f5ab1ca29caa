import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { PrivateMachine } from './private-machine.ts';
import { spawnProgram, temporaryDirectory } from './run.ts';

/** A private machine whose first process is systemd. */
export interface SystemdMachine extends PrivateMachine {
  /** Ends all of its processes and takes its control groups away. */
  end(): Promise<void>;
}

/** The targets that units depend on by default; here they pull in nothing. */
const TARGETS = ['sysinit', 'basic', 'shutdown', 'multi-user'];

/** Of a control group of its own, which is the root of those that systemd sees; they go when standard input ends. */
const OUTER = `
  mkdir "$1/cgroup"
  mount -t cgroup2 none "$1/cgroup"
  group="$1/cgroup/uml-test-$$"
  mkdir "$group"
  setpriv --pdeathsig KILL sh -ec 'echo $$ >"$1/cgroup.procs"
    exec unshare --cgroup --mount --net --uts --ipc --pid --fork --kill-child --mount-proc sh -ec "$2" sh "$3"
  ' sh "$group" "$2" "$1" &
  read -r _ <"$1/booted"
  echo "ready $!"
  cat
  kill -KILL $!
  wait $! || true
  until find "$group" -depth -type d -exec rmdir {} + 2>"$1/errors"; do :; done
`;

/** As in a container: what systemd sets at its start is this machine's only. */
const INNER = `
  umount "$1/cgroup"
  mount -t tmpfs none /run
  umount -R /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  mount --bind /proc/sys /proc/sys
  mount -o remount,bind,ro /proc/sys
  sh -e "$1/mounts"
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test "SYSTEMD_UNIT_PATH=$1/units" \\
    /lib/systemd/systemd --system --unit=booted.service --log-target=null --show-status=no
`;

/**
 * Makes one: other files in the place of some of the machine's, an empty /run, a network of its own, and no units but
 * these. It ends with the test file at the latest.
 * @param files what is to be seen at a path, which must be there: a path
 * @param units files of units, none of which is started
 */
export async function systemdMachine(
  files: Readonly<Record<string, string>>,
  units: readonly string[],
): Promise<SystemdMachine> {
  const directory = temporaryDirectory();
  const place = (name: string): string => join(directory, name);
  mkdirSync(place('units'));
  for (const target of TARGETS) writeFileSync(place(`units/${target}.target`), '[Unit]\nDefaultDependencies=no\n');
  for (const unit of units) copyFileSync(unit, place(`units/${basename(unit)}`));
  const announce = `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >${place('booted')}'\n`;
  writeFileSync(place('units/booted.service'), `[Unit]\nDefaultDependencies=no\n${announce}`);
  const mounts = Object.entries(files).map(([path, file]) => `mount --bind '${file}' '${path}'\n`);
  writeFileSync(place('mounts'), mounts.join(''));

  const fifo = 'mkfifo "$1/booted"';
  const words = ['--mount', '--propagation=private', 'sh', '-ec', `${fifo}${OUTER}`, 'sh', directory, INNER];
  const keeper = spawnProgram('unshare', words);
  const [, unshare] = await keeper.waitFor(/ready (\d+)/);
  const first = readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').trim();
  return {
    inside: (...command) => ['nsenter', `--target=${first}`, '--all', ...command],
    async end() {
      keeper.end();
      await keeper.exit();
    },
  };
}
