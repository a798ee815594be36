/**
 * `/v0/entities`: a range of records as a stream, one chunk a record.
 *
 * The head waits for the first page, so that a cluster scan that cannot be complete is refused with a status. With a
 * limit it waits for the end, for `HELD_PAGES_MAX` pages at most, so that `link` can name what follows. If the end is not
 * known by then, `link` is a trailer. A range that breaks off after the head says why in the trailer `kvorum-error` and
 * closes the connection; within a record, or in HTTP/1.0, the connection is reset. So no client takes a part for the whole.
 *
 * `fetch` shows no trailers, and proxies drop them: with `tail=1` a last line says the same, and without it a range is not whole.
 */
import { Buffer } from 'node:buffer';
import type { RangeDispatcher, RangeHandle } from '../dispatch/range-dispatcher.ts';
import { pagesInFlight, type RangeEnd } from '../domain/range.ts';
import type { RangeFormatName } from '../formats/range-format.ts';
import { trimBlanks } from './blanks.ts';
import type { Request } from './request.ts';
import { retryAfter } from './outcome.ts';
import { otherMethod } from './methods.ts';
import { problemResponse, type ProblemCode } from './problem.ts';
import { nextTarget, parseRangeQuery, type RangeQuery } from './range-query.ts';
import type { BodySink, Reply, Response } from './reply.ts';

export interface RangeLimits {
  readonly keyBytesMax: number;
  readonly rangeMsMax: number;
}

/** Pages for which a limited range is held back, 512 KiB; past it a trailer says whether more follows. */
const HELD_PAGES_MAX = 8;
const rangeMethods = ['GET', 'HEAD'];
const ndjson = 'application/x-ndjson';
const tailRefused = problemResponse('bad-parameter', `Parameter "tail" is for NDJSON; say accept: ${ndjson}`);
const binary = 'application/octet-stream';
const contentTypes: Readonly<Record<RangeFormatName, string>> = { lines: binary, json: ndjson, records: binary };

export class RangeHandler {
  readonly #dispatcher: RangeDispatcher;
  readonly #limits: RangeLimits;

  constructor(dispatcher: RangeDispatcher, limits: RangeLimits) {
    this.#dispatcher = dispatcher;
    this.#limits = limits;
  }

