import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { type Attempt, kernelAddress, openForWriting, readIntoKernel, writeToKernel } from '../lib/jail/index.ts';
import { errorText, inBinary } from '../lib/os/index.ts';

/** Tells the process that the jail is tried out with to write where it should not. */
const WRITER_VARIABLE = 'UML_JAILTEST_WRITER';
const FILE = '/etc/passwd';
const ADDRESS = `0x${kernelAddress.toString(16)}`;
const ESCAPED = 1;
const { errno: ERRNO, signals: SIGNALS } = constants;
/** Reasons for which memory can't be opened: all of them keep a process of the guest from writing to it. */
const KEPT_OUT = ['EPERM', 'EACCES', 'ENOENT', 'ENXIO', 'ENODEV', 'EROFS'] as const;

/** jailtest (spec 11.6): whether a process can reach the memory of the kernel it runs on. */
export function main(): number {
  if (process.env[WRITER_VARIABLE]) {
    writeToKernel();
    return ESCAPED;
  }
  let escaped = false;
  const tell = (trial: string, verdict: string) => {
    process.stdout.write(`Trying to ${trial}...${verdict}\n`);
    escaped ||= verdict.endsWith('BAD!');
  };
  tell(`directly write ${ADDRESS}`, verdictOnWriter());
  try {
    const errno = readIntoKernel(FILE);
    const kept = errno === ERRNO.EFAULT;
    tell(`write ${ADDRESS} via read`, kept ? 'Returned EFAULT - GOOD' : "Didn't return EFAULT - BAD!");
  } catch (error) {
    process.stdout.write(`Trying to write ${ADDRESS} via read...`);
    process.stderr.write(`open: ${errorText(error)}\n`);
    return ESCAPED;
  }
  for (const memory of ['/dev/mem', '/dev/kmem']) tell(`open ${memory}`, verdictOnOpening(openForWriting(memory)));
  return escaped ? ESCAPED : 0;
}

/** A Node process can't fork: it starts itself once more. */
function verdictOnWriter(): string {
  const [program = process.execPath, script = '', ...words] = process.argv;
  const { status, signal, error } = spawnSync(program, inBinary ? words : [...process.execArgv, script, ...words], {
    ...(inBinary ? { argv0: script } : {}),
    env: { ...process.env, [WRITER_VARIABLE]: '1' },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  if (error) throw error;
  if (signal === 'SIGSEGV') return 'Segv - GOOD';
  const waitStatus = signal ? SIGNALS[signal] : (status ?? 0) << 8; // as wait(2) has it
  return `No segv (status = 0x${waitStatus.toString(16)}) - BAD!`;
}

function verdictOnOpening({ fd, errno }: Attempt): string {
  const reason = KEPT_OUT.find((name) => ERRNO[name] === errno);
  return fd < 0 && reason
    ? `Failed with ${reason} - GOOD`
    : `Didn't fail with EPERM (fd = ${fd}, errno = ${errno}) - BAD!`;
}
