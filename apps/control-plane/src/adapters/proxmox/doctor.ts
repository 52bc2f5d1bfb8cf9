import type { CallContext, DoctorFinding } from '../../application/substrates/substrate.port.js';
import { Refusal, WorldFailure } from '../../domain/problem.js';
import type { ObservedSubstrate } from '../../domain/stack/observed.js';
import { text } from './answers.js';
import type { Connection } from './connection.js';
import { observe } from './observe.js';
import { type Effective, grantCommand, missingRights, neededRights } from './privileges.js';

const OLDEST = 8;
/** More than this and certificates, tickets and one-time codes begin to fail. */
const MOST_SKEW_S = 5;

/** One check: its findings, at least one, also when all is well. A check that itself fails becomes a finding. */
type Check = (connection: Connection, seen: Seen, context: CallContext) => Promise<readonly DoctorFinding[]>;
interface Seen {
  readonly major: number;
  readonly observed: ObservedSubstrate;
  readonly nodes: readonly string[];
}

/** What is missing for us to work here, each with its remedy. Throws only when the server cannot be asked at all. */
export async function doctor(connection: Connection, context: CallContext): Promise<readonly DoctorFinding[]> {
  const version = (await connection.client.api(context).version.$get()) as { version?: unknown };
  const major = Number.parseInt(text(version.version), 10);
  const observed = await observe(connection, context);
  const { settings } = connection;
  const nodes = observed.nodes
    .filter((n) => n.online && (settings.nodes.length === 0 || settings.nodes.includes(n.name)))
    .map((n) => n.name);
  const seen: Seen = { major, observed, nodes };
  const findings = [versionFinding(connection, text(version.version), major)];
  for (const [subject, check] of CHECKS) {
    try {
      findings.push(...(await check(connection, seen, context)));
    } catch (error) {
      if (!(error instanceof WorldFailure) && !(error instanceof Refusal)) throw error;
      findings.push({
        severity: 'error',
        code: error instanceof Refusal ? error.problem.code : error.failure.code,
        subject,
        message: error instanceof Refusal ? error.problem.message : error.failure.message,
        remedy:
          error instanceof Refusal ? error.problem.remedy : (error.failure.hint ?? 'Look at the server and try again.'),
      });
    }
  }
  return findings;
}

const ok = (code: string, subject: string, message: string): DoctorFinding => ({
  severity: 'ok',
  code,
  subject,
  message,
});

function versionFinding(connection: Connection, version: string, major: number): DoctorFinding {
  if (major >= OLDEST) return ok('version', connection.name, `Proxmox VE ${version}`);
  return {
    severity: 'error',
    code: 'version',
    subject: connection.name,
    message: `This is Proxmox VE ${version}; ${OLDEST}.0 or newer is needed.`,
    remedy: 'Upgrade the cluster (pve7to8 checks what stands in the way).',
  };
}

const rights: Check = async (connection, { major }, context) => {
  const effective = (await connection.client.api(context).access.permissions.$get()) as Effective;
  const needs = neededRights(connection.settings, connection.bridges, major);
  const missing = missingRights(needs, effective);
  if (missing.length === 0)
    return [ok('permission', connection.client.tokenId, 'The API token has every right that is needed.')];
  const remedy = `On a node as root: ${grantCommand(needs, connection.client.tokenId)}`;
  return missing.map((need) => ({
    severity: 'error' as const,
    code: 'permission.missing',
    subject: need.path,
    message: `The API token ${connection.client.tokenId} lacks ${need.privileges.join(', ')} on ${need.path}.`,
    remedy,
  }));
};

const quorum: Check = async (connection, _seen, context) => {
  const rows = (await connection.client.api(context).cluster.status.$get()) as Record<string, unknown>[];
  const cluster = rows.find((row) => row.type === 'cluster');
  if (cluster === undefined) return [ok('quorum', connection.name, 'A single node without a cluster.')];
  if (Number(cluster.quorate) === 1) return [ok('quorum', text(cluster.name), 'The cluster has its quorum.')];
  return [
    {
      severity: 'error',
      code: 'substrate.no_quorum',
      subject: text(cluster.name),
      message: 'The cluster has no quorum: nothing can be created or changed.',
      remedy: 'Bring more than half of the nodes back (pvecm status).',
    },
  ];
};

const nodes: Check = async (connection, { observed }) => {
  const { settings } = connection;
  const unknown = settings.nodes.filter((name) => !observed.nodes.some((n) => n.name === name));
  const relevant = observed.nodes.filter((n) => settings.nodes.length === 0 || settings.nodes.includes(n.name));
  return [
    ...unknown.map((name) => ({
      severity: 'error' as const,
      code: 'substrate.node_unknown',
      subject: name,
      message: `There is no node ${name}; there are ${observed.nodes.map((n) => n.name).join(', ')}.`,
      remedy: 'Correct nodes in site.yaml.',
    })),
    ...relevant.map(
      (n): DoctorFinding =>
        n.online
          ? ok('node', n.name, `Online, ${n.cpus} CPUs, ${n.freeMemoryMiB} of ${n.memoryMiB} MiB free.`)
          : {
              severity: 'warning',
              code: 'substrate.node_down',
              subject: n.name,
              message: 'The node is offline.',
              remedy: 'Start it, or leave it out (nodes in site.yaml).',
            },
    ),
  ];
};