  /** Handles a request whose path is `/v0/entities`. */
  handle({ head, reply }: Request, query: string): void {
    if (!rangeMethods.includes(head.method)) return reply.send(otherMethod(rangeMethods, head.method));
    const parsed = parseRangeQuery(query, this.#limits.keyBytesMax);
    if ('problem' in parsed) return reply.send(problemResponse(parsed.problem, parsed.detail));
    const format = acceptsJsonLines(head.accept) ? 'json' : 'lines';
    if (parsed.tail && format !== 'json') return reply.send(tailRefused);
    return this.stream({ head, reply }, parsed, format);
  }

  /** Answers with a range in a format, or with why it cannot. */
  stream({ head, reply }: Pick<Request, 'head' | 'reply'>, parsed: RangeQuery, format: RangeFormatName): void {
    if (parsed.end !== undefined && parsed.end.compare(parsed.start) <= 0) {
      return reply.send(emptyResponse(format, parsed.tail));
    }
    if (head.method === 'HEAD') return reply.send(headResponse(format));
    const answer = new RangeAnswer(reply, parsed, { format, rangeMsMax: this.#limits.rangeMsMax });
    const isStarted = answer.start(this.#dispatcher, !head.isHttp10);
    if (isStarted) return undefined;
    return reply.send(problemResponse('overloaded', 'Too many ranges are being read; nothing was done', retryAfter));
  }
}

interface AnswerOptions {
  readonly format: RangeFormatName;
  readonly rangeMsMax: number;
}

/** One answer on its way. */
class RangeAnswer {
  readonly #reply: Reply;
  readonly #query: RangeQuery;
  readonly #options: AnswerOptions;
  readonly #held: Buffer[] = [];
  #range: RangeHandle | undefined;
  #sink: BodySink | undefined;
  #end: RangeEnd | undefined;
  #isSent = false;
  #isLinkInHead = false;

  constructor(reply: Reply, query: RangeQuery, options: AnswerOptions) {
    this.#reply = reply;
    this.#query = query;
    this.#options = options;
  }

  /** Begins the range; false if there are too many. */
  start(dispatcher: RangeDispatcher, chunked: boolean): boolean {
    const pages = this.#query.limit === undefined ? pagesInFlight : HELD_PAGES_MAX;
    const request = { ...this.#query, format: this.#options.format, chunked };
    this.#range = dispatcher.start(request, pages, {
      onPage: (bytes) => this.#onPage(bytes),
      onEnd: (end) => this.#onEnd(end),
    });
    this.#reply.onGone = () => this.#range?.cancel();
    return this.#range !== undefined;
  }

  #onPage(bytes: Buffer): void {
    if (this.#sink !== undefined) return this.#write(this.#sink, bytes);
    this.#held.push(bytes);
    if (this.#query.limit === undefined || this.#held.length === HELD_PAGES_MAX) this.#send();
    return undefined;
  }

  #onEnd(end: RangeEnd): void {
    this.#end = end;
    if (this.#sink !== undefined) return this.#finish(this.#sink, end);
    if (this.#held.length > 0) return this.#send();
    return this.#reply.send(end.kind === 'complete' ? this.#emptyAnswer() : this.#refusal(end));
  }

  /** Sends the head; the pages that are held follow when it has left. */
  #send(): void {
    if (this.#isSent) return;
    this.#isSent = true;
    const open = (sink: BodySink): void => this.#open(sink);
    this.#reply.send({ status: 200, fields: this.#fields(), body: undefined, open });
  }

  #fields(): string {
    const type = `content-type: ${contentTypes[this.#options.format]}\r\n`;
    const end = this.#end;
    this.#isLinkInHead = end?.kind === 'complete';
    if (end?.kind === 'complete') return type + this.#link(end);
    if (this.#reply.isHttp10) return type;
    return `${type}trailer: kvorum-error${this.#query.limit === undefined ? '' : ', link'}\r\n`;
  }

  #link(end: RangeEnd): string {
    if (end.kind !== 'complete' || end.next === undefined) return '';
    return `link: <${nextTarget(this.#query, end.next)}>; rel="next"\r\n`;
  }

  #open(sink: BodySink): void {
    this.#sink = sink;
    for (const bytes of this.#held.splice(0)) this.#write(sink, bytes);
    if (this.#end !== undefined) this.#finish(sink, this.#end);
  }

  #write(sink: BodySink, bytes: Buffer): void {
    sink.write(bytes, () => this.#range?.giveBack(Buffer.from(bytes.buffer as ArrayBuffer)));
  }

  #finish(sink: BodySink, end: RangeEnd): void {
    if (end.kind === 'complete') {
      this.#writeTail(sink, completeTail(end.next));
      return sink.end(this.#isLinkInHead ? '' : this.#link(end));
    }
    if (this.#reply.isHttp10 || (end.kind === 'failed' && end.isMidRecord)) return sink.breakOff();
    this.#reply.keepAlive = false;
    const { code, detail } = this.#problemOf(end);
    this.#writeTail(sink, `${JSON.stringify({ end: code, detail })}\n`);
    return sink.end(`kvorum-error: ${code}; ${visible(detail)}\r\n`);
  }

  #writeTail(sink: BodySink, line: string): void {
    if (!this.#query.tail) return;
    const size = Buffer.byteLength(line).toString(16);
    sink.write(Buffer.from(this.#reply.isHttp10 ? line : `${size}\r\n${line}\r\n`), () => {});
  }

  #emptyAnswer(): Response {
    return emptyResponse(this.#options.format, this.#query.tail);
  }

  /** A failure before the first record is answered with a status. */
  #refusal(end: Exclude<RangeEnd, { kind: 'complete' }>): Response {
    const { code, detail } = this.#problemOf(end);
    return problemResponse(code, detail);
  }

  #problemOf(end: Exclude<RangeEnd, { kind: 'complete' }>): { code: ProblemCode; detail: string } {
    switch (end.kind) {
      case 'not-enough-replicas':
        return { code: 'not-enough-replicas', detail: end.detail };
      case 'unwritable':
        return { code: 'not-acceptable', detail: end.detail };
      case 'expired':
        return { code: 'range-timeout', detail: `The range was not read within ${this.#options.rangeMsMax} ms` };
      case 'failed':
        return { code: 'failed', detail: end.detail };
      default:
        return end satisfies never;
    }
  }
}

function emptyResponse(format: RangeFormatName, hasTail: boolean): Response {
  const body = hasTail ? Buffer.from(completeTail(undefined)) : undefined;
  return { status: 200, fields: `content-type: ${contentTypes[format]}\r\n`, body };
}

/** The last line of a whole range; `next` is the first key that the limit cut off. */
function completeTail(next: Uint8Array | undefined): string {
  const more = next === undefined ? {} : { next: Buffer.from(next).toString() };
  return `${JSON.stringify({ end: 'complete', ...more })}\n`;
}

/** What is known of a range before it is read. */
function headResponse(format: RangeFormatName): Response {
  return { ...emptyResponse(format, false), open: () => {} };
}

/** Whether the client accepts JSON lines by name. */
function acceptsJsonLines(accept: string): boolean {
  return accept.split(',').some((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => trimBlanks(part).toLowerCase());
    return type === ndjson && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

/** A field value holds visible characters and spaces. */
function visible(text: string): string {
  return text.replace(/[^ -~]/g, '?');
}
