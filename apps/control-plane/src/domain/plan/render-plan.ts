import type { Plan, PlannedStep } from './plan.js';

/**
 * A plan as text, for the terminal and for golden files: the same plan always gives the same text, and nothing random is
 * in it (ids are replaced by names).
 */
export function renderPlan(plan: Plan): string {
  const { wanted } = plan;
  const { domain } = plan.orders ?? {};
  const lines = [
    domain
      ? `Plan: change the domain of site ${plan.site} ${domain.from === domain.to ? '' : `from ${domain.from} `}to ${domain.to}`
      : `Plan: ${plan.operation} stack ${plan.stackName} on site ${plan.site}`,
  ];
  if (domain) {
    lines.push(`Stacks ${[wanted, ...(plan.alongside ?? [])].map((stack) => stack.name).join(', ')}`);
  } else if (plan.operation !== 'remove') {
    const parts = Object.entries(wanted.components)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, on]) => `${name} ${on ? 'on' : 'off'}`);
    const choice = [`size ${wanted.size}`, ...parts].join(', ');
    lines.push(`Blueprint ${wanted.blueprint.name} ${wanted.blueprint.version} (${choice})`);
  }
  if (plan.findings.length > 0) {
    lines.push('', 'Findings');
    for (const { severity, code, subject, message, remedy } of plan.findings) {
      lines.push(`  ${severity.padEnd(7)} ${code}  ${subject}`, `          ${message}`);
      if (remedy !== undefined) lines.push(`          ${remedy}`);
    }
  }
  if (plan.steps.length === 0) {
    const refused = plan.findings.some((finding) => finding.severity === 'error');
    lines.push('', refused ? 'Nothing can be done before the errors are resolved.' : 'Nothing is to be done.');
    return `${lines.join('\n')}\n`;
  }
  lines.push('', `Steps (${plan.steps.length}), in columns that run at the same time`);
  let layer = -1;
  for (const step of plan.steps) {
    if (step.layer !== layer) lines.push(`  ${step.layer + 1}.`);
    layer = step.layer;
    lines.push(`    ${step.label}${step.weightMs > 0 ? `  ~${duration(step.weightMs)}` : ''}`);
    for (const detail of detailsOf(step)) lines.push(`      ${detail}`);
  }
  lines.push('', `Touched (${plan.blastRadius.length})`);
  for (const { kind, name, effect, detail } of plan.blastRadius) {
    lines.push(`  ${effect.padEnd(9)} ${kind.padEnd(13)} ${name}${detail === undefined ? '' : `: ${detail}`}`);
  }
  const { wallMs, sumMs, longestChain } = plan.estimate;
  lines.push('', `Takes about ${duration(wallMs)} (${duration(sumMs)} of work). Longest chain:`);
  for (const id of longestChain) lines.push(`  ${id}`);
  return `${lines.join('\n')}\n`;
}

/** What an admin wants to see before agreeing. */
function detailsOf({ step }: PlannedStep): readonly string[] {
  switch (step.kind) {
    case 'guest.create': {
      const { guest } = step;
      const { network } = guest;
      const features = guest.features.length === 0 ? [] : [`features: ${guest.features.join(', ')}`];
      return [
        `${guest.kind} ${guest.vmid} on ${guest.substrate}/${guest.node}, ${guest.hostname}.${guest.domain}, ${network.address}/${network.prefix} in zone ${network.zone}`,
        `${guest.cpus} CPUs, ${guest.memoryMiB} MiB, ${guest.diskGiB} GiB on ${guest.storage}, image ${guest.image}`,
        ...guest.volumes.map((volume) => `volume ${volume.name}: ${volume.sizeGiB} GiB at ${volume.path}`),
        ...features,
      ];
    }
    case 'guest.firewall':
      return step.rules.map(
        ({ protocol, port, source, comment }) => `${protocol}/${port} from ${source ?? 'anywhere'} (${comment})`,
      );
    case 'guest.resize':
      return [`${step.cpus} CPUs, ${step.memoryMiB} MiB${step.reboot ? ', with a restart' : ''}`];
    case 'guest.grow':
      return [`to ${step.sizeGiB} GiB`];
    case 'guest.move':
      return [`to ${step.node}`];
    case 'guest.rename':
      return [`now below ${step.domain}`];
    case 'binding.provide':
      return [[step.binding.interface, sortedJson(step.binding.request)].filter((part) => part !== '').join(': ')];
    case 'artifact.fetch':
      return [step.url];
    default:
      return [];
  }
}

const sortedJson = (value: object): string =>
  Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${key} ${JSON.stringify(field)}`)
    .join(', ');

/** `45 s`, `3 min 20 s`. */
function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest === 0 ? '' : ` ${rest} s`}`;
}
