import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Runs when anything of what follows is taken for more than text. */
const ATTACK = 'globalThis.broken=true';
export const SCRIPT = `<script>${ATTACK}</script>`;
const IMAGE = `<img src=x onerror=${ATTACK}>`;
/** Turns what follows around, so that a name poses as another one. */
const BIDI = '\u202e';
export const HOSTILE_TITLE = `Memo ${SCRIPT}`;

const MODULE = `apiVersion: bastide.dev/v1
kind: Module
metadata:
  name: memo
  version: 1.0.0
  appVersion: "1"
  title: ${JSON.stringify(HOSTILE_TITLE)}
  summary: ${JSON.stringify(`${BIDI}${IMAGE} ${'endless'.repeat(30)}`)}
  tier: app
  category: wiki
  licence: ${JSON.stringify(`EUPL ${IMAGE}`)}
  origin: { upstream: ${JSON.stringify(`${SCRIPT}${BIDI}`)} }
spec:
  runtime: guest
  guests: { app: { kind: container, image: debian-12, cpus: 1, memory: 256MiB, disk: 2GiB, zone: apps } }
  secrets: { adminPassword: { length: 20, shownToAdmin: true } }
  config:
    type: object
    properties: { title: { type: string, title: ${JSON.stringify(`Title ${SCRIPT}`)}, default: Memo } }
  hooks: { install: { timeout: 1m }, configure: { timeout: 1m }, check: { timeout: 1m } }
  changes: { config.title: in-place, guests.app.memory: in-place, guests.app.cpus: in-place }
  links: [{ title: ${JSON.stringify(`Open ${IMAGE}`)}, url: "https://memo.{{ site.domain }}" }]
`;

const BLUEPRINT = `apiVersion: bastide.dev/v1
kind: Blueprint
metadata: { name: memo, version: 1.0.0, title: ${JSON.stringify(HOSTILE_TITLE)}, summary: ${JSON.stringify(IMAGE)}, audience: ${JSON.stringify(`${BIDI}everybody`)} }
spec:
  parameters:
    title: { type: string, title: Title of the memo, default: Memo }
  modules:
    memo: { module: memo, version: ^1, config: { title: "{{ parameter.title }}" } }
  sizes: { small: {} }
`;

/** Terminal escapes, markup, marks of direction, a line of a megabyte: what a broken or evil program prints. */
const INSTALL = `#!/bin/bash
printf '\\033[2J\\033[31m%s\\033]0;title\\007\\n' '${SCRIPT}'
printf '%s\\n' '${IMAGE}'
printf '\\342\\200\\256%s\\n' 'turned around'
head -c 1000000 /dev/zero | tr '\\0' 'A'
echo
echo 'the last line'
`;
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48" onload="${ATTACK}"><script>${ATTACK}</script><rect width="48" height="48" fill="#a33"/></svg>`;

/**
 * A catalogue beside the product's own, with one small module whose author means harm: every text it may give is an
 * attack on whoever shows it. Its install takes seconds, so journeys use it too. Answers what to set in the environment, and how to take it away.
 */
export function hostileCatalogue(): { readonly env: Readonly<Record<string, string>>; readonly remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'bastide-hostile-'));
  chmodSync(root, 0o755);
  const module = join(root, 'modules/memo');
  mkdirSync(join(module, 'hooks'), { recursive: true });
  mkdirSync(join(root, 'blueprints/memo'), { recursive: true });
  writeFileSync(join(module, 'module.yaml'), MODULE);
  writeFileSync(join(module, 'icon.svg'), ICON);
  for (const [name, text] of Object.entries({
    install: INSTALL,
    configure: '#!/bin/bash\necho configured\n',
    check: '#!/bin/bash\nexit 0\n',
  }))
    writeFileSync(join(module, 'hooks', name), text, { mode: 0o755 });
  writeFileSync(join(root, 'blueprints/memo/blueprint.yaml'), BLUEPRINT);
  return {
    env: {
      BASTIDE_MODULES: `${resolve('modules')}:${join(root, 'modules')}`,
      BASTIDE_BLUEPRINTS: `${resolve('blueprints')}:${join(root, 'blueprints')}`,
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
