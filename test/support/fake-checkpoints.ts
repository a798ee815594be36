/** LMDB as far as checkpoints know it: the newest version by key, and the last segment that is in it. */
import type { Buffer } from 'node:buffer';
import { readVersion } from '../../src/formats/record.ts';
import { NewestRecords, type SegmentPlace } from '../../workers/store/newest-records.ts';
import type { WriterEnd } from '../../workers/store/writer.ts';
import type { CheckpointJob } from '../../workers/store/writer-protocol.ts';
import type { FakeLogFiles } from './fake-log-files.ts';

/** Key and record of an entry, as views. */
export function partsOf({ bytes, keyStart, keyEnd, end }: SegmentPlace): {
  readonly key: Buffer;
  readonly record: Buffer;
} {
  return { key: bytes.subarray(keyStart, keyEnd), record: bytes.subarray(keyEnd, end) };
}

export interface RunningCheckpoints {
  checkpoint(segment: CheckpointJob): Promise<WriterEnd>;
  hurry(): void;
  /** The process is gone: what is under way never ends. */
  end(): void;
}

export class FakeCheckpoints {
  readonly stored = new Map<string, number>();
  checkpointed = 0;

  take(newest: NewestRecords, sequence: number): void {
    for (let number = 0; number < newest.size; number++) {
      const { key, record } = partsOf(newest.at(number));
      const text = key.toString('latin1');
      this.stored.set(text, Math.max(this.stored.get(text) ?? 0, readVersion(record, 0)));
    }
    this.checkpointed = Math.max(this.checkpointed, sequence);
  }

  /** Checkpoints out of these files; `isFull`: there is no room. */
  over(files: FakeLogFiles, isFull: boolean): RunningCheckpoints {
    let isOver = false;
    return {
      checkpoint: async ({ name, sequence, offsets }) => {
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (isOver) return new Promise<never>(() => {});
        if (isFull) return { kind: 'full', id: 0 };
        const bytes = files.read(name);
        const newest = new NewestRecords();
        newest.addNewest(bytes, offsets.newest);
        this.take(newest, sequence);
        return { kind: 'done', id: 0, records: newest.size, seconds: 0 };
      },
      hurry: () => {},
      end: () => void (isOver = true),
    };
  }
}
