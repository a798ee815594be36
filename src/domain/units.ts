/**
 * Units as types, so that a duration cannot be passed where a size is meant. Plain numbers on hot paths carry the unit
 * as the last word of their name instead (`latencyMs`, `keyBytes`).
 */
declare const unit: unique symbol;

type Branded<U extends string> = number & { readonly [unit]: U };

export type Milliseconds = Branded<'milliseconds'>;
export type Bytes = Branded<'bytes'>;

export const milliseconds = (value: number): Milliseconds => value as Milliseconds;
export const bytes = (value: number): Bytes => value as Bytes;

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
