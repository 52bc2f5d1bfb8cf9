// Writes the reference documents that are generated from code: the OpenAPI document and the JSON Schemas of the documents.
// `npm run generate` writes them, `npm run check:generated` fails when they are stale.
import 'reflect-metadata';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DOCUMENT_KINDS } from './documents/documents.js';
import { jsonSchemaOf } from './documents/json-schemas.js';
import { CONTROLLERS, describeApi, furnish } from './http/api.js';
import * as tokens from './http/tokens.js';

// Only the classes' metadata is read, nothing is called: any value will do behind the tokens.
const providers = Object.values(tokens)
  .filter((token) => typeof token === 'symbol')
  .map((provide) => ({ provide, useValue: undefined }));

@Module({ controllers: CONTROLLERS, providers })
class ApiOnly {}

const target = process.argv[2] ?? 'docs/reference';
// Preview: the module graph without a single instance, so nothing has to run.
const app = await NestFactory.create(ApiOnly, { preview: true, logger: ['error'] });
furnish(app);
await mkdir(join(target, 'schemas'), { recursive: true });
await writeFile(join(target, 'openapi.json'), `${JSON.stringify(describeApi(app), null, 2)}\n`);
for (const kind of Object.keys(DOCUMENT_KINDS) as (keyof typeof DOCUMENT_KINDS)[]) {
  await writeFile(join(target, 'schemas', `${kind}.schema.json`), `${JSON.stringify(jsonSchemaOf(kind), null, 2)}\n`);
}
