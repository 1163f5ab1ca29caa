import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OPTIONS } from '../../../../src/commands/switch/settings.ts';
import { COMMANDS, completions, runLine, withAbsoluteFiles } from '../../../../src/lib/switch/index.ts';
import { root } from '../../../support/run.ts';
import { remembering } from './managed.ts';

async function run(line: string): Promise<{ outcome: Awaited<ReturnType<typeof runLine>>; calls: string[] }> {
  const { managed, calls } = remembering();
  return { outcome: await runLine(line, managed), calls };
}

function doneOf(outcome: Awaited<ReturnType<typeof runLine>>): { json: unknown; lines: readonly string[] } {
  if (typeof outcome !== 'object' || !('answer' in outcome) || outcome.answer !== 'done') {
    throw new Error(`not done: ${JSON.stringify(outcome)}`);
  }
  return outcome;
}

/** The forms of the commands in the JSON of help. */
const formsOf = (json: unknown): string[] =>
  (json as { commands: { form: string }[] }).commands.map(({ form }) => form);

describe('a command does what it says', () => {
  test.each([
    ['port name 5 "web server"', 'rename [5,"web server"]'],
    ['port up tap0', 'change [{"set":"state","port":6,"state":"up"}]'],
    ['port down 5', 'change [{"set":"state","port":5,"state":"down"}]'],
    ['port detach 12', 'detach [12]'],
    ['port vlan 5 access 20', 'change [{"set":"vlan","port":5,"vlan":{"mode":"access","vlan":20}}]'],
    ['port vlan 5 trunk all', 'change [{"set":"vlan","port":5,"vlan":{"mode":"trunk","vlans":"all"}}]'],
    [
      'port vlan 5 trunk 3,1-2,2 native 3',
      'change [{"set":"vlan","port":5,"vlan":{"mode":"trunk","vlans":[1,2,3],"native":3}}]',
    ],
    ['port vlan 5 transparent', 'change [{"set":"vlan","port":5,"vlan":{"mode":"transparent"}}]'],
    ['port attach tap tap1', 'attach [{"kind":"tap","device":"tap1"}]'],
    ['port attach bess /run/x', 'attach [{"kind":"bess","path":"/run/x"}]'],
    [
      'port attach vxlan 42,10.0.0.2',
      'attach [{"kind":"vxlan","vni":42,"local":{"address":"0.0.0.0","port":4789},"remote":{"address":"10.0.0.2","port":4789}}]',
    ],
    [
      'port attach mcast 239.1.2.3:1102,if=eth0,ttl=0',
      'attach [{"kind":"mcast","group":{"address":"239.1.2.3","port":1102},"ttl":0,"interface":"eth0"}]',
    ],
    ['mac list', 'addresses [{}]'],
    ['mac list vlan 10 port 12', 'addresses [{"port":12,"vlan":10}]'],
    ['mac find AA-BB-cc-00-11-22', 'addresses [{"address":"aa:bb:cc:00:11:22"}]'],
    ['mac flush', 'forget [{}]'],
    ['mac flush port 5', 'forget [{"port":5}]'],
    ['mac flush 02:00:00:00:00:01 vlan 3', 'forget [{"address":"02:00:00:00:00:01","vlan":3}]'],
    ['mac ageing 0', 'change [{"set":"ageing","seconds":0}]'],
    ['kind hub', 'change [{"set":"kind","kind":"hub"}]'],
    ['kind switch', 'change [{"set":"kind","kind":"switch"}]'],
    ['mirror all to 12', 'change [{"set":"mirror","mirror":{"from":"all","to":12}}]'],
    ['mirror 5,tap0 to 12', 'change [{"set":"mirror","mirror":{"from":[5,6],"to":12}}]'],
    ['mirror off', 'change [{"set":"mirror"}]'],
    ['capture start /dev/null port 5', 'capture [5,"/dev/null"]'],
    ['stop', 'stop []'],
  ])('%s', async (line, call) => {
    const { outcome, calls } = await run(line);
    expect(outcome).toMatchObject({ answer: 'done' });
    expect(calls).toEqual([call]);
  });
});

