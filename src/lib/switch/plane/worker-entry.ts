/** The worker thread of the switch: a file of its own, so that it can be started from sources, bundle and binary alike. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { runDataPlane } from './data-plane.ts';
import type { PlaneCommand, PlaneSetup } from './messages.ts';

const main = parentPort;
if (!main) throw new Error('this file is run as a worker thread of the switch');
runDataPlane(workerData as PlaneSetup, {
  nextCommand: () => receiveMessageOnPort(main)?.message as PlaneCommand | undefined,
  post: (report) => main.postMessage(report),
});
