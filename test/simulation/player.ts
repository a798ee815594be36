/** A thread that plays the shares of seeds that it is given (shares.ts). */
import { parentPort } from 'node:worker_threads';
import { playShare, type Share } from './shares.ts';

parentPort?.on('message', (share: Share) => {
  void playShare(share).then((played) => parentPort?.postMessage(played));
});
