import yargs from 'yargs';

/** What the words after `uml cow` ask for. */
export type AnyRequest =
  | { what: 'help'; text: string }
  | { what: 'wrong'; text: string }
  | { what: 'info' | 'map'; image: string; json: boolean }
  | { what: 'check'; cow: string; json: boolean; repair: boolean }
  | { what: 'diff'; first: string; second: string; json: boolean }
  | { what: 'create'; cow: string; backing: string; size: number | undefined; force: boolean }
  | { what: 'convert'; image: string; output: string; backing: string | undefined; force: boolean }
  | { what: 'compact'; cow: string }
  | {
      what: 'rebase';
      cow: string;
      backing: string | undefined;
      move: boolean;
      touch: boolean;
      force: boolean;
    };

/** The request for one subcommand. */
export type Request<W extends AnyRequest['what']> = Extract<AnyRequest, { what: W }>;

const json = { json: { type: 'boolean', default: false, describe: 'print JSON' } } as const;
const force = (describe: string) => ({ force: { type: 'boolean', default: false, alias: 'f', describe } }) as const;
const file = (describe: string) => ({ type: 'string', demandOption: true, describe }) as const;

/** Understands the words after `uml cow`. */
export async function parseRequest(words: readonly string[]): Promise<AnyRequest> {
  let request: AnyRequest | undefined;
  let failure: string | undefined;
  let help = '';
  const ask = (asked: AnyRequest) => {
    request = asked;
  };
  const parser = yargs()
    .scriptName('uml cow')
    .locale('en')
    .version(false)
    .wrap(100)
    .exitProcess(false)
    .strict()
    .demandCommand(1, 'A subcommand is needed.')
    .parserConfiguration({ 'duplicate-arguments-array': false, 'boolean-negation': false })
    .usage('$0 SUBCOMMAND\n\nLooks into COW files and changes them.')
    .epilogue('Status: 0 done; 1 failed; 2 wrong words; 3 a difference or a problem was found; 4 a file is in use.')
    .command(
      'info <image>',
      'what an image is, and the files below it',
      (y) => y.positional('image', file('a COW file or a plain image')).options(json),
      ({ image, json }) => ask({ what: 'info', image, json }),
    )
    .command(
      'map <cow>',
      'which file each range of the image comes from: OFFSET LENGTH FILE OFFSET, in bytes',
      (y) => y.positional('cow', file('a COW file')).options(json),
      ({ cow, json }) => ask({ what: 'map', image: cow, json }),
    )
    .command(
      'check <cow>',
      'look for damage',
      (y) =>
        y
          .positional('cow', file('a COW file'))
          .options({ ...json, repair: { type: 'boolean', default: false, describe: 'mend what can be mended' } }),
      ({ cow, json, repair }) => ask({ what: 'check', cow, json, repair }),
    )
    .command(
      'diff <first> <second>',
      'where two images differ: OFFSET LENGTH, in bytes',
      (y) => y.positional('first', file('an image, COW or plain')).positional('second', file('another')).options(json),
      ({ first, second, json }) => ask({ what: 'diff', first, second, json }),
    )
    .command(
      'create <cow> <backing>',
      'make an empty COW file',
      (y) =>
        y
          .positional('cow', file('the COW file to make'))
          .positional('backing', file('the backing file'))
          .options({
            size: { type: 'string', describe: 'make the backing file too, sparse: bytes, or with K, M, G, T' },
            ...force('empty an existing COW file'),
          }),
      ({ cow, backing, size, force }) => {
        const bytes = size === undefined ? undefined : parseSize(size);
        if (size !== undefined && bytes === undefined) failure = `'${size}' is no size: 512, 64K, 10M, 8G.`;
        ask({ what: 'create', cow, backing, size: bytes, force });
      },
    )
    .command(
      'convert <image> <output>',
      'a COW file to a plain image; with -b any image to a COW file',
      (y) =>
        y
          .positional('image', file('what to convert'))
          .positional('output', file('the file to make'))
          .options({
            backing: { type: 'string', alias: 'b', describe: 'make a COW file over this' },
            ...force('replace an existing file'),
          }),
      ({ image, output, backing, force }) => ask({ what: 'convert', image, output, backing, force }),
    )
    .command(
      'compact <cow>',
      'write a COW file anew, with only what it needs to hold',
      (y) => y.positional('cow', file('a COW file')),
      ({ cow }) => ask({ what: 'compact', cow }),
    )
    .command(
      'rebase <cow> [backing]',
      'give a COW file another backing file',
      (y) =>
        y
          .positional('cow', file('a COW file'))
          .positional('backing', { type: 'string', describe: 'its backing file from now on' })
          .options({
            move: { type: 'boolean', default: false, describe: 'move the backing file to this name' },
            touch: {
              type: 'boolean',
              default: false,
              describe: 'give the backing file the time that the COW file has',
            },
            ...force('take the file though nothing shows that it is the right one'),
          }),
      ({ cow, backing, move, touch, force }) => {
        if (touch ? backing !== undefined || move || force : backing === undefined || (move && force)) {
          failure = 'rebase wants a backing file, with --move or --force or neither, or --touch alone.';
        }
        ask({ what: 'rebase', cow, backing, move, touch, force });
      },
    );
  await parser.parseAsync([...words], {}, (error, _argv, output) => {
    if (error) failure = error.message;
    help = output;
  });
  if (failure !== undefined) return { what: 'wrong', text: failure };
  return request ?? { what: 'help', text: help };
}

const SCALES = { K: 1, M: 2, G: 3, T: 4 } as const;

/** Bytes of `512`, `64K`, `10M`, `8G`, `1T`. */
function parseSize(text: string): number | undefined {
  const match = /^(\d{1,12})([KMGT]?)$/i.exec(text);
  if (!match) return undefined;
  const bytes = Number(match[1]) * 1024 ** (SCALES[match[2]?.toUpperCase() as keyof typeof SCALES] ?? 0);
  return bytes <= 2 ** 52 ? bytes : undefined;
}
