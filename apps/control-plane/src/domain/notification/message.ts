import type { Language } from '../account/account.js';
import type { Instant } from '../ids.js';
import { LARGEST_MESSAGE } from './delivery.js';
import {
  EVENT_SEVERITY,
  type EventKind,
  type NotificationEvent,
  plainLine,
  SEVERITIES,
  type Severity,
} from './event.js';
import { WORDS, type Words } from './words.js';

export interface ToldEvent {
  readonly kind: EventKind;
  readonly severity: Severity;
  readonly at: Instant;
  readonly site?: string;
  readonly text: string;
  /** Where the dashboard shows it; absent without a known address of the dashboard. */
  readonly url?: string;
}

/** A message in the words of its target. The same delivery always gives the same one. */
export interface Message {
  readonly id: string;
  readonly at: Instant;
  /** One line. */
  readonly subject: string;
  /** Plain text, lines separated by \n. */
  readonly text: string;
  readonly severity: Severity;
  readonly events: readonly ToldEvent[];
  /** How many events are counted only. */
  readonly more: number;
}

interface Telling {
  readonly id: string;
  readonly at: Instant;
  readonly target: string;
  readonly language: Language;
  /** Address of the dashboard, without a slash at the end. */
  readonly dashboard?: string;
}

/** Where one looks, of kinds that are about no run and no stack. */
const PLACES: Partial<Record<EventKind, string>> = { 'new-device': '/settings/sessions' };

const worst = (events: readonly { readonly severity: Severity }[]): Severity =>
  SEVERITIES[Math.max(0, ...events.map(({ severity }) => SEVERITIES.indexOf(severity)))] ?? 'info';

export function messageOf(events: readonly NotificationEvent[], telling: Telling): Message {
  const words = WORDS[telling.language];
  const all = events.map((event) => told(event, words, telling.dashboard));
  const shown = all.slice(0, LARGEST_MESSAGE);
  const more = all.length - shown.length;
  const severity = worst(all);
  const [only] = all;
  const gist = all.length === 1 && only ? only.text : words.many(all.length);
  const lines = shown.flatMap((event) => linesOf(event, words));
  return {
    id: telling.id,
    at: telling.at,
    severity,
    subject: plainLine(`[Bastide] ${words.severity[severity]}: ${gist}`, 150),
    text: [...lines, ...(more > 0 ? [words.more(more), ''] : []), '-- ', words.footer(plainLine(telling.target))].join(
      '\n',
    ),
    events: shown,
    more,
  };
}

/** What the test button sends. */
export function testMessage(telling: Telling): Message {
  const { test, footer } = WORDS[telling.language];
  return {
    id: telling.id,
    at: telling.at,
    severity: 'info',
    subject: `[Bastide] ${test.subject}`,
    text: [test.line, '', '-- ', footer(plainLine(telling.target))].join('\n'),
    events: [],
    more: 0,
  };
}

function told(event: NotificationEvent, words: Words, dashboard: string | undefined): ToldEvent {
  const { kind, at, site, facts } = event;
  const operation = facts['operation'];
  const worded = operation === undefined ? facts : { ...facts, operation: words.operation[operation] ?? operation };
  const place = event.run ? `/runs/${event.run}` : event.stack ? `/stacks/${event.stack}` : PLACES[kind];
  return {
    kind,
    severity: EVENT_SEVERITY[kind],
    at,
    ...(site ? { site } : {}),
    text: plainLine(words.event[kind](worded), 600),
    ...(dashboard && place ? { url: `${dashboard}${place}` } : {}),
  };
}

function linesOf(event: ToldEvent, words: Words): string[] {
  const when = new Date(event.at).toISOString().replace('T', ' ').slice(0, 16);
  return [
    `${words.severity[event.severity]} · ${when} UTC${event.site ? ` · ${words.site} ${event.site}` : ''}`,
    event.text,
    ...(event.url ? [`${words.look}: ${event.url}`] : []),
    '',
  ];
}
