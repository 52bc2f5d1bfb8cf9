import type { BindingId } from '../../ids.js';
import type { InterfaceDefinition } from '../../module/interface.js';
import { referencedRequirements } from '../../module/interpolation.js';
import type { Requirement } from '../../module/manifest.js';
import { type Draft, report, type WantedMember } from '../draft.js';
import { type Candidate, fits, inComposition, inSite, isTaken, offersOf, recordedChoice } from './candidates.js';
import { addMember } from './compose.js';

/**
 * After composing, because it looks for providers among the instances; before placing, because it may add some. Required
 * bindings come first, so that an optional one finds the default providers that others brought in.
 */
export function bind(draft: Draft): void {
  const done = new Set<string>();
  const waiting = () => [...draft.members.values()].find((member) => !done.has(member.name));
  for (let member = waiting(); member !== undefined; member = waiting()) {
    done.add(member.name);
    checkChosen(draft, member);
    bindAll(draft, member, false);
  }
  for (const member of [...draft.members.values()]) bindAll(draft, member, true);
  dropHalfBound(draft);
  checkConfigNames(draft);
}

function bindAll(draft: Draft, member: WantedMember, optional: boolean): void {
  for (const [name, requirement] of Object.entries(member.manifest.requires).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (requirement.optional === optional) bindOne(draft, member, name, requirement);
  }
}

function bindOne(draft: Draft, consumer: WantedMember, name: string, requirement: Requirement): void {
  const definition = draft.index.interfaces.get(requirement.interface);
  const subject = `${consumer.name}.${name}`;
  if (definition === undefined) {
    report(draft, 'error', {
      code: 'binding.unsatisfied',
      subject,
      message: `There is no interface ${requirement.interface} in the catalogue.`,
      remedy: 'Correct the name and version of the interface in the module.',
    });
    return;
  }
  const found = findProvider(draft, consumer, name, requirement, definition);
  if (found === undefined) return;
  const recorded = (draft.index.bindingsByConsumer.get(consumer.id) ?? []).find(
    (b) => b.requirement === name && b.provider === found.member.id && b.provided === found.provided,
  );
  draft.bindings.push({
    id: recorded?.id ?? (draft.input.newId('bnd') as BindingId),
    interface: requirement.interface,
    definition,
    requirement: name,
    consumer,
    provider: found.member,
    provided: found.provided,
    request: requirement.request,
    recorded,
    provide: false,
  });
}

/**
 * What the blueprint says; else the provider it has; else the only one in the composition; else in the site's foundation;
 * else the interface's default provider, which is added.
 */
function findProvider(
  draft: Draft,
  consumer: WantedMember,
  name: string,
  requirement: Requirement,
  definition: InterfaceDefinition,
): Candidate | undefined {
  const subject = `${consumer.name}.${name}`;
  const chosen = consumer.chosen[name];
  if (chosen !== undefined) {
    const member = draft.members.get(chosen) ?? draft.reused.get(chosen);
    if (member === undefined) {
      if (requirement.optional && draft.knownInstances.has(chosen)) return undefined;
      const why = draft.knownInstances.has(chosen) ? 'is switched off' : 'is not in the blueprint';
      unsatisfied(draft, subject, requirement, `the blueprint binds it to ${chosen}, which ${why}`);
      return undefined;
    }
    return select(draft, consumer, subject, requirement, definition, offersOf(member, definition.name), `${chosen}`);
  }
  const before = recordedChoice(draft, consumer, name);
  const levels: readonly (() => readonly Candidate[])[] = before
    ? [() => [before]]
    : [
        () => inComposition(draft, consumer, definition.name),
        () => (requirement.optional ? [] : ownDefault(draft, definition)),
        () => inSite(draft, definition.name),
      ];
  for (const candidates of levels) {
    const free = candidates().filter((candidate) => !isTaken(draft, consumer, definition, candidate));
    if (free.length > 0) return select(draft, consumer, subject, requirement, definition, free);
  }
  if (requirement.optional) return undefined;
  const added = addDefault(draft, definition, `${consumer.name} needs ${definition.name}`);
  if (added.length === 0) {
    unsatisfied(draft, subject, requirement, 'nothing in the stack or in the site provides it');
    return undefined;
  }
  return select(draft, consumer, subject, requirement, definition, added);
}

/** A default provider that an earlier plan added is taken again before the site is searched. */
function ownDefault(draft: Draft, definition: InterfaceDefinition): readonly Candidate[] {
  const name = definition.defaultProvider;
  if (name === undefined || draft.knownInstances.has(name) || draft.index.own.get(name)?.module !== name) return [];
  return addDefault(draft, definition, 'it was added before');
}

function addDefault(draft: Draft, definition: InterfaceDefinition, why: string): readonly Candidate[] {
  const name = definition.defaultProvider;
  const versions = name === undefined ? [] : (draft.index.modules.get(name) ?? []);
  const installed = name === undefined ? undefined : draft.index.own.get(name);
  const manifest = versions.find((module) => module.version === installed?.version) ?? versions[0];
  if (name === undefined || manifest === undefined || draft.members.has(name)) return [];
  if (installed && (installed.version !== manifest.version || installed.appVersion !== manifest.appVersion)) {
    report(draft, 'error', {
      code: 'change.unsupported',
      subject: name,
      message: `${name} is installed in version ${installed.version} (${installed.appVersion}); the catalogue has ${manifest.version} (${manifest.appVersion}).`,
      remedy: 'Upgrade the stack: upgrades come with their own operation.',
    });
  }
  const member = addMember(draft, manifest, { name, config: {}, bindings: {}, guests: {} });
  if (member === undefined) return [];
  report(draft, 'info', {
    code: 'binding.provider_added',
    subject: name,
    message: `Instance ${name} is part of the stack although the blueprint does not name it: ${why}.`,
  });
  return offersOf(member, definition.name);
}

