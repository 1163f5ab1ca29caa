/**
 * What yargs' help lays its columns out with. The real string-width takes 20 ms to load (Intl.Segmenter and large
 * regular expressions), so the bundle puts this in its place (scripts/build/bundle.ts): plain text is counted here, and
 * the real module is first loaded for a string that needs it.
 */
export default function stringWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  return (require('string-width') as { default: (text: string) => number }).default(text);
}
