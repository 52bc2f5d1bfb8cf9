import type { Blueprint } from '../../blueprint/blueprint.js';
import type { Json, JsonObject } from '../../ids.js';
import { checkValue } from '../../module/config-check.js';
import { interpolate } from '../../module/interpolation.js';
import type { PropertySchema } from '../../module/manifest.js';
import { type Draft, report } from '../draft.js';
import { siteFacts } from '../facts.js';

/** Values of the blueprints' parameters: what the admin gave, else the default; the wanted blueprint's own declaration wins. */
export function checkParameters(draft: Draft, layers: readonly Blueprint[]): JsonObject {
  const schemas: Record<string, PropertySchema> = Object.assign({}, ...layers.map((layer) => layer.parameters));
  const given = draft.input.wanted.parameters;
  for (const name of Object.keys(given).sort()) {
    if (Object.hasOwn(schemas, name)) continue;
    const known = Object.keys(schemas);
    report(draft, 'error', {
      code: 'parameter.unknown',
      subject: `parameters.${name}`,
      message: `There is no parameter ${name}; the blueprint has ${known.length === 0 ? 'none' : known.join(', ')}.`,
      remedy: 'Take it out, or correct the name.',
    });
  }
  const values: Record<string, Json> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const value = given[name] ?? defaultOf(draft, name, schema);
    if (value === undefined) {
      report(draft, 'error', {
        code: 'parameter.missing',
        subject: `parameters.${name}`,
        message: `${schema.title ?? name} has no default and was not given.`,
        remedy: `Give a value for ${name}.`,
      });
      continue;
    }
    for (const problem of checkValue(schema, value)) {
      const subject = problem.path === '' ? name : `${name}.${problem.path}`;
      report(draft, 'error', {
        code: 'parameter.invalid',
        subject: `parameters.${subject}`,
        message: `${subject} ${problem.message}.`,
        remedy: 'Correct the value.',
      });
    }
    if (schema.default === '{{ site.domain }}' && value !== draft.input.site.domain) refuseOtherDomain(draft, name);
    values[name] = value;
  }
  return values;
}

/** Names are made from the site's domain alone; a stack that asked for another one would not get it. */
function refuseOtherDomain(draft: Draft, name: string): void {
  const { site } = draft.input;
  report(draft, 'error', {
    code: 'parameter.invalid',
    subject: `parameters.${name}`,
    message: `${name} is the domain of the site, ${site.domain}; a stack cannot have another one.`,
    remedy: `Leave it out, or change the domain of the whole site: bastide site domain ${site.name} DOMAIN.`,
  });
}

function defaultOf(draft: Draft, name: string, schema: PropertySchema): Json | undefined {
  if (schema.default === undefined) return undefined;
  const { value, problems } = interpolate(schema.default as Json, siteFacts(draft));
  for (const problem of problems) {
    report(draft, 'error', {
      code: 'fact.unknown',
      subject: `parameters.${name}`,
      message: `The default of ${name} cannot be filled in: ${problem.message}.`,
      remedy: 'Correct the blueprint; docs/reference/module.md lists the facts.',
    });
  }
  return value;
}
