import { LANGUAGES } from '../account/account.js';
import { certificateNews } from './certificate-news.js';
import { afterFailure, GIVE_UP_MS, isTimeForMessage, waitAfter } from './delivery.js';
import { EVENT_KINDS, type EventKind, type NotificationEvent, plainLine } from './event.js';
import { messageOf } from './message.js';
import { eventOfHealth } from './sources.js';
import { type MailRoute, routeFaults } from './target.js';

const AT = Date.parse('2026-03-01T10:00:00Z');
const FACTS: Record<EventKind, NotificationEvent['facts']> = {
  'run-succeeded': { stack: 'team', operation: 'change' },
  'run-failed': { stack: 'team', operation: 'install', step: 'wiki', message: 'No room.', failed: 1 },
  'run-waiting': { stack: 'team', operation: 'remove' },
  'stack-unhealthy': { stack: 'team', parts: 'wiki, files', count: 2 },
  'stack-healthy': { stack: 'team' },
  'drift-found': { stack: 'team', guests: 'wiki.app (stopped)' },
  'certificate-expiring': { name: 'wiki.town.example', days: 6 },
  'certificate-failed': { message: '#42' },
  'account-locked': { account: 'eva', address: '192.0.2.7' },
  'new-device': { account: 'eva', address: '192.0.2.7', program: 'Firefox' },
  'worker-missing': { worker: 'server:1:2' },
  'disk-low': { host: 'server', percent: 4 },
  'audit-broken': { row: 12 },
};
const event = (kind: EventKind, more: Partial<NotificationEvent> = {}): NotificationEvent => ({
  kind,
  key: kind,
  at: AT,
  facts: FACTS[kind],
  ...more,
});
const telling = { id: 'msg_1', at: AT, target: 'office', language: 'en' as const };

