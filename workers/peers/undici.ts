/**
 * The parts of undici that nodes use, loaded one by one: its index loads fetch, WebSockets, caches and mocks, too, which takes
 * 0.06 s of CPU at each start of a node (`time node -e "require('undici')"` against these parts).
 */
import { createRequire } from 'node:module';
import type * as undici from 'undici';

const load = createRequire(import.meta.url);
// As undici's index does it.
const { prototype } = load('undici/lib/dispatcher/dispatcher.js') as typeof undici.Dispatcher;
Object.assign(prototype, load('undici/lib/api/index.js'));

export type Client = undici.Client;
export const Client = load('undici/lib/dispatcher/client.js') as typeof undici.Client;
export type Pool = undici.Pool;
export const Pool = load('undici/lib/dispatcher/pool.js') as typeof undici.Pool;
export const Agent = load('undici/lib/dispatcher/agent.js') as typeof undici.Agent;
export const buildConnector = load('undici/lib/core/connect.js') as typeof undici.buildConnector;
