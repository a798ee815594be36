/**
 * Where the main thread's range commands come in: scans by the number that the main thread gave them.
 */
import type { Buffer } from 'node:buffer';
import type { RangeCommand, WorkerMessage } from '../../src/protocol/workers.ts';
import type { ScanHandle } from './running-scan.ts';
import type { RangeScans } from './scans.ts';
import { wholePage } from './page.ts';

export type Send = (message: WorkerMessage, transfer?: ArrayBuffer[]) => void;

export class RangeDesk {
  readonly #ranges: RangeScans;
  readonly #send: Send;
  readonly #scans = new Map<number, ScanHandle>();

  constructor(ranges: RangeScans, send: Send) {
    this.#ranges = ranges;
    this.#send = send;
  }

  take(command: RangeCommand): void {
    switch (command.kind) {
      case 'range-start':
        return this.#start(command);
      case 'range-page':
        return this.#scans.get(command.id)?.giveBack(wholePage(command.page));
      case 'range-cancel':
        this.#scans.get(command.id)?.cancel();
        this.#scans.delete(command.id);
        return undefined;
      default:
        return command satisfies never;
    }
  }

  #start({ id, request, pages }: Extract<RangeCommand, { kind: 'range-start' }>): void {
    let isOver = false;
    const scan = this.#ranges.startForClient(request, pages, {
      onPage: (page: Buffer) => this.#send({ kind: 'range-page', id, page }, [page.buffer as ArrayBuffer]),
      onEnd: (end) => {
        isOver = true;
        this.#scans.delete(id);
        this.#send({ kind: 'range-end', id, end });
      },
    });
    if (!isOver) this.#scans.set(id, scan);
  }
}
