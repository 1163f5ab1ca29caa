/**
 * The words that run a program as the user nobody (65534), without groups. Of root's powers it keeps the one to read
 * every file: our sources may lie in a directory that is closed to others.
 */
export function asNobody(...command: string[]): [string, ...string[]] {
  const reading = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...reading, ...command];
}