const storages: Check = async ({ settings }, { observed, nodes: names }) => {
  const kinds = new Set(
    Object.values(settings.images).flatMap((i) => [...(i.container ? ['rootdir'] : []), ...(i.vm ? ['images'] : [])]),
  );
  const found: DoctorFinding[] = [];
  for (const [storageClass, name] of Object.entries(settings.storageClasses)) {
    for (const node of names) {
      const storage = observed.storages.find((s) => s.name === name && (s.node === undefined || s.node === node));
      if (!storage) {
        found.push({
          severity: 'error',
          code: 'substrate.storage_missing',
          subject: `${name} on ${node}`,
          message: `Storage class ${storageClass} points at ${name}, which node ${node} does not have or the token may not see.`,
          remedy: 'Add it (Datacenter → Storage), correct storageClasses in site.yaml, or leave the node out.',
        });
        continue;
      }
      const lacks = [...kinds].filter((kind) => !storage.content.includes(kind));
      found.push(
        lacks.length === 0
          ? ok('storage', `${name} on ${node}`, `${storage.freeGiB} of ${storage.totalGiB} GiB free.`)
          : {
              severity: 'error',
              code: 'substrate.storage_content',
              subject: `${name} on ${node}`,
              message: `The storage does not take ${lacks.map((l) => (l === 'rootdir' ? 'containers' : 'disk images')).join(' and ')}.`,
              remedy: `pvesm set ${name} --content ${[...new Set([...storage.content, ...lacks])].join(',')}`,
            },
      );
    }
  }
  return found;
};

const images: Check = async ({ settings }, { observed, nodes: names }) => {
  const found: DoctorFinding[] = [];
  for (const [logical, image] of Object.entries(settings.images)) {
    for (const source of [image.container, image.vm]) {
      if (!source) continue;
      const template = source.volume.startsWith('template:');
      const without = names.filter(
        (node) => !observed.images.some((i) => i.volume === source.volume && (template || i.node === node)),
      );
      if (without.length === 0) found.push(ok('image', logical, `${source.volume} is there.`));
      else {
        found.push({
          severity: source.url === undefined ? 'error' : 'warning',
          code: 'substrate.image_missing',
          subject: logical,
          message: `${source.volume} is missing on ${without.join(', ')}.`,
          remedy:
            source.url === undefined
              ? 'Download it there (pveam download), or give it a url in site.yaml.'
              : `It will be fetched from ${source.url} when it is needed.`,
        });
      }
    }
  }
  return found;
};

const bridges: Check = async (connection, { nodes: names }, context) => {
  const found: DoctorFinding[] = [];
  for (const node of names) {
    const rows = (await connection.client
      .api(context)
      .nodes.$(node)
      .network.$get({ type: 'any_bridge' } as never)) as {
      iface?: unknown;
    }[];
    const there = rows.map((row) => text(row.iface));
    for (const bridge of connection.bridges) {
      if (there.includes(bridge)) found.push(ok('bridge', `${bridge} on ${node}`, 'The bridge is there.'));
      else {
        found.push({
          severity: 'error',
          code: 'substrate.bridge_missing',
          subject: `${bridge} on ${node}`,
          message: `Node ${node} has no bridge ${bridge} (it has ${there.join(', ') || 'none that the token may see'}).`,
          remedy: 'Create it (Node → System → Network), or correct the zone’s bridge in site.yaml.',
        });
      }
    }
  }
  return found;
};

const firewall: Check = async (connection, _seen, context) => {
  const options = (await connection.client.api(context).cluster.firewall.options.$get()) as { enable?: unknown };
  if (Number(options.enable ?? 0) !== 0)
    return [ok('firewall', connection.name, 'The firewall of the data centre is on.')];
  return [
    {
      severity: 'warning',
      code: 'firewall.off',
      subject: connection.name,
      message:
        'The firewall of the data centre is off: the rules of guests have no effect, every zone reaches every guest.',
      remedy:
        'First allow your own access to the nodes (port 8006 and SSH), then: pvesh set /cluster/firewall/options --enable 1',
    },
  ];
};

const time: Check = async (connection, { nodes: names }, context) => {
  const found: DoctorFinding[] = [];
  for (const node of names) {
    const asked = connection.clock.now();
    const answer = (await connection.client.api(context).nodes.$(node).time.$get()) as { time?: unknown };
    const middle = (asked + connection.clock.now()) / 2000;
    const skew = Math.round(Number(answer.time) - middle);
    found.push(
      Math.abs(skew) <= MOST_SKEW_S
        ? ok('time', node, 'The clock agrees with ours.')
        : {
            severity: 'error',
            code: 'time.skew',
            subject: node,
            message: `The clock of ${node} is ${Math.abs(skew)} s ${skew > 0 ? 'ahead of' : 'behind'} ours.`,
            remedy: 'Let both follow a time server (chronyc tracking).',
          },
    );
  }
  return found;
};

const CHECKS: readonly (readonly [string, Check])[] = [
  ['rights', rights],
  ['quorum', quorum],
  ['nodes', nodes],
  ['storages', storages],
  ['images', images],
  ['bridges', bridges],
  ['firewall', firewall],
  ['time', time],
];
