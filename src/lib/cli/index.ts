/** What the commands' arguments have in common. */
export { complaintLine, type Grammar, getopt, type Word, type Words } from './getopt.ts';
export { integer } from './number.ts';
export { table } from './table.ts';
export { illegible } from './text.ts';