/** One of several, or the finding that says why not. */
function select(
  draft: Draft,
  consumer: WantedMember,
  subject: string,
  requirement: Requirement,
  definition: InterfaceDefinition,
  candidates: readonly Candidate[],
  named?: string,
): Candidate | undefined {
  const label = ({ member, provided }: Candidate) =>
    `${member.stack === consumer.stack ? '' : `${member.stack}/`}${member.name} (${provided})`;
  const fitting = candidates.filter((candidate) => fits(candidate, requirement));
  const [first] = fitting;
  if (first !== undefined && fitting.length === 1) {
    if (!isTaken(draft, consumer, definition, first)) return first;
    unsatisfied(draft, subject, requirement, `${label(first)} serves one consumer only and has one`);
    return undefined;
  }
  if (fitting.length > 1) {
    report(draft, 'error', {
      code: 'binding.ambiguous',
      subject,
      message: `Several instances provide ${definition.name}: ${fitting.map(label).join(', ')}.`,
      remedy: `Say which in the blueprint: modules.${consumer.name}.bindings.`,
      details: { candidates: fitting.map(label) },
    });
    return undefined;
  }
  if (candidates.length === 0) {
    unsatisfied(draft, subject, requirement, named ? `${named} does not provide it` : 'nobody provides it');
    return undefined;
  }
  report(draft, 'error', {
    code: 'version.unsatisfied',
    subject,
    message: `${definition.name} is needed in version ${requirement.version}, but there is ${candidates.map((c) => `${label(c)} ${c.version}`).join(', ')}.`,
    remedy: 'Upgrade the provider, or bind to another one.',
  });
  return undefined;
}

function unsatisfied(draft: Draft, subject: string, requirement: Requirement, why: string): void {
  const needs = [requirement.interface, requirement.version].filter(Boolean).join(' ');
  report(draft, 'error', {
    code: 'binding.unsatisfied',
    subject,
    message: `${subject} needs ${needs}, but ${why}.`,
    remedy: `Add a module that provides ${requirement.interface} to the blueprint, or install one in the site.`,
    details: { needs },
  });
}

function checkChosen(draft: Draft, member: WantedMember): void {
  for (const name of Object.keys(member.chosen).sort()) {
    if (member.manifest.requires[name] !== undefined) continue;
    report(draft, 'error', {
      code: 'binding.unsatisfied',
      subject: `${member.name}.${name}`,
      message: `The blueprint binds ${name}, which module ${member.module} does not require.`,
      remedy: 'Correct the name of the requirement in the blueprint.',
    });
  }
}

/**
 * A request may use the offer of a sibling. When that one is optional and unbound, an optional binding falls with it; a
 * required one is a finding.
 */
function dropHalfBound(draft: Draft): void {
  for (let again = true; again; ) {
    again = false;
    for (const binding of [...draft.bindings]) {
      const siblings = draft.bindings.filter((b) => b.consumer === binding.consumer).map((b) => b.requirement);
      const lacking = referencedRequirements(binding.request).find((name) => !siblings.includes(name));
      if (lacking === undefined) continue;
      const consumer = binding.consumer as WantedMember;
      const requirement = consumer.manifest.requires[binding.requirement];
      draft.bindings.splice(draft.bindings.indexOf(binding), 1);
      again = true;
      if (requirement?.optional && consumer.manifest.requires[lacking]?.optional) continue;
      if (draft.findings.some((f) => f.severity === 'error' && f.subject === `${consumer.name}.${lacking}`)) continue;
      const known = consumer.manifest.requires[lacking] !== undefined;
      report(draft, 'error', {
        code: known ? 'binding.unsatisfied' : 'fact.unknown',
        subject: `${consumer.name}.${binding.requirement}`,
        message: known
          ? `The request uses the offer of ${lacking}, which is not bound.`
          : `The request uses binding.${lacking}, but the module has no requirement ${lacking}.`,
        remedy: known ? `Bind ${consumer.name}.${lacking}.` : 'Correct the request in the module.',
      });
    }
  }
}

/** Only now all instances are known, the added ones too. */
function checkConfigNames(draft: Draft): void {
  for (const name of Object.keys(draft.input.wanted.config).sort()) {
    if (draft.members.has(name)) continue;
    const reused = draft.reused.get(name);
    if (reused === undefined && draft.knownInstances.has(name)) continue;
    report(draft, 'error', {
      code: 'parameter.unknown',
      subject: `config.${name}`,
      message: reused
        ? `${name} belongs to stack ${reused.stack} and is configured there.`
        : `There is no instance ${name}; the stack has ${[...draft.members.keys()].sort().join(', ')}.`,
      remedy: reused ? `Change the configuration of stack ${reused.stack}.` : 'Correct the name of the instance.',
    });
  }
}
