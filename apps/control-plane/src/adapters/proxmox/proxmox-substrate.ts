import type { Clock } from '../../application/clock.port.js';
import type {
  CallContext,
  DoctorFinding,
  Figure,
  FigureRange,
  GuestAccess,
  GuestIdSource,
  GuestLocation,
  OwnedGuest,
  Substrate,
  UnfinishedGuest,
} from '../../application/substrates/substrate.port.js';
import type { GuestId } from '../../domain/ids.js';
import type { SubstrateSettings } from '../../domain/site/site.js';
import type { GuestRule, GuestSpec, OwnershipStamp } from '../../domain/stack/guest-spec.js';
import type { GuestSettings, ObservedGuest, ObservedSubstrate } from '../../domain/stack/observed.js';
import { clearGuest } from './clear-guest.js';
import type { Connection } from './connection.js';
import { createGuest } from './create-guest.js';
import { destroyGuest } from './destroy-guest.js';
import { growDisk } from './disks.js';
import { doctor } from './doctor.js';
import { figures } from './figures.js';
import { setFirewall } from './firewall.js';
import { describe, findStamped } from './guest-finder.js';
import { guestSettings } from './guest-settings.js';
import { readHostKeys } from './host-keys.js';
import { ensureImage, type ImageWanted } from './images.js';
import { moveGuest } from './move-guest.js';
import { observe } from './observe.js';
import { resizeGuest, setStartsAtBoot, startGuest, stopGuest } from './power.js';
import { type ClientOptions, ProxmoxClient } from './proxmox-client.js';
import { setSearchDomain } from './search-domain.js';
import { removeSnapshot, rollbackGuest, snapshotGuest } from './snapshots.js';
import { Tasks } from './tasks.js';
import { Turns } from './turns.js';

export interface ProxmoxSubstrateSettings {
  /** Name of the substrate in its site. */
  readonly name: string;
  readonly substrate: SubstrateSettings;
  /** Bridges of the site's zones. */
  readonly bridges: readonly string[];
  /** `user@realm!tokenid=uuid`. */
  readonly token: string;
}

/** A Proxmox VE cluster (or the lab). Each method is a file of this folder. */
export class ProxmoxSubstrate implements Substrate {
  readonly #connection: Connection;

  constructor(settings: ProxmoxSubstrateSettings, clock: Clock, options?: ClientOptions) {
    const { endpoint, fingerprint } = settings.substrate;
    const client = new ProxmoxClient({ endpoint, fingerprint, token: settings.token }, clock, options);
    this.#connection = {
      name: settings.name,
      settings: settings.substrate,
      bridges: settings.bridges,
      client,
      tasks: new Tasks(client, clock),
      turns: new Turns(),
      clock,
    };
  }

  figures(at: GuestLocation, range: FigureRange, context: CallContext): Promise<readonly Figure[]> {
    return figures(this.#connection, at, range, context);
  }

  observe(context: CallContext): Promise<ObservedSubstrate> {
    return observe(this.#connection, context);
  }

  async findGuest(guest: GuestId, context: CallContext): Promise<(ObservedGuest & GuestLocation) | undefined> {
    const found = await findStamped(this.#connection, guest, [], context);
    return found && describe(this.#connection, found, guest, context);
  }

  guestSettings(guest: GuestId, at: GuestLocation, context: CallContext): Promise<GuestSettings | undefined> {
    return guestSettings(this.#connection, guest, at, context);
  }

  createGuest(
    spec: GuestSpec,
    stamp: OwnershipStamp,
    access: GuestAccess,
    ids: GuestIdSource,
    context: CallContext,
  ): Promise<GuestLocation> {
    return createGuest(this.#connection, { spec, stamp, access }, ids, context);
  }

  startGuest(at: OwnedGuest, context: CallContext): Promise<void> {
    return startGuest(this.#connection, at, context);
  }

  stopGuest(at: OwnedGuest, graceMs: number, context: CallContext): Promise<void> {
    return stopGuest(this.#connection, at, graceMs, context);
  }

  destroyGuest(at: OwnedGuest, context: CallContext): Promise<void> {
    return destroyGuest(this.#connection, at, context);
  }

  clearGuest(left: UnfinishedGuest, context: CallContext): Promise<void> {
    return clearGuest(this.#connection, left, context);
  }

  setStartsAtBoot(at: OwnedGuest, starts: boolean, context: CallContext): Promise<void> {
    return setStartsAtBoot(this.#connection, at, starts, context);
  }

  resizeGuest(
    at: OwnedGuest,
    size: { cpus: number; memoryMiB: number; reboot: boolean },
    context: CallContext,
  ): Promise<void> {
    return resizeGuest(this.#connection, at, size, context);
  }

  growDisk(at: OwnedGuest, disk: 'root' | { path: string }, sizeGiB: number, context: CallContext): Promise<void> {
    return growDisk(this.#connection, at, disk, sizeGiB, context);
  }

  moveGuest(at: OwnedGuest, node: string, running: boolean, context: CallContext): Promise<GuestLocation> {
    return moveGuest(this.#connection, at, node, running, context);
  }

  setSearchDomain(at: OwnedGuest, domain: string, context: CallContext): Promise<void> {
    return setSearchDomain(this.#connection, at, domain, context);
  }

  setFirewall(at: OwnedGuest, rules: readonly GuestRule[], context: CallContext): Promise<void> {
    return setFirewall(this.#connection, at, rules, context);
  }

  snapshotGuest(at: OwnedGuest, name: string, context: CallContext): Promise<void> {
    return snapshotGuest(this.#connection, at, name, context);
  }

  rollbackGuest(at: OwnedGuest, name: string, context: CallContext): Promise<void> {
    return rollbackGuest(this.#connection, at, name, context);
  }

  removeSnapshot(at: OwnedGuest, name: string, context: CallContext): Promise<void> {
    return removeSnapshot(this.#connection, at, name, context);
  }

  readHostKeys(at: OwnedGuest, context: CallContext): Promise<readonly string[]> {
    return readHostKeys(this.#connection, at, context);
  }

  ensureImage(image: ImageWanted, context: CallContext): Promise<void> {
    return ensureImage(this.#connection, image, context);
  }

  abortTask(task: string, context: CallContext): Promise<void> {
    return this.#connection.tasks.abort(task, context);
  }

  doctor(context: CallContext): Promise<readonly DoctorFinding[]> {
    return doctor(this.#connection, context);
  }

  /** Closes its connections; a call that is under way fails. */
  close(): Promise<void> {
    return this.#connection.client.close();
  }
}
