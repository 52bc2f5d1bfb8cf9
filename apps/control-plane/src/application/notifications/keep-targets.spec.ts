import { FakeMessenger } from '../../adapters/fake/fake-messenger.js';
import { MemorySecretStore } from '../../adapters/fake/memory-secret-store.js';
import { RandomSecretSource } from '../../adapters/secrets/random-secret-source.js';
import type { MailRoute, NotificationTarget } from '../../domain/notification/target.js';
import { KeepTargets, type WantedTarget } from './keep-targets.js';

describe('targets of notifications', () => {
  const rows = new Map<string, NotificationTarget>();
  const taken = (target: NotificationTarget) =>
    [...rows.values()].some(({ id, name }) => name === target.name && id !== target.id);
  const put = async (target: NotificationTarget) => !taken(target) && Boolean(rows.set(target.id, target));
  const secrets = new MemorySecretStore();
  const messenger = new FakeMessenger();
  let serial = 0;
  const keep = new KeepTargets(
    {
      list: async () => [...rows.values()],
      get: async (id) => rows.get(id),
      insert: put,
      replace: put,
      remove: async (id) => rows.delete(id),
    },
    secrets,
    new RandomSecretSource(),
    { mail: messenger, webhook: messenger },
    async () => ['town'],
    { now: () => 1 },
    { next: (prefix) => `${prefix}_${serial++}` as never },
  );
  const route: MailRoute = {
    kind: 'mail',
    host: 'mail.town.example',
    port: 587,
    security: 'starttls',
    user: 'bastide',
    sender: 'bastide@town.example',
    recipients: ['it@town.example'],
  };
  const mail = (more: Partial<WantedTarget> = {}): WantedTarget => ({
    name: 'office',
    language: 'de',
    filter: { severity: 'warning', sites: [], kinds: [] },
    route,
    ...more,
  });
  const hook = (more: Partial<WantedTarget> = {}): WantedTarget =>
    mail({ name: 'chat', route: { kind: 'webhook', url: 'https://chat.test/a', privateAddresses: false }, ...more });
  beforeEach(() => {
    rows.clear();
    secrets.values.clear();
  });

  it('passwords lie in the secret store alone, and go with their target', async () => {
    const { target } = await keep.create(mail({ secret: 'the password' }));
    expect(JSON.stringify([...rows.values()])).not.toContain('the password');
    expect(await keep.hasSecret(target.id)).toBe(true);
    await keep.remove(target.id);
    expect(secrets.values.size).toBe(0);
  });

  it('a kept password does not go to another server, and stays with the same one', async () => {
    const { target } = await keep.create(mail({ secret: 'the password' }));
    await expect(keep.change(target.id, mail({ route: { ...route, host: 'evil.example' } }))).rejects.toMatchObject({
      problem: { details: { fields: [{ field: 'mail.password' }] } },
    });
    await keep.change(target.id, mail({ name: 'renamed', language: 'fr' }));
    expect(await secrets.get(`notification/${target.id}/secret`)).toBe('the password');
    await keep.change(target.id, mail({ secret: '' }));
    expect(await keep.hasSecret(target.id)).toBe(false);
  });

  it('the key of signatures is made up and shown once, or given', async () => {
    const made = await keep.create(hook());
    expect(made.signingKey).toMatch(/^[\w-]{43}$/);
    expect(await keep.change(made.target.id, hook({ name: 'chat room' }))).not.toHaveProperty('signingKey');
    const anew = await keep.change(made.target.id, hook({ secret: '' }));
    expect(anew.signingKey).not.toBe(made.signingKey);
    expect(await keep.create(hook({ name: 'other', secret: 'a key of my own' }))).not.toHaveProperty('signingKey');
  });

  it('what is wrong is told at the field, and leaves nothing behind', async () => {
    const filter = { severity: 'info' as const, sites: ['village'], kinds: [] };
    await expect(keep.create(mail({ filter }))).rejects.toMatchObject({
      problem: { details: { fields: [{ field: 'sites', message: 'village is not connected' }] } },
    });
    await keep.create(mail({ secret: 'one' }));
    await expect(keep.create(mail({ secret: 'two' }))).rejects.toMatchObject({
      problem: { code: 'conflict', details: { fields: [{ field: 'name' }] } },
    });
    expect([...secrets.values.values()]).toEqual(['one']);
  });

  it('a test sends now and says what came of it, paused or not', async () => {
    const { target } = await keep.create(mail());
    await keep.pause(target.id, true);
    expect(await keep.test(target.id)).toEqual({ ok: true, answer: '250 yes' });
    expect(messenger.received[0]!.subject).toBe('[Bastide] Test');
    messenger.behaviour = 'refuses';
    expect(await keep.test(target.id)).toEqual({ ok: false, answer: '550 no', remedy: 'Ask it why.' });
    await expect(keep.test('ntf_unknown')).rejects.toMatchObject({ problem: { code: 'not_found' } });
  });
});
