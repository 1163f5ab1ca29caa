// Starts worker-entry.ts when the program runs from its sources: tsx does not reach into worker threads by itself.
import { register } from 'tsx/esm/api';

register();
await import('./worker-entry.ts');
