/**
 * Where clinic is. It is a development dependency and an optional peer, pinned, since what is known of it here (see
 * run-clinic.ts) is known of this version: it is no longer developed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const clinicVersion = '13.0.0';
export const clinicInstall = `npm install --save-dev clinic@${clinicVersion}`;

export interface ClinicInstallation {
  /** The script that `node` runs. */
  readonly program: string;
  readonly version: string;
}

/** The clinic that belongs to this package, or else to the directory that the command was called in. */
export function findClinic(places: readonly string[] = defaultPlaces()): ClinicInstallation | undefined {
  for (const place of places) {
    const manifest = resolveFrom(place, 'clinic/package.json');
    if (manifest === undefined) continue;
    const program = join(dirname(manifest), 'bin.js');
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    if (existsSync(program)) return { program, version };
  }
  return undefined;
}

function defaultPlaces(): string[] {
  return [import.meta.filename, join(process.cwd(), 'package.json')];
}

function resolveFrom(place: string, specifier: string): string | undefined {
  try {
    return createRequire(place).resolve(specifier);
  } catch {
    return undefined;
  }
}
