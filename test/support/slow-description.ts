/**
 * Preloaded into a node (`NODE_OPTIONS=--import`): it says what it is only after `DESCRIPTION_MS` milliseconds, as on a busy
 * machine, so that a probe of it takes so long.
 */
import { setTimeout } from 'node:timers/promises';
import { adminRoutes } from '../../src/http/admin.ts';

const path = '/v0/node';
const answer = adminRoutes[path];
if (answer === undefined) throw new Error(`there is no ${path}`);
const slowly: typeof answer = async (...what) => {
  await setTimeout(Number(process.env['DESCRIPTION_MS']));
  return answer(...what);
};
Object.assign(adminRoutes, { [path]: slowly });
