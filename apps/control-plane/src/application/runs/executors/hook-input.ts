import type { JsonObject } from '../../../domain/ids.js';
import { interpolate } from '../../../domain/module/interpolation.js';
import type { ModuleManifest } from '../../../domain/module/manifest.js';
import type { BindingPlan, InstanceRef } from '../../../domain/plan/steps.js';
import { WorldFailure } from '../../../domain/problem.js';
import type { Site } from '../../../domain/site/site.js';
import type { RecordedGuest, RecordedSite } from '../../../domain/stack/stack.js';
import type { StepWorld } from './step-world.js';

/** Names under which secrets are kept; removing an instance or binding removes everything under its prefix. */
export const instanceSecrets = (instance: string): string => `instance/${instance}/`;
export const bindingSecrets = (binding: string): string => `binding/${binding}/`;
export const offerSecrets = (binding: string): string => `offer/${binding}/`;

export interface HookInput {
  readonly document: { readonly [key: string]: unknown };
  /** Every secret in it, to be redacted from what the hook prints. */
  readonly secrets: readonly string[];
  /** Over everything that `configure` depends on, secrets included; not over names of run and step. */
  readonly digest: string;
}

interface HookFor {
  readonly site: Site;
  readonly recorded: RecordedSite;
  readonly stackName: string;
  readonly instance: InstanceRef;
  readonly manifest: ModuleManifest;
  readonly guest: RecordedGuest;
  readonly hook: string;
  readonly provide?: { readonly binding: BindingPlan; readonly request: JsonObject };
  /**
   * Makes no secret and no certificate, and fails where one is missing. For whoever is not a step of a run: nothing holds
   * the instance there, and what it made after a removal would stay for ever.
   */
  readonly readOnly?: true;
}

/** Puts together what a hook is told (docs/reference/hooks.md). The only place where secrets and documents meet. */
export async function assembleHookInput(world: StepWorld, ask: HookFor): Promise<HookInput> {
  const { site, recorded, instance, manifest, guest } = ask;
  const found = new Set<string>();
  const remember = (value: string): string => {
    found.add(value);
    return value;
  };
  const guestsOf = (id: string): Record<string, unknown> =>
    Object.fromEntries(
      recorded.guests.filter((entry) => entry.instance === id).map((entry) => [entry.name, describe(entry)]),
    );

  const secrets: Record<string, string> = {};
  for (const [name, policy] of Object.entries(manifest.secrets)) {
    const kept = `${instanceSecrets(instance.id)}${name}`;
    secrets[name] = remember(
      ask.readOnly
        ? present(await world.secrets.get(kept), ask, `secret ${name}`)
        : await world.secrets.ensure(kept, () => world.secretSource.generate(policy)),
    );
  }

  const certificates: Record<string, unknown> = {};
  for (const [name, policy] of Object.entries(manifest.certificates)) {
    if (policy.guest && policy.guest !== guest.name) continue;
    const fqdn = `${guest.spec.hostname}.${guest.spec.domain}`;
    const names = interpolate(policy.names as string[], certificateFacts(site, guest)).value as string[];
    const kept = `instance/${instance.id}/${guest.name}/${name}`;
    const issued = ask.readOnly
      ? present(await world.certificates.find(site, kept), ask, `certificate ${name}`)
      : await world.certificates.issue(site, kept, {
          kind: policy.kind,
          commonName: fqdn,
          dnsNames: [fqdn, guest.spec.hostname, ...names],
          addresses: [guest.spec.network.address],
        });
    remember(issued.privateKey);
    certificates[name] = {
      certificate: issued.certificate,
      privateKey: issued.privateKey,
      caCertificate: issued.caCertificate,
    };
  }

  const bindings: Record<string, unknown> = {};
  for (const binding of recorded.bindings.filter((entry) => entry.consumer === instance.id)) {
    const offer: Record<string, unknown> = { ...binding.offer };
    for (const field of await offerFields(world, binding.id)) offer[field.name] = remember(field.value);
    bindings[binding.requirement] = offer;
  }

  const artifacts: Record<string, unknown> = {};
  for (const [name, artifact] of Object.entries(manifest.artifacts)) {
    artifacts[name] = { path: artifactPath(artifact.sha256), sha256: artifact.sha256 };
  }

  const stable = {
    site: {
      name: site.name,
      domain: site.domain,
      country: site.country,
      locale: site.locale,
      timeZone: site.timeZone,
      caCertificate: await world.certificates.root(site),
      resolvers: site.resolvers,
      networks: Object.values(site.zones).map((zone) => zone.cidr),
      adminEmail: site.adminEmail,
    },
    stack: { name: ask.stackName },
    instance: {
      name: instance.name,
      module: instance.module,
      version: instance.version,
      appVersion: instance.appVersion,
      digest: instance.moduleDigest,
    },
    guest: describe(guest),
    guests: guestsOf(instance.id),
    config: instance.config,
    secrets,
    certificates,
    bindings,
    artifacts,
    previous: null,
  };
  const document: Record<string, unknown> = {
    hook: ask.hook,
    ...stable,
    ...(ask.hook === 'rename' ? { previous: { domains: guest.formerDomains ?? [] } } : {}),
  };
  if (ask.provide) {
    const { binding, request } = ask.provide;
    const definition = (await world.catalogue.load()).interfaces.find((entry) => entry.name === binding.interface);
    const generated: Record<string, string> = {};
    for (const [name, policy] of Object.entries(definition?.secrets ?? {})) {
      generated[name] = remember(
        await world.secrets.ensure(`${bindingSecrets(binding.id)}${name}`, () => world.secretSource.generate(policy)),
      );
    }
    document.binding = {
      id: binding.id,
      interface: binding.interface,
      request,
      secrets: generated,
      consumer: {
        instance: binding.consumer.name,
        module: binding.consumer.module,
        stack: binding.consumer.stack,
        guests: guestsOf(binding.consumer.id),
      },
    };
  }
  return { document, secrets: [...found], digest: world.sha256(JSON.stringify(stable)) };
}

