/** Reads request parameters the way Proxmox's own server does: form, JSON and multipart, with its limits and refusals. */
import { createHash, randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy } from '@fastify/busboy';
import type { RawValue } from '../schema/validate.js';
import { fail, refusedByServer } from './api-error.js';

/** Bytes of a body that is not an upload; Proxmox answers 501 above it. */
const MAX_BODY = 512 * 1024;
const MAX_UPLOAD = 64 * 2 ** 30;

export type RawParameters = Record<string, RawValue>;

/** A single value as text; empty for none and for what is no single value. */
export const textOf = (value: RawValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '';

const decode = (text: string) => {
  const bytes: number[] = [];
  const source = Buffer.from(text.replaceAll('+', ' '), 'latin1');
  for (let index = 0; index < source.length; index += 1) {
    const hex = source[index] === 0x25 ? source.toString('latin1', index + 1, index + 3) : '';
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      index += 2;
    } else bytes.push(source[index] as number);
  }
  return Buffer.from(bytes).toString('utf8');
};

/**
 * `;` separates as `&` does, and a second `=` ends the value: both measured on the real server. Repeated keys become an
 * array. A key without `=` has no value (null), and takes away one it had before.
 */
function parseForm(text: string): RawParameters {
  const result: RawParameters = Object.create(null) as RawParameters;
  if (text === '') return result;
  for (const pair of text.split(/[&;]/)) {
    const [rawKey = '', rawValue] = pair.split('=');
    if (rawKey === '') continue;
    const key = decode(rawKey);
    if (rawValue === undefined) {
      result[key] = null;
      continue;
    }
    const value = decode(rawValue);
    const old = result[key];
    if (old === undefined || old === null) result[key] = value;
    else if (Array.isArray(old)) (old as RawValue[]).push(value);
    else result[key] = [old, value];
  }
  return result;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY) throw refusedByServer(501, 'for data too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export interface Upload {
  /** Where the bytes wait; whoever takes the upload renames or removes it. */
  readonly file: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
}

function readMultipart(
  request: IncomingMessage,
  folder: string,
): Promise<{ parameters: RawParameters; upload?: Upload }> {
  return new Promise((resolve, reject) => {
    const parameters: RawParameters = Object.create(null) as RawParameters;
    let upload: Promise<Upload> | undefined;
    let part: Readable | undefined;
    let parser: InstanceType<typeof Busboy>;
    /** What has been written of the file goes as well, also when it came whole before the form broke. */
    const refuse = (error: Error) => {
      part?.destroy(error);
      upload?.then(({ file }) => rm(file, { force: true })).catch(() => undefined);
      reject(error);
    };
    try {
      parser = new Busboy({
        headers: { ...request.headers, 'content-type': request.headers['content-type'] ?? '' },
        limits: { fields: 100, fieldSize: MAX_BODY, files: 1, fileSize: MAX_UPLOAD },
      });
    } catch {
      reject(refusedByServer(506, `upload 'Content-Type '${request.headers['content-type']}' not implemented`));
      return;
    }
    parser.on('field', (name: string, value: string) => {
      parameters[name] = value;
    });
    parser.on('file', (_name: string, stream: Readable, filename: string) => {
      part = stream;
      const file = join(folder, `upload-${randomBytes(8).toString('hex')}`);
      const hash = createHash('sha256');
      let size = 0;
      stream.on('data', (chunk: Buffer) => {
        hash.update(chunk);
        size += chunk.length;
      });
      upload = pipeline(stream, createWriteStream(file, { mode: 0o600 })).then(
        () => ({ file, filename, size, sha256: hash.digest('hex') }),
        async (error: unknown) => {
          await rm(file, { force: true });
          throw error;
        },
      );
      upload.catch(reject);
    });
    parser.on('finish', () => {
      if (!upload) resolve({ parameters });
      else upload.then((done) => resolve({ parameters, upload: done }), reject);
    });
    parser.on('error', (error: unknown) => refuse(fail(error instanceof Error ? error.message : 'upload failed')));
    request.on('aborted', () => refuse(fail('upload aborted')));
    request.pipe(parser);
  });
}

function parseJson(text: string): RawParameters {
  let value: unknown;
  try {
    value = text.trim() === '' ? {} : JSON.parse(text);
  } catch {
    // Proxmox shows where its Perl parser gave up; clients only see that it is a 500 with such a line.
    throw refusedByServer(
      500,
      'malformed JSON string, neither tag, array, object, number, string or atom, at character offset 0 (before "...") at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 923.\n',
    );
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refusedByServer(500, 'Not a HASH reference at /usr/share/perl5/PVE/APIServer/AnyEvent.pm line 945.\n');
  return Object.assign(Object.create(null) as RawParameters, value as RawParameters);
}

/** Parameters of a request from query and body; `uploadFolder` holds a file part until its handler takes it. */
export async function readParameters(
  request: IncomingMessage,
  method: string,
  query: string,
  uploadFolder: string,
  takesFile: boolean,
): Promise<{ parameters: RawParameters; upload?: Upload }> {
  if (request.headers['transfer-encoding'])
    throw refusedByServer(
      501,
      request.headers['transfer-encoding'].toLowerCase() === 'chunked'
        ? 'chunked transfer encoding not supported'
        : `Unknown transfer encoding '${request.headers['transfer-encoding']}'`,
    );
  const length = Number(request.headers['content-length'] ?? 0);
  if (method !== 'POST' && method !== 'PUT') {
    if (length > 0) throw refusedByServer(501, `Unexpected content for method '${method}'`);
    return { parameters: parseForm(query) };
  }
  const type = (request.headers['content-type'] ?? '').split(/\s*[;,]\s*/)[0] ?? '';
  const fromQuery = parseForm(query);
  if (length === 0) return { parameters: fromQuery };
  if (type === 'multipart/form-data' && takesFile) {
    const read = await readMultipart(request, uploadFolder);
    // The file part is the parameter `filename`, by its name.
    if (read.upload) read.parameters.filename ??= read.upload.filename;
    return { ...read, parameters: Object.assign(fromQuery, read.parameters) };
  }
  if (length > MAX_BODY) throw refusedByServer(501, 'for data too large');
  if (type !== '' && type !== 'application/x-www-form-urlencoded' && type !== 'application/json')
    throw refusedByServer(506, `upload 'Content-Type '${request.headers['content-type']}' not implemented`);
  const text = (await readAll(request)).toString('utf8');
  // What stands in the query counts more than the body.
  return { parameters: Object.assign(type === 'application/json' ? parseJson(text) : parseForm(text), fromQuery) };
}
