// Lets a child process run the product's TypeScript without a build: `node --import ./ts-loader.mjs worker-process.ts`.
import { register } from 'node:module';

register(new URL('./ts-hooks.mjs', import.meta.url));
