import type { Command } from 'commander';
import { type Connection, connect } from './connection.js';
import { EXIT, type ExitCode, Failure } from './failure.js';
import type { Format } from './output.js';

export interface GlobalOptions {
  readonly url?: string;
  readonly tokenFile?: string;
  readonly ca?: string;
  readonly output: Format;
}

/** What a command's action works with; it answers with the program's exit code. */
export interface Session {
  readonly connection: Connection;
  readonly format: Format;
}

/** Connects, runs the action, keeps its exit code. */
export const withSession =
  <A extends unknown[]>(action: (session: Session, ...args: A) => Promise<ExitCode | void>) =>
  async (...raw: unknown[]): Promise<void> => {
    const command = raw.at(-1) as Command;
    const options = command.optsWithGlobals<GlobalOptions>();
    const args = [...raw.slice(0, -2), options] as unknown as A;
    process.exitCode =
      (await action({ connection: await connect(options), format: options.output }, ...args)) ?? EXIT.ok;
  };

/** `key=value` pairs; values that read as JSON are taken as such (`3`, `true`, `["a"]`). */
export function pairs(values: readonly string[] | undefined): Record<string, unknown> {
  return Object.fromEntries(
    (values ?? []).map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Failure(EXIT.usage, `${pair} is not of the form key=value`);
      const text = pair.slice(at + 1);
      try {
        return [pair.slice(0, at), JSON.parse(text) as unknown];
      } catch {
        return [pair.slice(0, at), text];
      }
    }),
  );
}

/** `wiki.title=Notes` → `{ wiki: { title: 'Notes' } }` */
export function nestedPairs(values: readonly string[] | undefined): Record<string, Record<string, unknown>> {
  const nested: Record<string, Record<string, unknown>> = {};
  for (const [key, value] of Object.entries(pairs(values))) {
    const [instance, ...field] = key.split('.');
    if (!instance || field.length === 0) throw new Failure(EXIT.usage, `${key} is not of the form instance.field`);
    nested[instance] = { ...nested[instance], [field.join('.')]: value };
  }
  return nested;
}

export const collect = (value: string, before: string[] = []): string[] => [...before, value];
