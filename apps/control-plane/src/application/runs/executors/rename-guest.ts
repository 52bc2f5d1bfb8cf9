import type { ModuleManifest } from '../../../domain/module/manifest.js';
import { WorldFailure } from '../../../domain/problem.js';
import type { RecordedGuest } from '../../../domain/stack/stack.js';
import type { RecordChange } from '../../stacks/stack-store.port.js';
import type { Executors, StepContext } from '../executor.js';
import { callContext, type KnownGuest, knownGuest, type StepWorld, shellContext, targetOf } from './step-world.js';

/**
 * What the guest itself holds of its domain. The substrate writes some of these files at the next start; until then, and
 * where it writes them at the first start only, they are changed in place. Arguments: the new domain, then the old ones.
 * Whole names alone: `demo.test` is in neither `xdemo.test` nor `demo.test.example`, and what is below the new one stays.
 */
const NAMES_INSIDE = `set -eu
to=$1; shift
for file in /etc/hosts /etc/resolv.conf /etc/hostname /etc/mailname /etc/network/interfaces /etc/network/interfaces.d/* /etc/netplan/*.yaml; do
  [ -f "$file" ] || continue
  file=$(readlink -f "$file")
  for from; do
    new=$(mktemp "$file.XXXXXX")
    cp -p "$file" "$new"
    perl -pe 'BEGIN { ($from, $to) = splice @ARGV, 0, 2; $within = $to =~ /\\.\\Q$from\\E$/ }
      s{(?<![A-Za-z0-9_.-])((?:[A-Za-z0-9_-]+\\.)*)\\Q$from\\E(?![A-Za-z0-9-]|\\.[A-Za-z0-9])}
       { my ($name, $before) = ($&, $1); $within && $name =~ /(?:^|\\.)\\Q$to\\E$/i ? $name : "$before$to" }gie' "$from" "$to" "$file" >"$new"
    if cmp -s "$file" "$new"; then rm -f "$new"; else mv -f "$new" "$file"; fi
  done
done`;

export function renameExecutor(world: StepWorld): Pick<Executors, 'guest.rename'> {
  return {
    'guest.rename': async (step, context) => {
      const guest = await knownGuest(world, step.guest, context);
      const { spec, formerDomains = [] } = guest.recorded;
      const former = [...new Set([...formerDomains, spec.domain])].filter((domain) => domain !== step.domain).sort();
      await guest.substrate.setSearchDomain(guest.owned, step.domain, callContext(context));
      await nameInside(world, guest, step.domain, former, context);
      return {
        output: { fqdn: `${spec.hostname}.${step.domain}` },
        changes: await recordName(world, guest.recorded, step.domain, former, context),
      };
    },
  };
}

async function nameInside(
  world: StepWorld,
  guest: KnownGuest,
  domain: string,
  former: readonly string[],
  context: StepContext,
): Promise<void> {
  await context.fence();
  const command = ['sh', '-c', NAMES_INSIDE, 'sh', domain, ...former];
  const { exitCode, stderr } = await world.shell.run(targetOf(guest.recorded), command, shellContext(context));
  if (exitCode === 0) return;
  throw new WorldFailure({
    code: 'guest.names',
    retryable: 'now',
    message: `The names inside ${guest.recorded.spec.hostname} could not be changed (exit code ${exitCode})`,
    details: { tail: stderr.toString().split('\n').slice(-8) },
  });
}

/**
 * From here on its configuration and all its relations count as out of date: also when this run is broken off or left, any
 * plan will want to make them anew. Old domains are kept until the module's own hook has gone through the data.
 */
async function recordName(
  world: StepWorld,
  guest: RecordedGuest,
  domain: string,
  former: readonly string[],
  context: StepContext,
): Promise<readonly RecordChange[]> {
  const { instances, bindings } = await world.stacks.recorded(context.site);
  const instance = instances.find((entry) => entry.id === guest.instance);
  const { modules } = await world.catalogue.load();
  const manifest: ModuleManifest | undefined = modules.find(
    (entry) => entry.name === instance?.module && entry.version === instance.version,
  );
  const keeps = manifest?.hookFiles.includes('rename') ?? false;
  return [
    { type: 'guest-name', guest: guest.id, domain, formerDomains: keeps ? former : [] },
    ...(instance ? [{ type: 'instance-put', instance: { ...instance, configured: {} } } as const] : []),
    ...bindings
      .filter((binding) => binding.consumer === guest.instance || binding.provider === guest.instance)
      .map((binding) => ({ type: 'binding-put', binding: { ...binding, offerDigest: '' } }) as const),
  ];
}
