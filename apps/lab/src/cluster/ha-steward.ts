/**
 * The HA manager: every ten seconds it looks at nodes and resources and takes each one step nearer to what is asked for. A node
 * that is down is fenced after a minute, and its resources come up elsewhere after another. All times shrink with `haTimeScale`.
 */
import { halt } from '../guests/power.js';
import type { Lab } from '../lab.js';
import type { Guest } from '../state/model.js';
import type { HaControl, NodeState } from './ha-control.js';
import { chooseNode } from './ha-nodes.js';
import { type Resource, requested, type Service, type ServiceState, vmidOf } from './ha-state.js';
import { moveWork, startWork, stopWork, type Work } from './ha-work.js';

const TICK_SECONDS = 10;
/** Seconds after which a node that is down counts as unknown, is fenced, and is known to be dead. Measured on real clusters. */
const UNKNOWN_SECONDS = 10;
const FENCE_SECONDS = 67;
const RECOVER_SECONDS = 128;
const KICK_SECONDS = 1;
/** Of what the dead node was doing with the guest; other locks keep it from starting elsewhere. */
const LEFT_OVER = /^(?:backup|mounted|migrate|clone|rollback|snapshot|snapshot-delete|suspending|suspended)$/;

export class HaSteward implements HaControl {
  private timer: NodeJS.Timeout | undefined;
  private readonly downSince = new Map<string, number>();
  /** Resources a task is at work for. */
  private readonly busy = new Set<string>();
  private ticking: Promise<void> | undefined;
  private closed = false;
  /** Unix seconds of the last look; what the interface shows as the manager's sign of life. */
  timestamp = 0;

  constructor(
    private readonly lab: Lab,
    private readonly scale: number,
  ) {}

  start(): void {
    this.schedule(TICK_SECONDS);
  }

  /** Looks again soon: something was asked for. */
  kick(): void {
    this.schedule(KICK_SECONDS);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.ticking;
  }

  private schedule(seconds: number): void {
    if (this.closed) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(
      () => {
        // A second look waits until the first is over; what fails is tried again with the next.
        this.ticking = (this.ticking ?? Promise.resolve())
          .then(() => this.tick())
          .catch(() => undefined)
          .finally(() => this.schedule(TICK_SECONDS));
      },
      Math.max(10, seconds * 1000 * this.scale),
    );
  }

  /** Seconds a node has been down, as the scaled clock has it. */
  private downFor(node: string): number {
    const since = this.downSince.get(node);
    return since === undefined ? 0 : (this.lab.now() - since) / 1000 / this.scale;
  }

  nodeState(node: string): NodeState {
    const seconds = this.downFor(node);
    if (seconds < UNKNOWN_SECONDS) return 'online';
    return seconds >= FENCE_SECONDS && seconds < RECOVER_SECONDS ? 'fence' : 'unknown';
  }

  /** Nothing is fenced, started or moved as long as there are no resources. */
  get isActive(): boolean {
    return [...this.lab.journal.entries('ha-resource')].length > 0;
  }

  /** The first node that lives. */
  get master(): string {
    return this.lab.nodes.find((node) => !this.lab.faults.isNodeDown(node)) ?? '';
  }

  /** Sends a resource elsewhere, as `ha-manager migrate` and `relocate` do. */
  request(sid: string, state: 'migrate' | 'relocate', target: string): void {
    const service = this.lab.journal.get<Service>('ha-service', sid);
    if (service && service.node !== target) this.save(sid, { ...service, state, target });
    this.kick();
  }

  private save(sid: string, service: Service): void {
    this.lab.journal.put('ha-service', sid, service);
  }

  private async tick(): Promise<void> {
    const { lab } = this;
    for (const node of lab.nodes) {
      if (!lab.faults.isNodeDown(node)) this.downSince.delete(node);
      else if (!this.downSince.has(node)) this.downSince.set(node, lab.now());
    }
    // Without quorum there is no manager.
    if (lab.faults.isQuorumLost() || !this.isActive) return;
    this.timestamp = Math.floor(lab.now() / 1000);
    for (const [sid] of [...lab.journal.entries('ha-service')])
      if (lab.journal.get('ha-resource', sid) === undefined) lab.journal.delete('ha-service', sid);
    for (const [sid, resource] of [...lab.journal.entries<Resource>('ha-resource')]) {
      const guest = lab.state.guests.get(vmidOf(sid));
      if (!guest || requested(resource) === 'ignored') lab.journal.delete('ha-service', sid);
      else if (!this.busy.has(sid)) await this.step(sid, resource, guest);
    }
  }

  private async step(sid: string, resource: Resource, guest: Guest): Promise<void> {
    const known = this.lab.journal.get<Service>('ha-service', sid);
    if (!known) {
      const state = requested(resource) === 'started' ? 'request_start' : 'request_stop';
      this.save(sid, { node: guest.node, state, failures: 0, relocations: 0, failedNodes: [] });
      this.kick();
      return;
    }
    const service = { ...known };
    if (this.lab.faults.isNodeDown(service.node) || service.state === 'fence' || service.state === 'recovery')
      await this.fail(sid, resource, service, guest);
    else {
      // It was moved by hand.
      if (service.state !== 'migrate' && service.state !== 'relocate') service.node = guest.node;
      this.advance(sid, resource, service, guest);
    }
  }

