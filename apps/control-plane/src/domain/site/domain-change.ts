import type { Json } from '../ids.js';
import type { RecordedSite, WantedStack } from '../stack/stack.js';
import type { Site } from './site.js';

/** A site gets another domain. Part of the plan's orders: once the run is through, nothing of it stays wanted. */
export interface DomainOrder {
  readonly from: string;
  readonly to: string;
  /** Values that somebody set by hand and that name the old domain: rewritten, or kept as they are. */
  readonly rewrite: boolean;
  readonly values: readonly HandSetValue[];
}

export interface HandSetValue {
  /** `stack team: config.directory.organisation`, `site: adminEmail`. */
  readonly subject: string;
  readonly before: string;
  readonly after: string;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const DOMAIN = new RegExp(`^${LABEL}(?:\\.${LABEL})+$`);
/** A host name has 253 characters at most; a label and its dot must still fit before the domain. */
const LONGEST = 253 - 64;

/** Lower-case labels, two at least; the last one is no number, or it could be taken for an address. */
export const isDomain = (text: string): boolean =>
  text.length <= LONGEST && DOMAIN.test(text) && !/\.[0-9]+$/.test(text);

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Names at or below a domain, whole ones: `xdemo.test` and `demo.test.example` are others. */
const namesUnder = (domain: string): RegExp =>
  new RegExp(`(?<![A-Za-z0-9_.-])((?:[A-Za-z0-9_*-]+\\.)*)${escaped(domain)}(?![A-Za-z0-9-]|\\.[A-Za-z0-9])`, 'gi');

/** Every name at or below `from` becomes the one at or below `to`. May be done twice, also where one domain lies in the other. */
export function inNewDomain(text: string, from: string, to: string): string {
  if (from === to) return text;
  const nested = to.endsWith(`.${from}`);
  return text.replace(namesUnder(from), (name: string, before: string) => {
    const lower = name.toLowerCase();
    return nested && (lower === to || lower.endsWith(`.${to}`)) ? name : `${before}${to}`;
  });
}

/** The site under its new domain. */
export const movedSite = (site: Site, order: Pick<DomainOrder, 'from' | 'to' | 'rewrite'>): Site => ({
  ...site,
  domain: order.to,
  ...(order.rewrite ? { adminEmail: inNewDomain(site.adminEmail, order.from, order.to) } : {}),
});

/** What is wanted of a stack, with the values that were set by hand rewritten where that was asked for. */
export function movedStack(
  stack: WantedStack,
  { from, to, rewrite }: Pick<DomainOrder, 'from' | 'to' | 'rewrite'>,
): WantedStack {
  // A parameter that is the domain itself has no other meaning than to follow it.
  const parameters = Object.fromEntries(
    Object.entries(stack.parameters).map(([name, value]) => [name, value === from ? to : value]),
  );
  if (!rewrite) return { ...stack, parameters };
  return {
    ...stack,
    parameters: rewritten(stack.parameters, from, to) as WantedStack['parameters'],
    config: rewritten(stack.config, from, to) as WantedStack['config'],
  };
}

/** A domain that a change, broken off, has not got rid of: guests stand in it, or their data names it. */
export function domainLeftBehind({ guests }: Pick<RecordedSite, 'guests'>, domain: string): string | undefined {
  return guests
    .flatMap(({ spec, formerDomains = [] }) => [spec.domain, ...formerDomains])
    .find((name) => name !== domain);
}

/** Values that name the old domain because somebody typed it; what follows the site by itself is not among them. */
export function handSetValues(
  site: Site,
  stacks: readonly WantedStack[],
  from: string,
  to: string,
): readonly HandSetValue[] {
  const found: HandSetValue[] = [];
  const look = (subject: string, value: Json | undefined): void => {
    if (typeof value === 'string') {
      const after = inNewDomain(value, from, to);
      if (after !== value) found.push({ subject, before: value, after });
    } else if (value !== null && typeof value === 'object') {
      for (const [key, entry] of Object.entries(value)) look(`${subject}.${key}`, entry as Json);
    }
  };
  look('site: adminEmail', site.adminEmail);
  for (const stack of stacks) {
    look(`stack ${stack.name}: parameters`, stack.parameters);
    look(`stack ${stack.name}: config`, stack.config);
  }
  return found;
}

function rewritten(value: Json, from: string, to: string): Json {
  if (typeof value === 'string') return inNewDomain(value, from, to);
  if (Array.isArray(value)) return value.map((entry) => rewritten(entry as Json, from, to));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, rewritten(entry as Json, from, to)]));
}
