import type { BindingId, GuestId, InstanceId, StackId } from '../../domain/ids.js';
import type { Site } from '../../domain/site/site.js';
import type {
  BegunGuest,
  RecordedBinding,
  RecordedGuest,
  RecordedInstance,
  RecordedSite,
  WantedStack,
} from '../../domain/stack/stack.js';

/**
 * Sites, stacks and what is recorded of them. Rows of recorded things are written only by `RecordOutcome`s, in the same
 * transaction as the `succeeded` event of the step that caused them (see RunStore.succeed), so that record and run log
 * can never disagree.
 */
export interface StackStore {
  putSite(site: Site): Promise<void>;
  getSite(name: string): Promise<Site | undefined>;
  listSites(): Promise<readonly Site[]>;

  putStack(stack: WantedStack): Promise<void>;
  getStack(id: StackId): Promise<WantedStack | undefined>;
  /** Names are unique within a site among stacks that are not removed. */
  findStack(site: string, name: string): Promise<WantedStack | undefined>;
  listStacks(site?: string): Promise<readonly WantedStack[]>;

  /** One consistent snapshot of everything recorded of a site, with reservations that have not expired. */
  recorded(site: string): Promise<RecordedSite>;
  /** Keys (`stack/instance/guest`) are unique within a site alone. */
  findGuest(site: string, key: string): Promise<RecordedGuest | undefined>;
  findInstance(id: InstanceId): Promise<RecordedInstance | undefined>;
  /** What was begun and neither recorded nor cleared. */
  findBegun(id: GuestId): Promise<BegunGuest | undefined>;
  findBinding(id: BindingId): Promise<RecordedBinding | undefined>;
}

/** What a succeeded step changes in the record; applied with its event in one transaction. */
export type RecordChange =
  | { readonly type: 'guest-put'; readonly guest: RecordedGuest }
  | { readonly type: 'guest-host-keys'; readonly guest: GuestId; readonly hostKeys: readonly string[] }
  | { readonly type: 'guest-firewall'; readonly guest: GuestId; readonly digest: string }
  | { readonly type: 'guest-spec'; readonly guest: GuestId; readonly spec: RecordedGuest['spec'] }
  | {
      readonly type: 'guest-name';
      readonly guest: GuestId;
      readonly domain: string;
      readonly formerDomains: readonly string[];
    }
  /** Its module's `rename` hook has gone through its data. */
  | { readonly type: 'guest-carried-over'; readonly guest: GuestId }
  /** Also frees its id and address. */
  | { readonly type: 'guest-removed'; readonly guest: GuestId }
  /** Nothing of its unfinished creation is left: its ids are free, its address too unless a running creation of the same guest holds it. */
  | { readonly type: 'guest-cleared'; readonly guest: GuestId }
  | { readonly type: 'instance-put'; readonly instance: RecordedInstance }
  | { readonly type: 'instance-installed'; readonly instance: InstanceId; readonly guest: string }
  /** What else was configured with another config or module is out of date then. */
  | {
      readonly type: 'instance-configured';
      readonly instance: InstanceId;
      readonly guest: string;
      readonly digest: string;
      readonly now: Pick<RecordedInstance, 'config' | 'moduleDigest' | 'version' | 'appVersion'>;
    }
  /** With its bindings. */
  | { readonly type: 'instance-removed'; readonly instance: InstanceId }
  /** A changed offer makes what the consumer was configured with out of date; so does a removed one. */
  | { readonly type: 'binding-put'; readonly binding: RecordedBinding }
  | { readonly type: 'binding-removed'; readonly binding: BindingId };