function present<T>(found: T | undefined, { instance }: HookFor, what: string): T {
  if (found !== undefined) return found;
  throw new WorldFailure({
    code: 'instance.not_set_up',
    retryable: 'never',
    message: `${instance.name} has no ${what}: it is not set up yet, or it is being removed.`,
  });
}

/** Where artifacts lie on a guest: by digest, so that two modules may share one. */
export const artifactPath = (sha256: string): string => `/var/lib/bastide/artifacts/${sha256}`;

async function offerFields(world: StepWorld, binding: string): Promise<{ name: string; value: string }[]> {
  const names = await world.secrets.get(`${offerSecrets(binding)}#fields`);
  const fields: { name: string; value: string }[] = [];
  for (const name of names ? (JSON.parse(names) as string[]) : []) {
    const value = await world.secrets.get(`${offerSecrets(binding)}${name}`);
    if (value !== undefined) fields.push({ name, value });
  }
  return fields;
}

/** Keeps the secret fields of an offer; the list of their names lies beside them. */
export async function keepOfferFields(
  world: StepWorld,
  binding: string,
  fields: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, value] of Object.entries(fields)) await world.secrets.put(`${offerSecrets(binding)}${name}`, value);
  await world.secrets.put(`${offerSecrets(binding)}#fields`, JSON.stringify(Object.keys(fields)));
}

function describe(guest: RecordedGuest): Record<string, unknown> {
  const { spec } = guest;
  return {
    name: guest.name,
    hostname: spec.hostname,
    fqdn: `${spec.hostname}.${spec.domain}`,
    address: spec.network.address,
    prefix: spec.network.prefix,
    gateway: spec.network.gateway,
    zone: spec.network.zone,
    volumes: Object.fromEntries(spec.volumes.map((volume) => [volume.name, { path: volume.path }])),
  };
}

const certificateFacts =
  (site: Site, guest: RecordedGuest) =>
  (name: string): { value: string } | undefined => {
    const facts: Record<string, string> = {
      'site.domain': site.domain,
      'site.name': site.name,
      [`guest.${guest.name}.address`]: guest.spec.network.address,
      [`guest.${guest.name}.hostname`]: guest.spec.hostname,
      [`guest.${guest.name}.fqdn`]: `${guest.spec.hostname}.${guest.spec.domain}`,
    };
    const value = facts[name];
    return value === undefined ? undefined : { value };
  };
