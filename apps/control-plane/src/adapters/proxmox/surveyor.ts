import { isIP } from 'node:net';
import { connect } from 'node:tls';
import type { Clock } from '../../application/clock.port.js';
import type { ClusterSurvey, ShownCertificate, Surveyor } from '../../application/sites/cluster-survey.port.js';
import { Refusal } from '../../domain/problem.js';
import { bareOf, reachOf } from '../addresses/reachable-addresses.js';
import { text } from './answers.js';
import { ProxmoxClient } from './proxmox-client.js';

const HANDSHAKE_MS = 10_000;
const SURVEY_MS = 30_000;
const GIB = 1024 ** 3;

/** Looks at Proxmox VE clusters before they are connected. */
export class ProxmoxSurveyor implements Surveyor {
  constructor(private readonly clock: Clock) {}

  async probe(endpoint: string, signal: AbortSignal): Promise<ShownCertificate> {
    const { host, port } = addressOf(endpoint);
    return await new Promise((resolve, reject) => {
      const socket = connect({
        host,
        port,
        ...(isIP(host) ? {} : { servername: host }),
        // Nothing is sent over this connection: it ends when the certificate was seen, and only its print is told.
        rejectUnauthorized: false,
      });
      const unreachable = (why: string): void => {
        socket.destroy();
        reject(
          new Refusal({
            code: 'substrate.unreachable',
            subject: endpoint,
            message: `No TLS connection: ${why}.`,
            remedy:
              'Check the address and the port (Proxmox VE listens on 8006), and that a firewall lets this machine in.',
          }),
        );
      };
      const timer = setTimeout(() => unreachable(`no answer within ${HANDSHAKE_MS / 1000} s`), HANDSHAKE_MS);
      signal.addEventListener('abort', () => unreachable('cancelled'), { once: true });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        unreachable(error.code ?? 'the handshake failed');
      });
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        // A name may lead to an address that the name did not show.
        const refused = refusedAddress(socket.remoteAddress ?? '');
        const certificate = socket.getPeerCertificate();
        socket.destroy();
        if (refused) return reject(noCluster(endpoint));
        if (!certificate.fingerprint256) return unreachable('the server shows no certificate');
        resolve({
          fingerprint: certificate.fingerprint256,
          subject: String(certificate.subject?.CN ?? ''),
          issuer: String(certificate.issuer?.CN ?? certificate.issuer?.O ?? ''),
          validUntil: Date.parse(certificate.valid_to),
        });
      });
    });
  }

  async survey(
    access: { readonly endpoint: string; readonly fingerprint: string; readonly token: string },
    signal: AbortSignal,
  ): Promise<ClusterSurvey> {
    addressOf(access.endpoint);
    const client = new ProxmoxClient(access, this.clock);
    const api = client.api({ signal, deadline: this.clock.now() + SURVEY_MS });
    try {
      const [{ version }, rows] = (await Promise.all([api.version.$get(), api.cluster.resources.$get()])) as [
        { version: string },
        Record<string, unknown>[],
      ];
      const nodes = rows.filter((row) => row.type === 'node' && row.status === 'online').map((row) => text(row.node));
      const storages = rows.filter((row) => row.type === 'storage' && nodes.includes(text(row.node)));
      const bridges = new Map<string, { name: string; cidr?: string; gateway?: string }>();
      const templates = new Set<string>();
      for (const node of nodes) {
        const networks = (await api.nodes.$(node).network.$get({ type: 'any_bridge' } as never)) as Record<
          string,
          unknown
        >[];
        for (const row of networks) {
          const name = text(row.iface);
          const cidr = typeof row.cidr === 'string' ? { cidr: row.cidr } : {};
          const gateway = typeof row.gateway === 'string' ? { gateway: row.gateway } : {};
          if (!bridges.has(name)) bridges.set(name, { name, ...cidr, ...gateway });
        }
        for (const row of storages.filter((storage) => text(storage.node) === node)) {
          if (!text(row.content ?? '').includes('vztmpl')) continue;
          const list = await api.nodes.$(node).storage.$(text(row.storage)).content.$get({ content: 'vztmpl' });
          for (const volume of list as Record<string, unknown>[]) templates.add(text(volume.volid));
        }
      }
      const byName = new Map(
        storages.map((row) => [
          text(row.storage),
          {
            name: text(row.storage),
            content: text(row.content ?? '')
              .split(',')
              .filter(Boolean),
            freeGiB: Math.round((Number(row.maxdisk ?? 0) - Number(row.disk ?? 0)) / GIB),
          },
        ]),
      );
      return {
        version,
        nodes,
        storages: [...byName.values()],
        templates: [...templates],
        bridges: [...bridges.values()],
        guestIds: rows.flatMap((row) => (typeof row.vmid === 'number' ? [row.vmid] : [])),
      };
    } finally {
      await client.close();
    }
  }
}

function addressOf(endpoint: string): { host: string; port: number } {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url?.protocol !== 'https:' || url.username || url.pathname !== '/' || refusedAddress(bareOf(url.hostname))) {
    throw noCluster(endpoint);
  }
  return { host: bareOf(url.hostname), port: Number(url.port || 8006) };
}

/** Addresses at which no cluster can be, but other things: link-local (cloud metadata), "this host", multicast. */
const refusedAddress = (address: string): boolean => isIP(address) !== 0 && reachOf(address) === 'never';

function noCluster(endpoint: string): Refusal {
  const message = 'must be the address of a cluster: https://host:8006';
  return new Refusal({
    code: 'request.invalid',
    subject: 'endpoint',
    message: `endpoint ${message}.`,
    remedy: 'Take the address that you open in a browser for its web interface.',
    details: { fields: [{ field: 'endpoint', message }], endpoint: endpoint.slice(0, 200) },
  });
}
