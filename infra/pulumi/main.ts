// The Pulumi programme (Pulumi.yaml): reads the site document, makes the platform, exports the credential as a secret.
import { readFileSync } from 'node:fs';
import * as pulumi from '@pulumi/pulumi';
import { parseSite } from '../../apps/control-plane/src/documents/documents.js';
import { type ControlPlaneGuest, platform } from './platform.js';

const config = new pulumi.Config();
const file = config.require('site');
const { value, diagnostics } = parseSite(file, readFileSync(file, 'utf8'));
if (value === undefined) {
  throw new Error(
    diagnostics.map(({ place, message }) => `${file}:${place?.line ?? 1}:${place?.column ?? 1} ${message}`).join('\n'),
  );
}
const controlPlane = config.getObject<ControlPlaneGuest>('controlPlane');

/** `pulumi stack output credential --show-secrets > token-file` */
export const { credential } = platform({
  site: value,
  substrate: config.get('substrate') ?? Object.keys(value.substrates)[0] ?? '',
  major: config.getNumber('proxmoxMajor') ?? 9,
  ...(controlPlane ? { controlPlane } : {}),
});
