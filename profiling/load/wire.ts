/** How a workload's requests go over a connection and how answers are read: Kvorum's HTTP, or what a peer speaks. */
import { Buffer } from 'node:buffer';
import type { LoadConnection, ParserFor } from './connection.ts';
import { keyName, keyWidth } from './keys.ts';
import { waitMsMax } from './peer.ts';
import { sender, valueDrawer, valueOf, type LoadRequest } from './requests.ts';
import { command, RespParser } from './resp.ts';
import { ResponseParser, type AnswerEnd } from './response-parser.ts';
import type { Workload } from './result.ts';

export type WireWorkload = Pick<
  Workload,
  'targets' | 'keys' | 'ack' | 'from' | 'valueBytes' | 'valueSizes' | 'seed' | 'protocol'
>;

export interface Wire {
  readonly parserFor: ParserFor;
  readonly send: (connection: LoadConnection, request: LoadRequest) => void;
}

export function wireOf(workload: WireWorkload): Wire {
  const { protocol } = workload;
  switch (protocol?.kind) {
    case undefined:
      return { parserFor: () => new ResponseParser(), send: sender(workload) };
    case 'etcd':
      return { parserFor: (connection) => new EtcdParser(connection), send: etcdSender(workload) };
    case 'redis': {
      const { waitReplicas } = protocol;
      return {
        parserFor: (connection) => new RespParser(connection, waitReplicas),
        send: redisSender(workload, waitReplicas),
      };
    }
    default:
      return protocol satisfies never;
  }
}

/** The gateway answers a put with 200, which is Kvorum's 201. What a range did not find it does not tell in the status. */
class EtcdParser extends ResponseParser {
  readonly #connection: Pick<LoadConnection, 'isRead'>;

  constructor(connection: Pick<LoadConnection, 'isRead'>) {
    super();
    this.#connection = connection;
  }

  override take(bytes: Buffer, length: number): AnswerEnd | undefined {
    const answer = super.take(bytes, length);
    return answer?.status === 200 && !this.#connection.isRead ? { ...answer, status: 201 } : answer;
  }
}

/** Reads are linearizable, as by default. */
function etcdSender(workload: WireWorkload): Wire['send'] {
  const { targets, keys, seed } = workload;
  const width = keyWidth(keys);
  const hosts = targets.map((url) => `host: ${new URL(url).host}\r\ncontent-type: application/json\r\n`);
  const base64 = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
  const drawValue = valueDrawer(workload, (bytes) => base64(valueOf(bytes, seed)));
  return (connection, { method, key }) => {
    const named = `{"key":"${base64(keyName(key, width))}"`;
    const [path, body] = method === 'put' ? ['put', `${named},"value":"${drawValue()}"}`] : ['range', `${named}}`];
    const head = `POST /v3/kv/${path} HTTP/1.1\r\n${hosts[connection.target]}content-length: ${body.length}\r\n\r\n`;
    connection.send(head + body);
  };
}

function redisSender(workload: WireWorkload, waitReplicas: number): Wire['send'] {
  const { keys, seed } = workload;
  const width = keyWidth(keys);
  const drawValue = valueDrawer(workload, (bytes) => valueOf(bytes, seed));
  const wait = waitReplicas === 0 ? '' : command('WAIT', String(waitReplicas), String(waitMsMax));
  return (connection, { method, key }) => {
    const name = keyName(key, width);
    connection.send(method === 'put' ? command('SET', name, drawValue()) + wait : command('GET', name));
  };
}
