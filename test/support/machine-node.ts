import { execFileSync } from 'node:child_process';

/** The Node of the machine, as a user's `npm install` would run the tools; npm scripts put the base Node before it. */
export function machineNode(): string {
  const path = (process.env.PATH ?? '').split(':').filter((directory) => !directory.includes('node_modules'));
  return execFileSync('/bin/sh', ['-c', 'command -v node'], {
    env: { PATH: path.join(':') },
    encoding: 'utf8',
  }).trim();
}
