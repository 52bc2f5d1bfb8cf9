/** A lab of one test's own: API-only, on a free loopback port, gone without trace afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabOptions, RunningLab } from '../src/lab-options.js';
import { startLab } from '../src/start-lab.js';
import { LabClient } from './lab-client.js';

export const TEMPLATE = 'local:vztmpl/debian-12-bastide_12.0-1_amd64.tar.zst';
export const IMAGE = 'local:import/debian-12-bastide_12.0-1_amd64.qcow2';

export interface TestLab {
  readonly lab: RunningLab;
  readonly root: LabClient;
  readonly folder: string;
  client(token?: string): LabClient;
  fault(fault: Readonly<Record<string, unknown>>): Promise<void>;
  clearFaults(): Promise<void>;
  close(): Promise<void>;
}

export async function openTestLab(options: Partial<LabOptions> = {}): Promise<TestLab> {
  const stateDir = options.stateDir ?? mkdtempSync(join(tmpdir(), 'bastide-lab-'));
  const lab = await startLab({
    name: 'test',
    stateDir,
    listen: { host: '127.0.0.1', port: 0 },
    nodes: ['lab1', 'lab2'],
    guests: 'none',
    faults: true,
    figuresLagSeconds: 0,
    ...options,
  });
  const clients: LabClient[] = [];
  const client = (token?: string) => {
    const made = new LabClient(lab, token);
    clients.push(made);
    return made;
  };
  const root = client(lab.rootToken);
  const sendFault = async (method: string, body?: string) => {
    const answer = await root.send(
      method,
      '/lab/faults',
      body,
      body === undefined ? {} : { 'Content-Type': 'application/json' },
    );
    if (answer.status !== 200) throw new Error(`fault refused: ${answer.text}`);
  };
  return {
    lab,
    root,
    folder: stateDir,
    client,
    fault: (fault) => sendFault('POST', JSON.stringify(fault)),
    clearFaults: () => sendFault('DELETE'),
    async close() {
      for (const one of clients) one.close();
      await lab.close();
      if (options.stateDir === undefined) rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** A small container; answers when its task is done. */
export async function makeContainer(
  test: TestLab,
  vmid: number,
  more: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  return await test.root.run('POST', '/nodes/lab1/lxc', {
    vmid,
    ostemplate: TEMPLATE,
    hostname: `ct${vmid}`,
    rootfs: 'local-zfs:1',
    features: 'nesting=1',
    net0: `name=eth0,bridge=vmbr0,ip=10.210.0.${vmid % 250}/16`,
    ...more,
  });
}

export async function makeMachine(
  test: TestLab,
  vmid: number,
  more: Readonly<Record<string, string | number>> = {},
): Promise<string> {
  return await test.root.run('POST', '/nodes/lab1/qemu', {
    vmid,
    name: `vm${vmid}`,
    scsi0: `local-zfs:0,import-from=${IMAGE}`,
    net0: 'virtio,bridge=vmbr0',
    agent: 1,
    ...more,
  });
}
