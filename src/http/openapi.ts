/**
 * The client port as an OpenAPI 3.1 document, at `/v0/openapi.json`. Written by hand where it says what a request is for,
 * made from the tables of the code where these say it better: codes and statuses of errors (problem.ts).
 *
 * A status that stands here is one that `test/cluster/openapi.test.ts` has got from a real node, with the body that the
 * document says; an answer that the document does not have fails that test.
 */
import { version } from '../diagnostics/version.ts';
import { problems, type ProblemCode } from './problem.ts';

type Json = Readonly<Record<string, unknown>>;

const problemType = 'application/problem+json';
const jsonType = 'application/json';
const binary: Json = { type: 'string', format: 'binary' };

/** The document, ready to be written as JSON. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.1',
    info: {
      title: 'Kvorum',
      summary: 'A leaderless, quorum-replicated key-value store',
      description: 'Every node answers every request. The HTTP protocol in words is in docs/http.md of the package.',
      version,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    // A node without a file of tokens asks for none.
    security: [{}, { token: [] }],
    paths: {
      '/v0/entity': entityPath(),
      '/v0/entities': rangePath(),
      '/v0/inspect': inspectPath(),
      '/v0/backup': backupPath(),
      '/v0/restore': restorePath(),
      '/v0/status': adminPath('The node and its peers, store, clock and queues as it sees them', { 503: true }),
      '/v0/node': adminPath('Who this node is', {}),
      '/v0/openapi.json': adminPath('This document', {}),
      '/livez': adminPath('Whether the process lives', { type: 'text/plain' }),
      '/readyz': readyPath(),
      '/metrics': adminPath('Metrics in the text format of Prometheus', { type: 'text/plain' }),
      '/': adminPath('The page that shows the cluster', { type: 'text/html' }),
      '/v0/console': consolePath(),
      '/v0/repair': repairPath(),
      '/v0/digest': digestPath(),
      '/v0/profile': profilePath(),
      '/v0/profile/start': startPath(),
      '/v0/profile/stop': stopPath(),
    },
    components: {
      parameters: parameters(),
      responses: { Problem: problemAnswer('Any other refusal or failure') },
      schemas: { Problem: problemSchema() },
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description: 'Of a node with --tokens-file: scope read to read, write for PUT and DELETE, admin to record',
        },
        clusterProof: {
          type: 'http',
          scheme: 'kvorum-proof',
          description:
            'An HMAC with the cluster secret over the nonce of the WWW-Authenticate field, the topology, the method and the target',
        },
      },
    },
  };
}

function entityPath(): Json {
  const conditions = ['If-None-Match', 'If-Modified-Since', 'If-Match', 'If-Unmodified-Since'].map((name): Json => ({
    name,
    in: 'header',
    schema: { type: 'string' },
    description: 'RFC 9110 section 13',
  }));
  const read = {
    parameters: conditions,
    responses: answers(['bad-id', 'not-found', 'precondition-failed', 'overloaded', 'not-enough-replicas'], {
      200: {
        description: 'The newest value',
        headers: { ...versionFields, ...expiryField },
        content: content('application/octet-stream', binary),
      },
      304: { description: 'The client has this version already', headers: { ...versionFields, ...expiryField } },
    }),
  };
  const written: readonly ProblemCode[] = ['bad-id', 'condition-unknown', 'overloaded', 'not-enough-replicas'];
  return {
    parameters: ['id', 'ack', 'from', 'replicas', 'consistency'].map(reference),
    get: { operationId: 'getEntity', summary: 'Read the value of a key', ...read },
    head: { operationId: 'headEntity', summary: 'What GET answers, without the value', ...withoutContent(read) },
    put: {
      operationId: 'putEntity',
      summary: 'Write a value under a key',
      parameters: [reference('ttl')],
      requestBody: { description: 'Up to valueBytesMax bytes', content: content('application/octet-stream', binary) },
      responses: answers([...written, 'value-too-large', 'disk-full'], {
        201: { description: '`ack` replicas have stored it' },
      }),
    },
    delete: {
      operationId: 'deleteEntity',
      summary: 'Delete a key, whether or not it has a value',
      responses: answers(written, { 202: { description: '`ack` replicas have stored the deletion' } }),
    },
  };
}

function rangePath(): Json {
  const read = {
    responses: answers(['bad-parameter', 'not-acceptable', 'overloaded', 'not-enough-replicas'], {
      200: {
        description:
          'Records in the order of their keys, streamed. A range that breaks off has the trailer kvorum-error, or its connection is reset.',
        headers: {
          link: { description: 'The next request, where a limit cut the range off', schema: { type: 'string' } },
        },
        content: { ...content('application/octet-stream', binary), ...content('application/x-ndjson', binary) },
      },
    }),
  };
  return {
    parameters: ['start', 'end', 'limit', 'keys', 'cluster', 'tail'].map(reference),
    get: { operationId: 'getRange', summary: 'Read the records of a range of keys', ...read },
    head: { operationId: 'headRange', ...streamHead(['bad-parameter']) },
  };
}

/** HEAD of what is streamed. */
function streamHead(codes: readonly ProblemCode[]): Json {
  return {
    summary: 'What is known of the answer to GET before the records are read',
    ...withoutContent({ responses: answers(codes, { 200: { description: 'Records may follow to a GET' } }) }),
  };
}