describe('what is told', () => {
  it.each(LANGUAGES.flatMap((language) => EVENT_KINDS.map((kind) => [language, kind] as const)))(
    'in %s, %s has all its facts and no hole',
    (language, kind) => {
      const { text, subject } = messageOf([event(kind)], { ...telling, language });
      expect(text).not.toMatch(/undefined|NaN|\[object/);
      for (const [name, fact] of Object.entries(FACTS[kind]))
        if (!['operation', 'count', 'failed'].includes(name)) expect(text).toContain(String(fact));
      if (language !== 'en') expect(subject).not.toMatch(/\b(the|has|was|of)\b/i);
    },
  );

  it('a mail as a person reads it', () => {
    const events = [event('run-failed', { site: 'town', run: 'run_1', stack: 'stk_1' }), event('disk-low')];
    const { subject, text, severity } = messageOf(events, { ...telling, dashboard: 'https://bastide.test' });
    expect({ subject, severity }).toEqual({ subject: '[Bastide] error: 2 events', severity: 'error' });
    expect(text.split('\n')).toEqual([
      'error · 2026-03-01 10:00 UTC · Site town',
      'The installation of team has failed. wiki: No room.',
      'Look: https://bastide.test/runs/run_1',
      '',
      'warning · 2026-03-01 10:00 UTC',
      'The disk of the control plane on server is nearly full: 4 % are free.',
      '',
      '-- ',
      'Sent by Bastide, notification target office.',
    ]);
  });

  it('a name cannot write a header, draw on a terminal or turn the text around', () => {
    const hostile = 'a\r\nBcc: all@town.example\u001b[2J\u202eevil';
    const facts = { stack: hostile, operation: 'install' };
    const { subject, text } = messageOf([event('run-failed', { facts })], telling);
    for (const mark of ['\r', '\n', '\u001b', '\u202e']) expect(subject).not.toContain(mark);
    expect(text).not.toMatch(/^Bcc/m);
    expect(plainLine('x'.repeat(1000)).length).toBe(300);
  });
});

describe('when it is told', () => {
  it('after a short while, and not again right after', () => {
    expect(isTimeForMessage(AT, undefined, AT + 9_000)).toBe(false);
    expect(isTimeForMessage(AT, undefined, AT + 10_000)).toBe(true);
    expect(isTimeForMessage(AT, AT - 1_000, AT + 10_000)).toBe(false);
    expect(isTimeForMessage(AT, AT - 60_000, AT + 10_000)).toBe(true);
  });

  it('a receiver that is away is asked less and less often, for a day', () => {
    expect([1, 2, 3, 8, 9, 1000].map((attempts) => waitAfter(attempts, 0.5) / 1000)).toEqual([
      15, 30, 60, 1800, 1800, 1800,
    ]);
    expect([0, 0.999].map((chance) => Math.round(waitAfter(1, chance) / 1000))).toEqual([12, 18]);
    const delivery = { createdAt: AT, attempts: 50 };
    expect(afterFailure(delivery, AT + GIVE_UP_MS - 1, 0)).toEqual({ state: 'open', nextAt: AT + GIVE_UP_MS });
    expect(afterFailure(delivery, AT + GIVE_UP_MS, 0)).toEqual({ state: 'given-up' });
  });

  it('a certificate is told of in stages, and not while there is time', () => {
    const kept = { name: 'wiki', serial: 'A1', notAfter: AT };
    const keys = [40, 20.5, 20, 6, 0.5, -3].map((days) => certificateNews(kept, 'town', AT - days * 86_400_000)?.key);
    expect(keys).toEqual([undefined, ...[21, 21, 7, 1, 0].map((stage) => `certificate/A1/${stage}`)]);
    const { text } = messageOf([certificateNews(kept, 'town', AT + 86_400_000)!], telling);
    expect(text).toContain('The certificate wiki has expired.');
  });

  it('a stack that works at the first look is no news', () => {
    const stack = { id: 'stk_1', name: 'team', site: 'town' };
    const look = (healthy: boolean) => [{ instance: 'wiki', guest: 'app', healthy }];
    expect(eventOfHealth(stack, undefined, look(true), AT)).toBeUndefined();
    expect(eventOfHealth(stack, undefined, look(false), AT)?.kind).toBe('stack-unhealthy');
    expect(eventOfHealth(stack, false, look(true), AT)?.kind).toBe('stack-healthy');
    expect(eventOfHealth(stack, true, [], AT)).toBeUndefined();
  });
});

describe('routes that are refused', () => {
  const mail = (more: Partial<MailRoute>): MailRoute => ({
    kind: 'mail',
    host: 'mail.town.example',
    port: 25,
    security: 'starttls',
    sender: 'a@b.test',
    recipients: ['c@d.test'],
    ...more,
  });
  const hook = (url: string, privateAddresses = false) => ({ kind: 'webhook' as const, url, privateAddresses });

  it('a password that would travel readable, or that belongs to nobody', () => {
    expect(routeFaults(mail({ security: 'none', user: 'u' }), true)).toMatchObject([{ field: 'mail.security' }]);
    expect(routeFaults(mail({ security: 'none', user: 'u', host: '127.0.0.1' }), true)).toEqual([]);
    expect(routeFaults(mail({}), true)).toMatchObject([{ field: 'mail.user' }]);
    expect(routeFaults(mail({ security: 'none' }), false)).toEqual([]);
  });

  it.each(['http://chat.test/a', 'ftp://chat.test/a', 'https://u:p@chat.test/a', 'chat.test', 'javascript:alert(1)'])(
    '%s',
    (url) => {
      expect(routeFaults(hook(url), true)).toMatchObject([{ field: 'webhook.url' }]);
    },
  );

  it('plain http is for private addresses, when they are allowed', () => {
    expect(routeFaults(hook('http://10.0.0.1/a', true), true)).toEqual([]);
    expect(routeFaults(hook('https://chat.test/a'), true)).toEqual([]);
  });
});
