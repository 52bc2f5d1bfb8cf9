// A worker as a process of its own, for faults that only a process can have. Settings and the world's directory by argv.
import { type EngineSettings, EngineWorker } from './engine-worker.js';
import { FileWorld } from './file-world.js';

const [directory = '', settings = '{}'] = process.argv.slice(2);
const world = new FileWorld(directory);
const say = (level: string) => (fields: object, message: string) => {
  const text = JSON.stringify(fields, (_key, value: unknown) => (value instanceof Error ? String(value) : value));
  process.stderr.write(`${process.pid} ${level} ${message} ${text}\n`);
};
const log = { info: say('info'), warn: say('warn'), error: say('error') };

const worker = await EngineWorker.open(
  JSON.parse(settings) as EngineSettings,
  world,
  log,
  // Committed, and nobody was told: rings for what follows a step come through here.
  async ({ step }) => world.killHere(step, 'committed'),
);
await worker.worker.start();
process.stdout.write('ready\n');

let ending = false;
process.on('SIGTERM', () => {
  if (ending) process.exit(1);
  ending = true;
  worker.close().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
