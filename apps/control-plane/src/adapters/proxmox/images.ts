import type { CallContext } from '../../application/substrates/substrate.port.js';
import { Refusal } from '../../domain/problem.js';
import { isFailure } from './classify.js';
import type { Connection } from './connection.js';
import { findTemplate } from './guest-finder.js';

export interface ImageWanted {
  readonly node: string;
  readonly volume: string;
  readonly url?: string;
  readonly sha256?: string;
}

/** `local:vztmpl/debian-12.tar.zst` → storage, content type, file name. */
export function parseVolume(volume: string): { storage: string; content: string; file: string } | undefined {
  const match = /^([A-Za-z][\w.-]*):(vztmpl|import|iso)\/([^/]+)$/.exec(volume);
  return match ? { storage: match[1]!, content: match[2]!, file: match[3]! } : undefined;
}

/** Makes sure that an image lies on a node's storage; downloads it there when it has a url. Two callers make one download. */
export async function ensureImage(connection: Connection, image: ImageWanted, context: CallContext): Promise<void> {
  if (await hasImage(connection, image, context)) return;
  const volume = parseVolume(image.volume);
  if (image.url === undefined || volume === undefined) throw missing(image, connection.name);
  const what = `download of ${image.volume} on ${image.node}`;
  await connection.turns.take({ key: what, width: 1, what }, context, async () => {
    await connection.tasks.settle(context.adopt, what, context);
    if (await hasImage(connection, image, context)) return;
    const storage = connection.client.api(context).nodes.$(image.node).storage.$(volume.storage);
    try {
      await connection.tasks.run(
        what,
        () =>
          storage['download-url'].$post({
            content: volume.content,
            filename: volume.file,
            url: image.url!,
            checksum: image.sha256,
            'checksum-algorithm': image.sha256 === undefined ? undefined : 'sha256',
          } as never),
        context,
      );
    } catch (error) {
      if (isFailure(error, 'substrate.image_digest')) throw wrongDigest(image, error.failure.message);
      // Somebody else may have brought it at the same time.
      if (!(await hasImage(connection, image, context))) throw error;
    }
  });
  if (!(await hasImage(connection, image, context))) throw missing(image, connection.name);
}

async function hasImage(connection: Connection, image: ImageWanted, context: CallContext): Promise<boolean> {
  const template = /^template:(\d+)$/.exec(image.volume)?.[1];
  if (template !== undefined) {
    return (await findTemplate(connection, Number(template), context)) !== undefined;
  }
  const volume = parseVolume(image.volume);
  if (volume === undefined) return false;
  const storage = connection.client.api(context).nodes.$(image.node).storage.$(volume.storage);
  const rows = (await storage.content.$get({ content: volume.content } as never)) as { volid?: unknown }[];
  return rows.some((row) => row.volid === image.volume);
}

const missing = (image: ImageWanted, substrate: string) =>
  new Refusal({
    code: 'artifact.missing',
    subject: image.volume,
    message: `The image is not on node ${image.node} of ${substrate}${image.url ? '' : ', and site.yaml gives no url for it'}.`,
    remedy: /:vztmpl\//.test(image.volume)
      ? 'Download it (Storage → CT Templates, or pveam download), or give it a url and sha256 in site.yaml.'
      : 'Provide it (a template machine, or an upload to the storage), or give it a url and sha256 in site.yaml.',
  });

const wrongDigest = (image: ImageWanted, said: string) =>
  new Refusal({
    code: 'artifact.digest_mismatch',
    subject: image.volume,
    message: `What ${image.url} delivers does not have the digest ${image.sha256}; it was not kept.`,
    remedy: 'Correct sha256 in site.yaml after checking the publisher’s list, or use another url.',
    details: { said },
  });
