/**
 * The first of some words that is not what it was: Node puts U+FFFD for bytes that are no UTF-8, so that another file, device
 * or command would be meant. (A word that had that character from the start can't be told from it.)
 */
export function illegible(words: readonly string[]): string | undefined {
  return words.find((word) => word.includes('\ufffd'));
}
