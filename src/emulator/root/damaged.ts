/** The file system contradicts itself, uses something that isn't known here, or is too much to look through. */
export class Damaged extends Error {
  override readonly name = 'Damaged';
}