function inspectPath(): Json {
  const found = {
    responses: answers(['bad-id'], {
      200: { description: 'For each replica what it holds, or why it does not say', content: jsonObject() },
    }),
  };
  return {
    parameters: ['id', 'from'].map(reference),
    get: { operationId: 'inspect', summary: 'What each replica of a key holds', ...found },
    head: { ...withoutContent(found), summary: 'What GET answers, without the body' },
    post: {
      operationId: 'repair',
      summary: 'Write the newest to replicas that lack it, then what GET answers',
      ...found,
    },
  };
}

function backupPath(): Json {
  const asked = {
    security: [{ clusterProof: [] }],
    parameters: [
      { name: 'start', in: 'query', schema: { type: 'string' }, description: 'The first key that may come' },
    ],
  };
  return {
    get: {
      operationId: 'backup',
      summary: 'The newest record of each key of the cluster as replicas hold it, tombstones too',
      ...asked,
      responses: answers(['bad-parameter', 'unauthorized', 'overloaded', 'not-enough-replicas'], {
        200: {
          description: 'Records in the order of their keys, streamed; ends as a range does',
          content: content('application/octet-stream', binary),
        },
      }),
    },
    head: { ...asked, ...streamHead(['bad-parameter', 'unauthorized']) },
  };
}

function restorePath(): Json {
  return {
    post: {
      operationId: 'restore',
      summary: 'Merge records of a backup, each with the version that it has',
      security: [{ clusterProof: [] }],
      requestBody: { description: 'Records as they come', content: content('application/octet-stream', binary) },
      responses: answers(['bad-request', 'unauthorized', 'value-too-large'], {
        200: { description: 'Most replicas of each hold it, or something newer', content: jsonObject() },
      }),
    },
  };
}

/** A path that tells something of the node. */
function adminPath(summary: string, { type = jsonType, 503: is503 = false }: { type?: string; 503?: boolean }): Json {
  const told = content(type, type === jsonType ? { type: 'object' } : { type: 'string' });
  const get = {
    summary,
    responses: answers([], {
      200: { description: summary, content: told },
      ...(is503 ? { 503: { description: 'The same, of a node that is not ready', content: told } } : {}),
    }),
  };
  return { get, head: { ...withoutContent(get), summary: `What GET answers, without the body` } };
}

function consolePath(): Json {
  const shown = 'What the page shows: a node’s status and its figures of the last 15 minutes';
  const { get, head } = adminPath(shown, {}) as { readonly get: Json; readonly head: Json };
  const asked = [
    { name: 'node', in: 'query', schema: { type: 'string' }, description: 'URL of a peer to ask instead' },
    { name: 'after', in: 'query', schema: { type: 'integer' }, description: 'Only figures of later than that `at`' },
  ];
  return { get: { ...get, parameters: asked }, head: { ...head, parameters: asked } };
}

function readyPath(): Json {
  const get = {
    summary: 'Whether the node serves',
    parameters: [{ name: 'verbose', in: 'query', schema: { type: 'string' }, description: 'Why, in lines of text' }],
    responses: answers(['recovering'], {
      200: { description: 'Ready', content: content('text/plain', { type: 'string' }) },
    }),
  };
  return { get, head: { ...withoutContent(get), summary: 'What GET answers, without the body' } };
}

function repairPath(): Json {
  return {
    post: {
      operationId: 'startRepair',
      summary: 'Have the node compare what it holds with each peer now, and pull what it lacks',
      security: [{ clusterProof: [] }, {}],
      responses: answers(['bad-parameter', 'unauthorized'], {
        202: {
          description: 'It begins; /v0/status shows how far it is',
          content: content(jsonType, { type: 'object' }),
        },
      }),
    },
  };
}

function digestPath(): Json {
  return {
    post: {
      operationId: 'digest',
      summary: 'A digest of all that the node holds, and of what it shares with each peer',
      security: [{ clusterProof: [] }, {}],
      responses: answers(['bad-parameter', 'unauthorized'], {
        200: { description: 'The digests', content: content(jsonType, { type: 'object' }) },
      }),
    },
  };
}

function profilePath(): Json {
  const get = {
    summary: 'What is recorded',
    security: [{ clusterProof: [] }, { token: [] }],
    responses: answers(['bad-parameter', 'unauthorized'], {
      200: { description: 'What is recorded', content: content(jsonType, { type: 'object' }) },
    }),
  };
  return {
    get: { operationId: 'getProfile', ...get },
    head: { ...withoutContent(get), summary: 'What GET answers, without the body' },
  };
}

