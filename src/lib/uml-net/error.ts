import type { Version } from './call.ts';

export type UmlNetErrorDetail =
  /** Not two words: somebody calls by hand. */
  | { code: 'USAGE' }
  | { code: 'VERSION'; requested: number }
  | { code: 'TRANSPORT'; word: string }
  /** That version did not have this transport. */
  | { code: 'NO_HANDLER'; word: string; version: Version }
  | { code: 'OPERATION'; transport: 'tuntap' | 'slip'; word: string }
  /** Words are missing, or one is no descriptor. With a `socket`, that is where the kernel waits to hear of it. */
  | { code: 'ARGUMENTS'; version: Version; text: string; socket?: number }
  /** `control` is the descriptor that waits for a byte; version 0 has none. */
  | { code: 'ETHERTAP'; version: Version; control: number | undefined; reason: 'arguments' | 'gone' };

/** A call that can't be understood, or is not supported. `detail` says why; the message is the C tool's where it has one. */
export class UmlNetError extends Error {
  override readonly name = 'UmlNetError';
  readonly code: UmlNetErrorDetail['code'];
  readonly detail: UmlNetErrorDetail;

  constructor(detail: UmlNetErrorDetail) {
    super(textOf(detail));
    this.code = detail.code;
    this.detail = detail;
  }
}

function textOf(detail: UmlNetErrorDetail): string {
  switch (detail.code) {
    case 'USAGE':
      return (
        "uml_net : bad argument list - if you're running uml_net by\n" +
        "hand, don't bother.  uml_net is run automatically by UML when\nnecessary."
      );
    case 'VERSION':
      return `Version mismatch - requested version ${detail.requested}, uml_net supports up to version 4`;
    case 'TRANSPORT':
      return `Unknown transport : '${detail.word}'`;
    case 'NO_HANDLER':
      return `No version #${detail.version} handler for '${detail.word}'`;
    case 'OPERATION':
      return detail.transport === 'tuntap' ? `Bad tuntap op : '${detail.word}'` : `slip - Unknown op '${detail.word}'`;
    case 'ARGUMENTS':
      return detail.text;
    case 'ETHERTAP':
      return detail.reason === 'arguments'
        ? `uml_net : Too few arguments to ethertap_v${detail.version}`
        : 'uml_net : Linux has no ethertap devices since 2.6; use tuntap';
  }
}
