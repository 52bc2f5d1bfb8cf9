import { schemaCheck, schemaIsThere } from '../../../test/conformance/api-schema.js';
import { openLab } from '../../../test/conformance/lab-substrate.js';
import { substrateConformance } from '../../../test/conformance/substrate.js';
import { unfinishedGuestConformance } from '../../../test/conformance/unfinished-guests.js';
import type { SentRequest } from './proxmox-client.js';

const sent: SentRequest[] = [];

const open = () => openLab({ onRequest: (request) => sent.push(request) });
substrateConformance('Proxmox VE (the lab)', open);
unfinishedGuestConformance('Proxmox VE (the lab)', open);

(schemaIsThere() ? describe : describe.skip)('what was sent during the suite', () => {
  it('fits the schema of the real API, parameter by parameter', () => {
    const check = schemaCheck();
    expect(sent.length).toBeGreaterThan(300);
    expect([...new Set(sent.flatMap(check))]).toEqual([]);
  });

  it('covers every kind of call that the adapter makes', () => {
    const calls = sent.map((r) => `${r.method} ${r.path.replace(/^\/nodes\/[^/]+/, '').replace(/\/\d+/g, '/N')}`);
    for (const call of [
      'POST /lxc',
      'POST /qemu/N/clone',
      'PUT /qemu/N/config',
      'PUT /qemu/N/resize',
      'PUT /lxc/N/resize',
      'DELETE /lxc/N',
      'POST /lxc/N/migrate',
      'POST /qemu/N/migrate',
      'POST /lxc/N/snapshot',
      'PUT /lxc/N/firewall/options',
      'POST /lxc/N/firewall/rules',
      'POST /lxc/N/termproxy',
      'GET /qemu/N/agent/file-read',
      'POST /lxc/N/status/shutdown',
      'POST /lxc/N/status/stop',
      'GET /access/permissions',
      'GET /cluster/tasks',
    ]) {
      expect(calls).toContain(call);
    }
  });

  it('would not pass with a misspelt, missing or ill-typed parameter', () => {
    const check = schemaCheck();
    const post = (form: string) =>
      check({ method: 'POST', path: '/nodes/pve1/lxc', parameters: new URLSearchParams(form) });
    expect(post('vmid=100&ostemplate=x&net0=name%3Deth0%2Cbrdge%3Dvmbr0')).toEqual([
      'POST /nodes/pve1/lxc: net0: unknown property brdge',
    ]);
    expect(post('vmid=100&ostemplate=x&onbot=1')).toEqual(['POST /nodes/pve1/lxc: unknown parameter onbot']);
    expect(post('vmid=100&ostemplate=x&onboot=true')).toEqual(['POST /nodes/pve1/lxc: onboot: "true" is no boolean']);
    expect(post('vmid=100')).toEqual(['POST /nodes/pve1/lxc: ostemplate is missing']);
    expect(check({ method: 'PATCH', path: '/nodes', parameters: new URLSearchParams() })).toEqual([
      'PATCH /nodes: no such method',
    ]);
  });
});
