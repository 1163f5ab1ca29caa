/** What a console or serial line is attached to on the host (spec 14.1). */
export { type Channel, type ChannelContext, openChannel } from './channel.ts';
export { ChannelError, type ChannelProblem } from './error.ts';
export { type ChannelPair, type ChannelSpec, parseChannelPair, setupProblems } from './spec.ts';
export { restoreTerminals } from './terminal.ts';
