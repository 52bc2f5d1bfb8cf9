import type { Json, JsonObject } from '../../ids.js';
import { checkValue, withDefaults } from '../../module/config-check.js';
import { sameJson } from '../../module/hash.js';
import { type FactLookup, factsIn, interpolate } from '../../module/interpolation.js';
import { type Draft, type DraftBinding, report, type WantedMember } from '../draft.js';
import { instanceFacts, parameterFacts, requestFacts } from '../facts.js';

/**
 * After allocating, because configuration and requests may name addresses; before the diff, because that compares the
 * finished values. Defaults of the module know the facts of instance and site, what blueprints and admin say knows the
 * parameters as well.
 */
export function configure(draft: Draft): void {
  for (const member of draft.members.values()) {
    member.config = configOf(draft, member);
    member.configChanged = member.recorded !== undefined && !sameJson(member.recorded.config, member.config);
  }
  for (const binding of draft.bindings) finishRequest(draft, binding);
}

function configOf(draft: Draft, member: WantedMember): JsonObject {
  const schema = member.manifest.config;
  const defaults = withDefaults(schema, {});
  const own = fill(draft, `${member.name}.config`, defaults, instanceFacts(draft, member));
  const given = fill(draft, `${member.name}.config`, member.rawConfig, parameterFacts(draft, member));
  const config = withDefaults(schema, { ...own, ...given });
  for (const problem of checkValue(schema, config)) {
    report(draft, 'error', {
      code:
        problem.kind === 'unknown'
          ? 'parameter.unknown'
          : problem.kind === 'missing'
            ? 'parameter.missing'
            : 'parameter.invalid',
      subject: `${member.name}.config.${problem.path}`,
      message: `${problem.path || 'config'} ${problem.message}.`,
      remedy: `Correct the configuration of ${member.name}.`,
    });
  }
  return config;
}

function finishRequest(draft: Draft, binding: DraftBinding): void {
  const subject = `${binding.consumer.name}.${binding.requirement}`;
  const value = fill(draft, subject, binding.request, requestFacts(draft, binding.consumer));
  const schema = binding.definition?.request;
  if (schema === undefined) {
    binding.request = value;
    return;
  }
  binding.request = withDefaults(schema, value);
  for (const problem of checkValue(schema, binding.request, { tolerate: isOpen })) {
    report(draft, 'error', {
      code: 'parameter.invalid',
      subject: `${subject}.${problem.path}`,
      message: `The request for ${binding.interface}: ${problem.path || 'it'} ${problem.message}.`,
      remedy: `Correct the request of requirement ${binding.requirement} in module ${binding.consumer.module}.`,
    });
  }
}

/** Text whose last word has the offer of a sibling binding. */
const isOpen = (value: Json): boolean => typeof value === 'string' && factsIn(value).length > 0;

function fill(draft: Draft, subject: string, value: JsonObject, facts: FactLookup): JsonObject {
  const filled = interpolate(value, facts);
  for (const problem of filled.problems) {
    report(draft, 'error', {
      code: 'fact.unknown',
      subject: problem.path === '' ? subject : `${subject}.${problem.path}`,
      message: `A value cannot be filled in: ${problem.message}.`,
      remedy: 'docs/reference/module.md lists the facts.',
    });
  }
  return filled.value;
}