  private async fail(sid: string, resource: Resource, service: Service, guest: Guest): Promise<void> {
    const { lab } = this;
    const down = lab.faults.isNodeDown(service.node);
    const seconds = this.downFor(service.node);
    if (service.state === 'stopped' && requested(resource) === 'started')
      this.save(sid, { ...service, state: 'request_start' });
    if (service.state === 'stopped' || service.state === 'error') return;
    if (service.state !== 'recovery' && (seconds >= FENCE_SECONDS || service.state === 'fence')) {
      // Back before it was known to be dead: the watchdog has restarted it all the same.
      const isDead = !down || seconds >= RECOVER_SECONDS;
      if (service.state !== 'fence') await halt(lab, guest);
      this.save(sid, { ...service, state: isDead ? 'recovery' : 'fence' });
      if (!isDead) return;
      service.state = 'recovery';
    }
    if (service.state !== 'recovery') return;
    const online = lab.nodes.filter((node) => !lab.faults.isNodeDown(node));
    const node = chooseNode(lab, sid, online, { current: service.node });
    if (node === undefined) {
      // Where nobody may have it, it can still be given up.
      if (requested(resource) === 'disabled') this.save(sid, { ...service, state: 'stopped', failedNodes: [] });
      return;
    }
    if (LEFT_OVER.test(String(guest.config.lock ?? ''))) delete guest.config.lock;
    // Only the configuration moves: volumes that were on the dead node alone stay there.
    guest.node = node;
    lab.state.saveGuest(guest);
    const state = requested(resource) === 'started' ? 'started' : 'request_stop';
    this.save(sid, { ...service, node, state, failures: 0, failedNodes: [] });
    this.kick();
  }

  private advance(sid: string, resource: Resource, service: Service, guest: Guest): void {
    const wanted = requested(resource);
    const to = (state: ServiceState, more: Partial<Service> = {}) => {
      this.save(sid, { ...service, ...more, state });
      this.kick();
    };
    const { state } = service;
    if (state === 'error') {
      if (wanted === 'disabled') to('stopped', { failures: 0, relocations: 0, failedNodes: [] });
    } else if (state === 'request_start') {
      const node = this.wantedNode(sid, resource, service);
      if (node !== service.node) to('relocate', { target: node });
      else to('started');
    } else if (state === 'started') {
      if (wanted !== 'started') to('request_stop');
      else if (!guest.running) this.work(sid, service, guest, startWork(this.lab, guest));
      else {
        const node = this.wantedNode(sid, resource, service);
        if (node !== service.node) to(guest.type === 'qemu' ? 'migrate' : 'relocate', { target: node });
        else if (service.failures > 0) this.save(sid, { ...service, failures: 0, relocations: 0, failedNodes: [] });
      }
    } else if (state === 'request_stop') {
      if (guest.running) this.work(sid, service, guest, stopWork(this.lab, guest));
      else to('stopped', { failures: 0, relocations: 0, failedNodes: [] });
    } else if (state === 'stopped') {
      if (wanted === 'started') to('request_start');
      else if (guest.running) to('request_stop');
      else this.save(sid, service);
    } else this.moveTo(sid, service, guest);
  }

  /** Where a rule wants it; it stays where it is as long as that is allowed and nobody asked for failback. */
  private wantedNode(sid: string, resource: Resource, service: Service): string {
    const online = this.lab.nodes.filter((node) => !this.lab.faults.isNodeDown(node));
    if (resource.failback === 0) return service.node;
    return chooseNode(this.lab, sid, online, { current: service.node }) ?? service.node;
  }

  /** Runs one task for a resource and looks again when it has ended. */
  private work(sid: string, service: Service, guest: Guest, { type, run }: Work): void {
    this.save(sid, service);
    this.busy.add(sid);
    const upid = this.lab.tasks.start({ node: guest.node, type, id: String(guest.vmid), user: 'root@pam' }, run);
    void this.lab.tasks.finished(upid).finally(() => {
      this.busy.delete(sid);
      this.ended(sid, type, this.lab.tasks.get(upid)?.status ?? '');
      this.kick();
    });
  }

  private ended(sid: string, type: string, status: string): void {
    const service = this.lab.journal.get<Service>('ha-service', sid);
    const resource = this.lab.journal.get<Resource>('ha-resource', sid);
    if (!service || !resource || this.closed) return;
    const good = status === 'OK' || status.startsWith('WARNINGS');
    if (type.endsWith('migrate')) {
      const { target: _target, ...rest } = service;
      const guest = this.lab.state.guests.get(vmidOf(sid));
      this.save(sid, { ...rest, node: guest?.node ?? service.node, state: 'started' });
    } else if (type.endsWith('start') && !good) this.failedStart(sid, resource, service);
  }

  private failedStart(sid: string, resource: Resource, service: Service): void {
    if (service.failures < (resource.max_restart ?? 1)) {
      this.save(sid, { ...service, failures: service.failures + 1 });
      return;
    }
    const failedNodes = [...service.failedNodes, service.node];
    const online = this.lab.nodes.filter((node) => !this.lab.faults.isNodeDown(node));
    const node =
      service.relocations < (resource.max_relocate ?? 1)
        ? chooseNode(this.lab, sid, online, { avoid: failedNodes })
        : undefined;
    if (node === undefined) this.save(sid, { ...service, failedNodes, state: 'error' });
    else
      this.save(sid, {
        ...service,
        failedNodes,
        failures: 0,
        relocations: service.relocations + 1,
        state: 'relocate',
        target: node,
      });
  }

  private moveTo(sid: string, service: Service, guest: Guest): void {
    const { lab } = this;
    const { target, ...rest } = service;
    if (target === undefined || target === guest.node || lab.faults.isNodeDown(target)) {
      this.save(sid, { ...rest, node: guest.node, state: 'started' });
      this.kick();
      return;
    }
    const verb = service.state === 'migrate' ? 'migrate' : 'relocate';
    this.work(sid, service, guest, moveWork(lab, guest, verb, target));
  }
}
