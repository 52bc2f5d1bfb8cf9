import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import type { ShellContext } from '../../application/guests/guest-shell.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { commandFailed, isFailure } from './failures.js';
import type { GuestLink } from './guest-link.js';
import { shellCommand } from './shell-words.js';
import { backOff, pause } from './waits.js';

/** Exit code of the receiving script for "the bytes that arrived are not the ones that were sent". */
const DIGEST_DIFFERS = 65;

/**
 * A connection that breaks looks like the end of the file to `cat`: only the digest tells a half file from a whole
 * one, so it is compared before the final name exists. Parts of uploads that died with their guest go after a day.
 */
const RECEIVE = `set -eu; umask 077
final=$1 mode=$2 want=$3 part=$4
dir=\${final%/*}; [ -n "$dir" ] || dir=/
mkdir -p -- "$dir"
find "$dir" -maxdepth 1 -type f -name ".\${final##*/}.*.part" -mmin +1440 -exec rm -f -- {} + || :
trap 'rm -f -- "$part"' EXIT
trap 'exit 1' HUP INT TERM PIPE
cat > "$part"
got=$(sha256sum < "$part")
[ "\${got%% *}" = "$want" ] || exit ${DIGEST_DIFFERS}
chmod -- "$mode" "$part"
sync -- "$part"
mv -fT -- "$part" "$final"`;

const ALREADY_THERE = `[ -f "$1" ] && got=$(sha256sum < "$1") && [ "\${got%% *}" = "$3" ] && chmod -- "$2" "$1"`;

/** An archive arrives like a file, is unpacked beside its place, and moved there whole. */
const UNPACK = `set -eu; umask 022
final=$1 want=$2 work=$3
[ -d "$final" ] && exit 0
mkdir -p -- "\${final%/*}"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 1' HUP INT TERM PIPE
mkdir -- "$work" "$work/tree"
cat > "$work/tar"
got=$(sha256sum < "$work/tar")
[ "\${got%% *}" = "$want" ] || exit ${DIGEST_DIFFERS}
tar -x -o -f "$work/tar" -C "$work/tree"
chmod 755 -- "$work/tree"
sync -f -- "$work/tree"
mv -T -- "$work/tree" "$final" || [ -d "$final" ]`;

export interface Upload {
  readonly source: string | Buffer;
  readonly path: string;
  readonly mode: number;
  readonly sha256: string;
}

export async function uploadFile(link: GuestLink, file: Upload, context: ShellContext): Promise<void> {
  if (!posix.isAbsolute(file.path) || file.path.endsWith('/') || posix.normalize(file.path) !== file.path)
    throw new TypeError(`upload needs an absolute, normal path of a file, not ${JSON.stringify(file.path)}`);
  const what = `upload of ${file.path}`;
  const mode = (file.mode & 0o7777).toString(8);
  const there = sh(ALREADY_THERE, file.path, mode, file.sha256);
  const total = typeof file.source === 'string' ? (await stat(file.source)).size : file.source.length;
  await persistently(context, async () => {
    if ((await link.exec({ line: there, what }, context)).exitCode === 0) return;
    await context.fence();
    const part = posix.join(
      posix.dirname(file.path),
      `.${posix.basename(file.path)}.${randomBytes(6).toString('hex')}.part`,
    );
    const line = sh(RECEIVE, file.path, mode, file.sha256, part);
    const input =
      typeof file.source === 'string'
        ? Readable.from(metered(createReadStream(file.source), total, what, context), { objectMode: false })
        : file.source;
    judge(await link.exec({ line, what, input }, context), link, what);
  });
  context.progress?.(100, what);
}

/** `tar` is asked for only when the guest does not have the folder yet. */
export async function deliverTree(
  link: GuestLink,
  tree: { readonly directory: string; readonly tar: () => Promise<Buffer> },
  context: ShellContext,
): Promise<void> {
  const what = `delivery of ${tree.directory}`;
  let tar: Buffer | undefined;
  await persistently(context, async () => {
    const there = await link.exec({ line: sh('[ -d "$1" ]', tree.directory), what }, context);
    if (there.exitCode === 0) return;
    tar ??= await tree.tar();
    await context.fence();
    const digest = createHash('sha256').update(tar).digest('hex');
    const work = `${tree.directory}.${randomBytes(6).toString('hex')}.part`;
    judge(await link.exec({ line: sh(UNPACK, tree.directory, digest, work), what, input: tar }, context), link, what);
  });
}

function judge(result: { exitCode: number; stderr: Buffer }, link: GuestLink, what: string): void {
  if (result.exitCode === DIGEST_DIFFERS)
    throw new WorldFailure({
      code: 'upload.digest_mismatch',
      retryable: 'now',
      message: `${link.where}: ${what}: what arrived is not what was sent; nothing was put in place`,
    });
  if (result.exitCode !== 0) throw commandFailed(link.where, what, result.exitCode, result.stderr.toString());
}

/** Both ways of delivering are idempotent, so a lost connection is a reason to go on, until the deadline. */
async function persistently(context: ShellContext, attempt: () => Promise<void>): Promise<void> {
  const wait = backOff(250, 5_000);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error, 'ssh.lost') || !(await pause(wait(), context))) throw error;
    }
  }
}

async function* metered(
  chunks: AsyncIterable<Buffer>,
  total: number,
  what: string,
  context: ShellContext,
): AsyncGenerator<Buffer> {
  let sent = 0;
  let said = 0;
  for await (const chunk of chunks) {
    sent += chunk.length;
    const percent = Math.min(99, Math.floor((sent / total) * 100));
    if (percent > said) context.progress?.(percent, what);
    said = Math.max(said, percent);
    yield chunk;
  }
}

function sh(script: string, ...words: readonly string[]): string {
  return shellCommand(['sh', '-c', script, 'bastide', ...words]);
}
