import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { Command } from 'commander';
import { reach } from '../connection.js';
import { withSession } from '../context.js';
import { EXIT, Failure, type ProblemBody, take } from '../failure.js';
import { paint, safe, show, table } from '../output.js';

export function addCatalogueCommands(program: Command): void {
  program
    .command('catalogue')
    .description('blueprints and modules that can be installed')
    .action(
      withSession(async ({ connection, format }) => {
        const catalogue = take(await connection.api.GET('/api/v1/catalogue'));
        show(format, catalogue, () =>
          [
            table(
              ['BLUEPRINT', 'VERSION', 'SUMMARY'],
              catalogue.blueprints.map((entry) => [entry.name, entry.version, entry.summary]),
            ),
            '',
            table(
              ['MODULE', 'VERSION', 'APP', 'LICENCE', 'SUMMARY'],
              catalogue.modules.map((entry) => [
                entry.name,
                entry.version,
                entry.appVersion,
                entry.licence,
                entry.summary,
              ]),
            ),
            ...catalogue.diagnostics.map((finding) =>
              paint.yellow(
                `left out: ${finding.place ? `${finding.place.file}:${finding.place.line}:${finding.place.column} ` : ''}${safe(finding.message)}`,
              ),
            ),
          ].join('\n'),
        );
      }),
    );
  const artifact = program.command('artifact').description('files that modules need, kept by digest');
  artifact
    .command('list')
    .description('files in the store')
    .action(
      withSession(async ({ connection, format }) => {
        const found = take(await connection.api.GET('/api/v1/artifacts'));
        show(format, found, () =>
          table(
            ['SHA-256', 'BYTES', 'NAME'],
            found.map((entry) => [entry.sha256, String(entry.sizeBytes), entry.name ?? '']),
          ),
        );
      }),
    );
  artifact
    .command('import')
    .argument('<file>')
    .option('--sha256 <digest>', 'refuse the file when its digest differs')
    .description('bring a file into the store, for sites without Internet')
    .action(
      withSession(async ({ connection, format }, file: string, options: { sha256?: string }) => {
        const { size } = await stat(file).catch(() => {
          throw new Failure(EXIT.usage, `${file} cannot be read`);
        });
        const digest = options.sha256 ?? (await sha256Of(file));
        const response = await reach(connection.url)(
          new Request(`${connection.url}/api/v1/artifacts?sha256=${digest}`, {
            method: 'POST',
            headers: {
              ...connection.headers,
              'content-type': 'application/octet-stream',
              'content-length': String(size),
            },
            body: Readable.toWeb(createReadStream(file)) as ReadableStream,
            duplex: 'half',
          } as RequestInit),
        );
        const answer = (await response.json()) as { sha256: string; sizeBytes: number };
        const stored = take({
          response,
          ...(response.ok ? { data: answer } : { error: answer as unknown as ProblemBody }),
        });
        show(format, stored, () => `stored ${stored.sha256} (${stored.sizeBytes} bytes)`);
      }),
    );
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
