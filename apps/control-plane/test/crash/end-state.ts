import { sql } from 'kysely';
import type { EngineDatabase } from '../engine/engine-database.js';
import type { Product } from './product.js';
import { keptIn } from './scripted-guest-shell.js';

/** Everything that is there of a site, in the records and in the world, with names where ids differ from install to install. */
export interface EndState {
  readonly [what: string]: unknown;
}

const NODE = '/nodes/lab1';

export async function endState(
  product: Product,
  { database: { db } }: EngineDatabase,
  site: string,
  world: string,
): Promise<EndState> {
  const stacks = await db
    .selectFrom('stacks')
    .where('site', '=', site)
    .where('state', '=', 'present')
    .select(['id', 'name'])
    .execute();
  const instances = await db.selectFrom('instances').where('site', '=', site).select(['id', 'body']).execute();
  const guests = await db.selectFrom('guests').where('site', '=', site).select(['id', 'key', 'body']).execute();
  const bindings = await db.selectFrom('bindings').where('site', '=', site).select(['id', 'body']).execute();
  const reservations = await db
    .selectFrom('reservations')
    .where('site', '=', site)
    .select(['kind', 'scope', 'value', 'owner'])
    .execute();
  const secrets = await db.selectFrom('secrets').select('name').execute();
  // A place whose time has run out is nobody's: a worker that could not reach the database leaves one behind.
  const limits = await db
    .selectFrom('limits')
    .select(['key', 'step'])
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .execute();
  const held = await db
    .selectFrom('run_steps')
    .innerJoin('runs', 'runs.id', 'run_steps.run')
    .where('runs.site', '=', site)
    .where((either) => either.or([either('holder', 'is not', null), either('outside_task', 'is not', null)]))
    .select(['run_steps.step', 'holder', 'outside_task'])
    .execute();

  const names = new Map<string, string>();
  const instanceName = new Map(instances.map(({ id, body }) => [id as string, body.name]));
  for (const { id, name } of stacks) names.set(id, `stack ${name}`);
  for (const { id, body } of instances) names.set(id, `instance ${body.name}`);
  for (const { id, key } of guests) names.set(id, `guest ${key}`);
  for (const { id, body } of bindings) {
    names.set(id, `binding ${instanceName.get(body.consumer)}.${body.requirement}`);
  }
  const named = (value: unknown): unknown => {
    let text = JSON.stringify(value);
    for (const [id, name] of names) text = text.replaceAll(id, name).replaceAll(id.toLowerCase(), name.toLowerCase());
    return JSON.parse(text) as unknown;
  };
  const sorted = (rows: readonly unknown[]): unknown[] =>
    (named(rows) as unknown[])
      .map((row) => JSON.stringify(row))
      .sort()
      .map((row) => JSON.parse(row) as unknown);

  const machines: { vmid: number; status: string; name: string }[] = await product.lab(
    'GET',
    '/cluster/resources?type=vm',
  );
  const active: { type: string; id: string }[] = await product.lab('GET', `${NODE}/tasks?source=active`);
  return {
    stacks: stacks.map(({ name }) => name).sort(),
    // What depends on secrets differs; that it is there does not.
    instances: sorted(
      instances.map(({ body: { configured, installed, ...body } }) => ({
        ...body,
        installed: [...installed].sort(),
        configured: Object.keys(configured).sort(),
      })),
    ),
    guests: sorted(
      guests.map(({ key, body: { createdAt: _createdAt, hostKeys, ...body } }) => ({
        key,
        ...body,
        keys: hostKeys.length,
      })),
    ),
    bindings: sorted(bindings.map(({ body: { offerDigest: _offerDigest, ...body } }) => body)),
    reservations: sorted(reservations),
    secrets: sorted(secrets.map(({ name }) => name)),
    limits,
    held,
    kept: sorted(keptIn(world)),
    machines: sorted(
      await Promise.all(
        machines.map(async ({ vmid, status, name }) => {
          const { digest: _digest, ...config } = await product.lab('GET', `${NODE}/lxc/${vmid}/config`);
          const rules: object[] = await product.lab('GET', `${NODE}/lxc/${vmid}/firewall/rules`);
          const options: object = await product.lab('GET', `${NODE}/lxc/${vmid}/firewall/options`);
          const firewall = rules.map((rule) => ({ ...rule, digest: '' }));
          return { vmid, status, name, config, firewall, options: { ...options, digest: '' } };
        }),
      ),
    ),
    volumes: (await product.lab('GET', `${NODE}/storage/local-zfs/content`))
      .map((volume: { volid: string; size: number }) => `${volume.volid} ${volume.size}`)
      .sort(),
    tasks: active.map(({ type, id }) => `${type} ${id}`),
  };
}
