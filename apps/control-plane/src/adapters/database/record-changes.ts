import { isDeepStrictEqual } from 'node:util';
import type { Transaction } from 'kysely';
import type { RecordChange } from '../../application/stacks/stack-store.port.js';
import type { BindingId, GuestId, InstanceId } from '../../domain/ids.js';
import type { RecordedBinding, RecordedGuest, RecordedInstance } from '../../domain/stack/stack.js';
import { removeBegun, settleBegun } from './begun-guests.js';
import type { Tables } from './schema.js';

type Tx = Transaction<Tables>;

/** Applies what a succeeded step changes in the record, inside the transaction that records the success. All of them may be applied twice. */
export async function applyRecordChange(tx: Tx, site: string, change: RecordChange): Promise<void> {
  switch (change.type) {
    case 'guest-put':
      return putGuest(tx, site, change.guest);
    case 'guest-host-keys':
      return changeGuest(tx, change.guest, (guest) => ({ ...guest, hostKeys: change.hostKeys }));
    case 'guest-firewall':
      return changeGuest(tx, change.guest, (guest) => ({ ...guest, firewallDigest: change.digest }));
    case 'guest-spec':
      return changeGuest(tx, change.guest, (guest) => ({ ...guest, spec: change.spec }));
    case 'guest-name':
      return changeGuest(tx, change.guest, ({ formerDomains: _before, ...guest }) => ({
        ...guest,
        spec: { ...guest.spec, domain: change.domain },
        ...(change.formerDomains.length > 0 ? { formerDomains: change.formerDomains } : {}),
      }));
    case 'guest-carried-over':
      return changeGuest(tx, change.guest, ({ formerDomains: _carried, ...guest }) => guest);
    case 'guest-removed':
      return removeGuest(tx, change.guest);
    case 'guest-cleared':
      return removeBegun(tx, change.guest);
    case 'instance-put':
      return putInstance(tx, site, change.instance);
    case 'instance-installed':
      return changeInstance(tx, change.instance, (instance) => ({
        ...instance,
        installed: [...new Set([...instance.installed, change.guest])],
      }));
    case 'instance-configured':
      return changeInstance(tx, change.instance, (instance) => {
        const same =
          instance.moduleDigest === change.now.moduleDigest && isDeepStrictEqual(instance.config, change.now.config);
        return {
          ...instance,
          ...change.now,
          configured: { ...(same ? instance.configured : {}), [change.guest]: change.digest },
        };
      });
    case 'instance-removed':
      return removeInstance(tx, change.instance);
    case 'binding-put':
      return putBinding(tx, site, change.binding);
    case 'binding-removed':
      return removeBinding(tx, change.binding);
    default:
      return change satisfies never;
  }
}

async function putGuest(tx: Tx, site: string, guest: RecordedGuest): Promise<void> {
  const { id, stack, instance } = guest;
  const row = { site, stack, instance, key: guest.spec.key, body: JSON.stringify(guest) };
  await tx
    .insertInto('guests')
    .values({ id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
  await settleBegun(tx, guest);
}

async function changeGuest(tx: Tx, id: GuestId, change: (guest: RecordedGuest) => RecordedGuest): Promise<void> {
  const row = await tx.selectFrom('guests').select('body').where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) throw new Error(`guest ${id} is not recorded`);
  const body = JSON.stringify(change(row.body));
  await tx.updateTable('guests').set({ body }).where('id', '=', id).execute();
}

/** With its id and address: they are free for others from here on. */
async function removeGuest(tx: Tx, id: GuestId): Promise<void> {
  const gone = await tx.deleteFrom('guests').where('id', '=', id).returning(['site', 'key']).executeTakeFirst();
  if (gone === undefined) return;
  await tx.deleteFrom('reservations').where('site', '=', gone.site).where('owner', '=', gone.key).execute();
}

async function putInstance(tx: Tx, site: string, instance: RecordedInstance): Promise<void> {
  const row = { site, stack: instance.stack, body: JSON.stringify(instance) };
  await tx
    .insertInto('instances')
    .values({ id: instance.id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

async function changeInstance(
  tx: Tx,
  id: InstanceId,
  change: (instance: RecordedInstance) => RecordedInstance,
): Promise<void> {
  // Two guests of one instance may be configured at once, in two steps of one run.
  const row = await tx.selectFrom('instances').select('body').where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) throw new Error(`instance ${id} is not recorded`);
  const body = JSON.stringify(change(row.body));
  await tx.updateTable('instances').set({ body }).where('id', '=', id).execute();
}

async function removeInstance(tx: Tx, id: InstanceId): Promise<void> {
  await tx
    .deleteFrom('bindings')
    .where((where) => where.or([where('consumer', '=', id), where('provider', '=', id)]))
    .execute();
  await tx.deleteFrom('instances').where('id', '=', id).execute();
}

async function removeBinding(tx: Tx, id: BindingId): Promise<void> {
  const gone = await tx.deleteFrom('bindings').where('id', '=', id).returning('consumer').executeTakeFirst();
  if (gone !== undefined) await outdateConfiguration(tx, gone.consumer);
}

/** Without the offer it was made with, a configuration counts as never made: the next plan makes it again. */
async function outdateConfiguration(tx: Tx, id: InstanceId): Promise<void> {
  const row = await tx.selectFrom('instances').select('body').where('id', '=', id).forUpdate().executeTakeFirst();
  if (row === undefined) return;
  const body = JSON.stringify({ ...row.body, configured: {} });
  await tx.updateTable('instances').set({ body }).where('id', '=', id).execute();
}

async function putBinding(tx: Tx, site: string, binding: RecordedBinding): Promise<void> {
  const { id, consumer, provider } = binding;
  const before = await tx.selectFrom('bindings').select('body').where('id', '=', id).forUpdate().executeTakeFirst();
  if (before?.body.offerDigest !== binding.offerDigest) await outdateConfiguration(tx, consumer);
  const row = { site, consumer, provider, body: JSON.stringify(binding) };
  await tx
    .insertInto('bindings')
    .values({ id, ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}
