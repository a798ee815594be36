/** Asks another node's client port for what the page shows of it. */
import { Buffer } from 'node:buffer';
import { get } from 'node:http';
import { get as getByTls } from 'node:https';

/** Milliseconds that a peer has for its answer: the page asks again every 2 s. */
const ANSWER_MS_MAX = 1500;
const ANSWER_BYTES_MAX = 1024 * 1024;

export interface AskAs {
  /** The field of whoever asks through this node: a peer lets in whom it would let in itself. */
  readonly authorization: string;
  /** Authorities that sign peers, as PEM; of nodes that speak TLS. */
  readonly ca: string | undefined;
}

/** The body of a node's answer. Rejects with why there is none. */
export function askPeer(url: string, path: string, { authorization, ca }: AskAs): Promise<string> {
  const send = url.startsWith('https:') ? getByTls : get;
  const shown = authorization === '' ? {} : { authorization };
  return new Promise((resolve, reject) => {
    const timeout = new Error(`no answer within ${ANSWER_MS_MAX / 1000} s`);
    const headers = { connection: 'close', ...shown };
    const request = send(new URL(path, url), { agent: false, headers, ...(ca !== undefined && { ca }) }, (answer) => {
      const pieces: Buffer[] = [];
      let bytes = 0;
      answer.on('data', (piece: Buffer) => {
        bytes += piece.length;
        pieces.push(piece);
        if (bytes > ANSWER_BYTES_MAX) request.destroy(new Error(`an answer of more than ${ANSWER_BYTES_MAX} bytes`));
      });
      answer.on('error', reject);
      answer.on('end', () => {
        const body = Buffer.concat(pieces).toString();
        if (answer.statusCode === 200) resolve(body);
        else reject(new Error(`it answers ${answer.statusCode}; is it of another version?`));
      });
    });
    request.on('error', reject);
    const timer = setTimeout(() => request.destroy(timeout), ANSWER_MS_MAX);
    request.on('close', () => clearTimeout(timer));
  });
}
