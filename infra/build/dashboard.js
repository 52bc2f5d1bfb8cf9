// Builds the dashboard into dist/dashboard, unless nothing it is made of has changed since the last time: a bundler
// takes half a minute where nobody touched a screen.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';

const STAMP = 'dist/dashboard/.stamp';
const files = (at) =>
  readdirSync(at, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() ? files(join(at, entry.name)) : [join(at, entry.name)]));

const hash = createHash('sha256');
for (const file of [
  ...files('apps/dashboard/src').filter((name) => !name.endsWith('.spec.ts')),
  ...files('apps/dashboard/public'),
  'apps/dashboard/index.html',
  'apps/dashboard/vite.config.ts',
  'package-lock.json',
])
  hash.update(`${file}\0`).update(readFileSync(file)).update('\0');
const digest = hash.digest('hex');

if (!existsSync(STAMP) || readFileSync(STAMP, 'utf8') !== digest) {
  await build({ configFile: 'apps/dashboard/vite.config.ts', logLevel: 'warn' });
  writeFileSync(STAMP, digest);
}
