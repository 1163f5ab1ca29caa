// SPDX-License-Identifier: GPL-2.0-or-later

/** Why a guest could not be built. */
export type GuestErrorCode =
  | 'tools-missing'
  | 'no-network'
  | 'no-package'
  | 'patch-rejected'
  | 'config-rejected'
  | 'step-failed'
  | 'no-sources'
  | 'interrupted';

/** What is known besides the code; which fields are set depends on the code. */
export interface GuestErrorDetail {
  /** Debian package names. */
  packages?: readonly string[];
  /** The step that failed, as a noun phrase: "the kernel's compilation". */
  step?: string;
  /** The file with everything that the step printed. */
  log?: string;
  /** A patch's file name, or the options that a kernel configuration lost. */
  subject?: string;
}

/** A failed build of the guest kernel or the demo root file system. */
export class GuestBuildError extends Error {
  readonly code: GuestErrorCode;
  readonly detail: GuestErrorDetail;

  constructor(code: GuestErrorCode, detail: GuestErrorDetail = {}) {
    super(describe(code, detail));
    this.name = 'GuestBuildError';
    this.code = code;
    this.detail = detail;
  }
}

/** The one line that a user reads: what is wrong and what to do. */
function describe(
  code: GuestErrorCode,
  { packages = [], step = 'a step', log, subject = '' }: GuestErrorDetail,
): string {
  const see = log === undefined ? '' : ` (see ${log})`;
  switch (code) {
    case 'tools-missing':
      return `the guest can't be built without some tools: apt-get install -y ${packages.join(' ')}`;
    case 'no-network':
      return `the package lists can't be fetched${see}: check the network and /etc/apt, then try again`;
    case 'no-package':
      return `the package sources in /etc/apt don't offer ${packages.join(', ')}${see}: Debian 12 has it`;
    case 'patch-rejected':
      return `the patch ${subject} doesn't fit this kernel source${see}: install linux-source-6.1 of Debian 12`;
    case 'config-rejected':
      return `this kernel source refuses ${subject}${see}: install linux-source-6.1 of Debian 12`;
    case 'no-sources':
      return "this program has no guest sources beside it: run 'npm run guest' in the source tree";
    case 'interrupted':
      return 'interrupted: nothing was left behind, and the next run starts anew';
    case 'step-failed':
      return `${step} failed${see}`;
  }
}
