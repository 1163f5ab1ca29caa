import { attachTap, TuntapError } from '../../tuntap/index.ts';
import { SwitchError } from '../error.ts';

/**
 * Attaches to the tap device of this name, which is made if it is not there. Non-blocking, closed on exec.
 * @throws SwitchError TAP
 */
export function openTap(name: string): number {
  try {
    return attachTap(name);
  } catch (error) {
    if (!(error instanceof TuntapError)) throw error;
    throw new SwitchError({
      code: 'TAP',
      device: name,
      step: error.step === 'open' ? 'open' : 'name',
      errno: error.errno,
    });
  }
}
