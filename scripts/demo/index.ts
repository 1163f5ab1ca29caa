// `npm run demo`: the main job from end to end, on real parts, each command shown with what it really prints.
import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findDemoRoot } from '../../src/emulator/guest/index.ts';
import { root } from '../build/paths.ts';
import { buildWhatIsMissing } from './build.ts';
import { Stage } from './stage.ts';

const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

const stage = new Stage();
let interrupted = false;
for (const [signal, status] of Object.entries(SIGNALS)) {
  process.once(signal, () => {
    interrupted = true;
    void stage.clear().finally(() => process.exit(status));
  });
}
try {
  await play();
} catch (error) {
  if (!interrupted) console.error(`\ndemo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await stage.clear();
}

async function play(): Promise<void> {
  stage.step('Build what is missing: the guest kernel, a small root file system, and the tools.');
  buildWhatIsMissing();
  const began = performance.now();

  stage.step('Start a switch for the network of the instances.');
  const network = await stage.background('uml_switch -unix sw.ctl', /attached to unix socket .*\n/);

  stage.step('Boot two instances. They share root_fs, and each writes into a COW file of its own.');
  await stage.host(`ln -s ${findDemoRoot()} root_fs`);
  const [first, second] = await stage.boot({
    debian1: 'linux mem=64M ubda=cow1,root_fs umid=debian1 eth0=daemon,,unix,sw.ctl con=null con0=fd:0,fd:1',
    debian2: 'linux mem=64M ubda=cow2,root_fs umid=debian2 eth0=daemon,,unix,sw.ctl con=null con0=fd:0,fd:1',
  });
  if (!first || !second) throw new Error('two instances were to boot');
  await stage.host('uml_mconsole debian1 version', /^OK Linux/);

  stage.step('The host plugs a disk into debian1 while it runs, which uses it as swap space.');
  await stage.guest(first, 'grep SwapTotal /proc/meminfo', /SwapTotal: +0 kB/);
  await stage.host('dd if=/dev/zero of=swap bs=1024 seek=65536 count=1', /1024 bytes/);
  await stage.host('uml_mconsole debian1 config ubdb=swap', /^OK/);
  await stage.host('uml_mconsole debian1 config ubdb', /^OK .*swap/);
  await stage.guest(first, 'mkswap /dev/ubdb');
  await stage.guest(first, 'swapon /dev/ubdb');
  await stage.guest(first, 'grep SwapTotal /proc/meminfo', /SwapTotal: +6\d{4} kB/);

  stage.step('They talk to each other through the switch.');
  await stage.guest(first, 'ifconfig eth0 192.168.0.1 up');
  await stage.guest(second, 'ifconfig eth0 192.168.0.2 up');
  await stage.guest(first, 'ping -c 3 192.168.0.2', /3 packets received, 0% packet loss/);

  stage.step('What one writes, the other does not see, and root_fs stays as it is.');
  await stage.guest(first, 'echo written in debian1 > /root/note; sync');
  await stage.guest(first, 'cat /root/note', /^written in debian1\n/);
  await stage.guest(second, 'cat /root/note', /No such file or directory/);
  await stage.host('ls -ls cow1 cow2');

  stage.step('Halt both: one from the inside, one from the host.');
  await stage.guest(first, 'swapoff /dev/ubdb; halt');
  await stage.ended(first);
  await stage.host('uml_mconsole debian2 halt', /^OK/);
  await stage.ended(second);

  stage.step("Merge debian1's COW file with root_fs into a new image, which boots and has the file.");
  await stage.host('uml_moo cow1 new_root_fs');
  const [merged] = await stage.boot({ debian3: 'linux mem=64M ubda=new_root_fs umid=debian3 con=null con0=fd:0,fd:1' });
  if (!merged) throw new Error('an instance was to boot');
  await stage.guest(merged, 'cat /root/note', /^written in debian1\n/);
  await stage.guest(merged, 'halt');
  await stage.ended(merged);

  stage.step('Stop the switch. Nothing is left behind.');
  await network.kill('SIGINT');
  await stage.host('ls -A .uml', /^$/);
  const left = readdirSync(stage.directory).filter((name) => name.startsWith('sw'));
  if (left.join() !== 'swap') throw new Error(`the switch left ${left.join(' ')}`);

  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`\nAll of it worked, in ${seconds} s. To boot one yourself:\n`);
  const linux = relative(process.cwd(), join(root, 'dist/bin/linux'));
  console.log(`  ${linux} mem=128M ubda=cow1,${findDemoRoot()} umid=debian1 con0=fd:0,fd:1`);
}
