/**
 * The console's protocol: a line asks, and is answered by lines, of which the last is `OK`, `ERR ` with the reason, or
 * `STREAM`, behind which the connection carries something else. A line that begins with `--json ` is answered by one
 * line of JSON. Pure.
 */

/** What a line came to. */
export type Answer =
  | { answer: 'done'; json: unknown; lines: readonly string[] }
  | { answer: 'refused'; code: string; message: string }
  | { answer: 'stream' };

export type Form = 'text' | 'json';

/** The bytes of an answer. */
export function encodeAnswer(answer: Answer, form: Form): string {
  if (form === 'json') return `${JSON.stringify(jsonOf(answer))}\n`;
  switch (answer.answer) {
    case 'done':
      return `${[...answer.lines.map(unmistakable), 'OK'].join('\n')}\n`;
    case 'refused':
      return `ERR ${answer.message}\n`;
    case 'stream':
      return 'STREAM\n';
  }
}

function jsonOf(answer: Answer): object {
  switch (answer.answer) {
    case 'done':
      return { ok: true, result: answer.json };
    case 'refused':
      return { ok: false, error: { code: answer.code, message: answer.message } };
    case 'stream':
      return { ok: true, stream: true };
  }
}

const LAST_LINE = /^(?:OK$|STREAM$|ERR )/;

/** No line but the last looks like the last. */
function unmistakable(line: string): string {
  return LAST_LINE.test(line) ? ` ${line}` : line;
}

/** How an answer ends: what its last line says. Undefined for a line that is not the last. */
export function readEnd(line: string, form: Form): 'OK' | 'STREAM' | { reason: string } | undefined {
  if (form === 'json') {
    const answer = parseJson(line);
    if (answer?.ok !== true) return { reason: answer?.error?.message ?? line };
    return answer.stream === true ? 'STREAM' : 'OK';
  }
  if (line === 'OK' || line === 'STREAM') return line;
  return line.startsWith('ERR ') ? { reason: line.slice(4) } : undefined;
}

function parseJson(line: string): { ok?: unknown; stream?: unknown; error?: { message?: string } } | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
