import type { Language } from '../account/account.js';
import type { Instant } from '../ids.js';

export const SEVERITIES = ['info', 'warning', 'error'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What somebody may want to hear of, and how grave it is. */
export const EVENT_SEVERITY = {
  'run-succeeded': 'info',
  'run-failed': 'error',
  'run-waiting': 'warning',
  'stack-unhealthy': 'error',
  'stack-healthy': 'info',
  'drift-found': 'warning',
  'certificate-expiring': 'warning',
  'certificate-failed': 'error',
  'account-locked': 'warning',
  'new-device': 'warning',
  'worker-missing': 'error',
  'disk-low': 'warning',
  'audit-broken': 'error',
} as const satisfies Record<string, Severity>;

export type EventKind = keyof typeof EVENT_SEVERITY;
export const EVENT_KINDS = Object.keys(EVENT_SEVERITY) as readonly EventKind[];

/** Something that happened once. Facts are short texts and numbers without any secret; the words come with the language. */
export interface NotificationEvent {
  readonly kind: EventKind;
  /** Two events with one key are the same event: it is told once. */
  readonly key: string;
  readonly at: Instant;
  /** Absent: it is about the control plane itself. */
  readonly site?: string;
  /** Where one looks: the run or stack it is about. */
  readonly run?: string;
  readonly stack?: string;
  readonly facts: { readonly [name: string]: string | number };
  /** Whose account it is about: told by mail too, whatever the targets want. */
  readonly person?: { readonly email: string; readonly language?: Language };
}

const LONGEST_FACT = 300;
/** Control characters and marks that turn the direction of text: a name must not be able to write a header or to look like another. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to be removed
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g;

/** Text of foreign origin as one short line. */
export const plainLine = (text: string, longest = LONGEST_FACT): string => {
  const line = text.replace(UNSAFE, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
};