function startPath(): Json {
  const number: Json = { type: 'integer', minimum: 1 };
  return {
    post: {
      operationId: 'startProfile',
      summary: 'Begin to record the threads of the node',
      security: [{ clusterProof: [] }, { token: [] }],
      parameters: [
        {
          name: 'kind',
          in: 'query',
          required: true,
          schema: { type: 'string' },
          description: 'cpu, heap, gc, promises or waits',
        },
        { name: 'interval', in: 'query', schema: number, description: 'Between two samples, in the unit of the kind' },
      ],
      responses: answers(['bad-parameter', 'unauthorized', 'profile-busy'], {
        200: { description: 'It has begun', content: content(jsonType, { type: 'object' }) },
      }),
    },
  };
}

function stopPath(): Json {
  return {
    post: {
      operationId: 'stopProfile',
      summary: 'End the recording and get it',
      security: [{ clusterProof: [] }, { token: [] }],
      responses: answers(['bad-parameter', 'unauthorized', 'profile-off'], {
        200: { description: 'The recordings of all threads', content: content(jsonType, {}) },
      }),
    },
  };
}

const versionFields: Json = {
  etag: { description: 'The version, microseconds since 1970, in quotes', schema: { type: 'string' } },
  'last-modified': { description: 'The time of the version, to the second', schema: { type: 'string' } },
};

const expiryField: Json = {
  'kvorum-expires': { description: 'When the value expires, milliseconds since 1970', schema: { type: 'integer' } },
};

function parameters(): Json {
  const key = 'a key of 1 to keyBytesMax bytes, percent-encoded';
  const one: Json = { type: 'string', enum: ['1'] };
  const count: Json = { type: 'integer', minimum: 1 };
  const inQuery = (name: string, description: string, schema: Json, required = false): Json => ({
    name,
    in: 'query',
    description,
    schema,
    ...(required ? { required } : {}),
  });
  return {
    id: inQuery('id', `The key: ${key}`, { type: 'string' }, true),
    ack: inQuery('ack', 'Replicas that must answer; a majority by default', count),
    from: inQuery('from', 'Replicas that hold the key', count),
    replicas: inQuery('replicas', '`ack`/`from` in one, such as 2/3', { type: 'string', pattern: '^\\d+/\\d+$' }),
    consistency: inQuery('consistency', 'strict: linearizable for the key', {
      type: 'string',
      enum: ['quorum', 'strict'],
    }),
    ttl: inQuery('ttl', 'The value is gone after so many milliseconds, up to ttlMsMax', count),
    start: inQuery('start', `The first key that may come, by default the first of all: ${key}`, { type: 'string' }),
    end: inQuery('end', `The first key that does not come: ${key}`, { type: 'string' }),
    limit: inQuery('limit', 'So many records at most', count),
    keys: inQuery('keys', 'Keys without values', one),
    cluster: inQuery('cluster', 'The newest record of each key of the cluster, not what this node holds', one),
    tail: inQuery('tail', 'NDJSON with a last line that says how the range ended, for clients without trailers', one),
  };
}

/** The answers of an operation: what it gives, what it refuses by a code of its own, and all that any request may get. */
function answers(codes: readonly ProblemCode[], good: Readonly<Record<number, Json>>): Json {
  const refused = codes.map((code): [number, Json] => {
    const { status, title } = problems[code];
    const all = Object.entries(problems).filter(([, problem]) => problem.status === status);
    return [status, problemAnswer(`${title} (${all.map(([name]) => name).join(', ')})`)];
  });
  return { ...good, ...Object.fromEntries(refused), default: { $ref: '#/components/responses/Problem' } };
}

function problemAnswer(description: string): Json {
  return { description, content: content(problemType, { $ref: '#/components/schemas/Problem' }) };
}

function problemSchema(): Json {
  return {
    type: 'object',
    description: 'RFC 9457. Match on `code`: it never changes its meaning.',
    required: ['type', 'title', 'status', 'code'],
    properties: {
      type: { type: 'string' },
      title: { type: 'string' },
      status: { type: 'integer' },
      code: { type: 'string', enum: Object.keys(problems) },
      detail: { type: 'string' },
      replicas: { type: 'array', description: 'Of 504 and 507: who failed, and why', items: { type: 'object' } },
    },
  };
}

function jsonObject(): Json {
  return content(jsonType, { type: 'object' });
}

function content(type: string, schema: Json): Json {
  return { [type]: { schema } };
}

function reference(name: string): Json {
  return { $ref: `#/components/parameters/${name}` };
}

/** An operation of HEAD: the answers of its GET, without their bodies. */
function withoutContent(operation: { readonly responses: Json }): Json {
  const responses = Object.entries(operation.responses).map(([status, answer]) => {
    const { content: _, ...rest } = answer as Json;
    return [status, '$ref' in rest ? { description: 'Any other refusal or failure' } : rest];
  });
  return { ...operation, responses: Object.fromEntries(responses) as Json };
}