describe('what it tells', () => {
  test.each([
    [
      'port list',
      [
        'PORT  KIND    STATE        VLAN                      RECEIVED  SENT  NAME',
        '   5  client  up           transparent                     10     7',
        '   6  tap     down, stuck  access 10                       10     7  tap0',
        '  12  udp     up           trunk 1,10-12,30 native 1        10     7  twin',
        '  13  bess    up           transparent                     10     7  twin',
      ].map((line) => line.replace('native 1        10', 'native 1        10')),
    ],
    [
      'port counters tap0',
      ['PORT  RECEIVED  BYTES  DROPPED  SENT  BYTES  LOST', '   6        10    600        1     7   4242     2'],
    ],
    [
      'mac list',
      [
        'ADDRESS            VLAN  PORT  AGE',
        '02:00:00:00:00:02  -        5    0',
        '02:00:00:00:00:09  10      12    3',
      ],
    ],
    ['mac flush', ['2 addresses forgotten']],
    ['mac ageing', ['100 seconds']],
    ['mirror', ['ports 5,6 to port 12']],
    ['kind', ['switch']],
    ['port attach tap x', ['port 14']],
    ['capture list', []],
  ])('%s', async (line, lines) => {
    const { outcome } = await run(line);
    const text = doneOf(outcome).lines.map((each) => each.replace(/ {2,}/g, '  '));
    expect(text).toEqual(lines.map((each) => each.replace(/ {2,}/g, '  ')));
  });

  test('columns stand under each other', async () => {
    const { outcome } = await run('port list');
    const { lines } = doneOf(outcome);
    const at = lines[0]?.indexOf('VLAN') ?? 0;
    expect(lines.slice(1).map((line) => line.slice(at).split(' ')[0])).toEqual([
      'transparent',
      'access',
      'trunk',
      'transparent',
    ]);
  });
});

