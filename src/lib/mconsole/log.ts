const PREFIX = Buffer.from('log ');
/** Bytes of text in one request, as many as the C client sends. */
const MAX_TEXT = 506;
const NEWLINE = 0x0a;

/**
 * The requests that enter text into the kernel log. Text that is too long for one is cut at line ends, so that no line
 * of the log is torn; only a line that is itself too long is cut inside, between characters. As from the C client, an
 * own request ends text that has no newline at its end.
 */
export function logRequests(text: Uint8Array): Buffer[] {
  const requests: Buffer[] = [];
  for (let start = 0; start < text.length; ) {
    const end = cut(text, start);
    requests.push(Buffer.concat([PREFIX, text.subarray(start, end)]));
    start = end;
  }
  if (text.at(-1) !== NEWLINE) requests.push(Buffer.concat([PREFIX, Buffer.of(NEWLINE)]));
  return requests;
}

function cut(text: Uint8Array, start: number): number {
  const limit = start + MAX_TEXT;
  if (limit >= text.length) return text.length;
  const lineEnd = text.lastIndexOf(NEWLINE, limit - 1);
  if (lineEnd >= start) return lineEnd + 1;
  let end = limit;
  while (end > limit - 4 && isContinuation(text[end])) end--;
  return isContinuation(text[end]) ? limit : end;
}

/** Whether a byte is inside a UTF-8 character, not at its beginning. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