describe('what is refused, in one line that names it', () => {
  test.each([
    ['frobnicate', "there is no command 'frobnicate'; help lists them"],
    ['port', "'port' is no command: see help port"],
    ['port show', "'port show' is no command: it is port show PORT"],
    ['port show 5 6', "'port show 5 6' is no command: it is port show PORT"],
    ['port show 7', "there is no port '7'"],
    ['port show nobody', "there is no port 'nobody'"],
    ['port show twin', "'twin' is the name of several ports: 12, 13"],
    ['port show ""', "there is no port ''"],
    ['port vlan 5 access 4095', "'4095' is no VLAN: 1 to 4094"],
    ['port vlan 5 trunk 9-3', "'9-3' is no range of VLANs"],
    ['port vlan 5 trunk 1,', "'' is no VLAN: 1 to 4094"],
    ['mac find 02:00', "'02:00' is no Ethernet address: aa:bb:cc:dd:ee:ff"],
    ['mac ageing soon', "'soon' is no number of seconds"],
    ['port attach udp localhost:1', "'localhost:1' is not udp LOCAL,REMOTE"],
    ['port attach mcast 239.0.0.1:1,ttl=256', "'239.0.0.1:1,ttl=256' is not mcast GROUP:PORT[,ttl=N][,if=NAME]"],
    ['port attach vxlan 16777216,10.0.0.1', "'16777216,10.0.0.1' is not vxlan VNI,REMOTE[,LOCAL]"],
    ['capture start /nowhere/x', '/nowhere/x: No such file or directory'],
    ['capture stop /tmp/none', "no capture to '/tmp/none' runs"],
    ['help frobnicate', "there is no command 'frobnicate'; help lists them"],
    ['port name 5 "a\x07b"', "'a?b' is no name: at most 64 characters that can be printed"],
  ])('%s', async (line, message) => {
    const { outcome, calls } = await run(line);
    expect(outcome).toMatchObject({ answer: 'refused', message });
    expect(calls.filter((call) => !call.startsWith('stopCaptures'))).toEqual([]);
  });

  test('a kind that can not be attached: the message lists those that can', async () => {
    const { outcome } = await run('port attach fd 3');
    expect(outcome).toMatchObject({
      answer: 'refused',
      message: expect.stringMatching(/^'fd' can't be attached: .*tap DEVICE/),
    });
  });

  test('an empty line is no command and has no answer', async () => {
    expect((await run('   ')).outcome).toBeUndefined();
  });
});

describe('one table', () => {
  const forms = COMMANDS.map(({ pattern }) => pattern.form);

  test('help lists every command, and help on one word its own', async () => {
    const all = doneOf((await run('help')).outcome);
    expect(formsOf(all.json)).toEqual(forms);
    for (const form of forms) expect(all.lines.some((line) => line.startsWith(`  ${form} `))).toBe(true);
    const some = doneOf((await run('help mirror')).outcome);
    expect(formsOf(some.json)).toEqual(['mirror', 'mirror PORTS to PORT', 'mirror off']);
  });

  test('docs/switch.md and the manual page list the same commands, with the same words', () => {
    const [, documented = ''] =
      /^## Commands\n(.*?)^What stands/ms.exec(readFileSync(join(root, 'docs/switch.md'), 'utf8')) ?? [];
    for (const { pattern, summary } of COMMANDS) {
      expect(documented).toContain(`| \`${pattern.form.replaceAll('|', '\\|')}\` | ${summary} |`);
    }
    expect(documented.match(/^\| `/gm)?.length).toBe(COMMANDS.length);
    expect(
      manual('uml-switchctl')
        .match(/^\.TP\n\.B (?!-).*$/gm)
        ?.map((entry) => entry.slice(7)),
    ).toEqual(forms);
  });

  test('docs/switch.md and the manual page list the same options as --help', () => {
    const documented = readFileSync(join(root, 'docs/switch.md'), 'utf8');
    const page = manual('uml_switch');
    for (const [name, { form }] of Object.entries(OPTIONS)) {
      expect(documented).toContain(`| \`--${name} ${form.replaceAll('|', '\\|')}\` |`);
      expect(page).toContain(`.B --${name} ${form}\n`);
    }
    expect(page.match(/^\.B --[a-z-]+ /gm)?.length).toBe(Object.keys(OPTIONS).length);
  });
});

function manual(name: string): string {
  return readFileSync(join(root, `man/${name}.1`), 'utf8').replaceAll('\\-', '-');
}

describe('for the one who types', () => {
  test('words are completed from the table', () => {
    expect(completions([])).toEqual(expect.arrayContaining(['port', 'mac', 'kind', 'mirror', 'capture', 'help']));
    expect(completions(['kind'])).toEqual(['switch', 'hub']);
    expect(completions(['port', 'vlan', '5'])).toEqual(['access', 'trunk', 'transparent']);
    expect(completions(['nothing'])).toEqual([]);
  });

  test('files are named from / for the switch, and nothing else is', () => {
    expect(withAbsoluteFiles(['capture', 'start', 'x', 'port', '5'], '/here')).toEqual([
      'capture',
      'start',
      '/here/x',
      'port',
      '5',
    ]);
    expect(withAbsoluteFiles(['capture', 'stop', '../y'], '/here')).toEqual(['capture', 'stop', '/y']);
    expect(withAbsoluteFiles(['port', 'attach', 'bess', 's'], '/here')).toEqual(['port', 'attach', 'bess', '/here/s']);
    expect(withAbsoluteFiles(['port', 'attach', 'tap', 's'], '/here')).toEqual(['port', 'attach', 'tap', 's']);
    expect(withAbsoluteFiles(['port', 'name', '5', 'x'], '/here')).toEqual(['port', 'name', '5', 'x']);
    expect(withAbsoluteFiles(['no', 'command'], '/here')).toEqual(['no', 'command']);
  });
});
