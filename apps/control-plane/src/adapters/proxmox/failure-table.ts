import type { Failure } from '../../domain/problem.js';

export interface FailureRow {
  /** HTTP status this row is about; absent: any, and exit texts of tasks too. */
  readonly status?: number;
  /** Matched against message or reason phrase, with the `errors` map appended. */
  readonly text?: RegExp;
  readonly code: string;
  readonly retryable: Failure['retryable'];
  readonly hint?: string;
  /** It is a right that is missing, although the server says 500. */
  readonly permission?: true;
}

/**
 * Proxmox VE's own words → what they mean to us. Missing things are 500 there, not 404, and the same sentence comes as
 * an HTTP error or as the exit text of a task, so the text decides. Order matters: the first matching row wins.
 * Texts are from Proxmox VE 9.2 (recorded answers) and, where noted, from 8.x sources.
 */
export const FAILURES: readonly FailureRow[] = [
  // While a cluster forms, pmxcfs restarts and good tokens are refused for a second or two.
  {
    status: 401,
    code: 'substrate.unauthenticated',
    retryable: 'now',
    hint: 'If it stays: the API token was deleted, has expired, or its secret is wrong.',
  },
  {
    status: 595,
    code: 'substrate.node_down',
    retryable: 'later',
    hint: 'The node is off or cut off from its cluster.',
  },
  {
    status: 596,
    code: 'substrate.node_broken',
    retryable: 'now',
    hint: 'The cluster could not pass the call on to that node.',
  },
  {
    status: 501,
    code: 'substrate.unsupported',
    retryable: 'never',
    hint: 'This server does not offer that call: Proxmox VE 8 or newer is needed.',
  },
  { text: /no such task/i, code: 'substrate.task_gone', retryable: 'now' },

  // Cluster
  {
    text: /no quorum|cluster not ready|\/etc\/pve\/\S+.*Permission denied/i,
    code: 'substrate.no_quorum',
    retryable: 'later',
    hint: 'More than half of the cluster must be up before anything can change.',
  },
  { text: /hostname lookup '[^']*' failed|no such cluster node/i, code: 'substrate.node_unknown', retryable: 'never' },
  {
    text: /No route to host|Connection refused|Connection timed out/i,
    code: 'substrate.node_down',
    retryable: 'later',
  },

  // Locks. `(backup)` names the holder; a foreign lock is waited for, never removed.
  { text: /(?:VM|CT) is locked|is locked \(/i, code: 'guest.locked', retryable: 'later' },
  {
    text: /can't (?:acquire|get) lock|can't lock file|got (?:lock )?request timeout|cfs-lock .* error|lock.*got timeout/i,
    code: 'substrate.busy',
    retryable: 'now',
    hint: 'Another operation holds the lock; it is tried again.',
  },
  {
    text: /checksum mismatch \(file change|detected modified configuration/i,
    code: 'substrate.conflict',
    retryable: 'now',
  },
  {
    text: /checksum (?:mismatch|verification)|does not match.*checksum|wrong checksum/i,
    code: 'substrate.image_digest',
    retryable: 'never',
  },

  // Guests
  {
    text: /Configuration file '[^']*' does not exist|unable to find configuration file|no such (?:VM|CT|container)\b|(?:VM|CT) \d+ does not exist/i,
    code: 'guest.not_found',
    retryable: 'never',
  },
  {
    text: /(?:VM|CT) \d+ already exists|config file already exists|vmid \d+ (?:is )?already (?:used|in use)/i,
    code: 'guest.id_taken',
    retryable: 'now',
  },
  { text: /already running/i, code: 'guest.already_running', retryable: 'never' },
  {
    text: /is running - destroy failed|(?:CT|VM|container) '?\d*'? ?is running/i,
    code: 'guest.running',
    retryable: 'now',
  },
  { text: /without --online|can't migrate/i, code: 'guest.not_migratable', retryable: 'never' },
  { text: /not running\b(?!.*agent)(?<!agent is not running)/i, code: 'guest.not_running', retryable: 'now' },
  {
    text: /still in use by linked clone/i,
    code: 'guest.in_use',
    retryable: 'never',
    hint: 'Other guests are linked clones of this one.',
  },
  {
    text: /powerdown failed|shutdown.*got timeout|did not (?:shut down|stop)/i,
    code: 'guest.shutdown_timeout',
    retryable: 'now',
  },
  {
    text: /No QEMU guest agent configured|QEMU guest agent is not running|guest agent.*(?:not|timeout)/i,
    code: 'guest.agent_missing',
    retryable: 'later',
    hint: 'The image must bring qemu-guest-agent, and it must run.',
  },
  {
    text: /disk '[^']*' does not exist|no such (?:disk|mount ?point)/i,
    code: 'guest.disk_missing',
    retryable: 'never',
  },
  { text: /shrinking disks is not supported|unable to shrink/i, code: 'guest.disk_shrink', retryable: 'never' },

  // Snapshots
  {
    text: /snapshot feature is not available/i,
    code: 'guest.snapshot_unsupported',
    retryable: 'never',
    hint: 'The storage cannot take snapshots of this guest: use LVM-thin, ZFS, Btrfs or Ceph RBD.',
  },
  { text: /snapshot name '[^']*' already used/i, code: 'guest.snapshot_exists', retryable: 'never' },
  { text: /snapshot '[^']*' does not exist/i, code: 'guest.snapshot_missing', retryable: 'never' },

  // Storages, images, bridges
  {
    text: /no space left|not enough (?:free )?space|out of space|insufficient free space|thin pool .*full/i,
    code: 'substrate.storage_full',
    retryable: 'later',
    hint: 'Free space on the storage or grow it; the step can then be tried again.',
  },
  {
    text: /volume '[^']*' does not exist|can't find (?:file|volume)|no such (?:volume|template)/i,
    code: 'substrate.image_missing',
    retryable: 'never',
  },
  {
    text: /storage '[^']*' (?:does not exist|is not (?:available|online|active))|No such storage/i,
    code: 'substrate.storage_missing',
    retryable: 'never',
  },
  {
    text: /bridge '[^']*' does not exist|no such (?:bridge|interface)/i,
    code: 'substrate.bridge_missing',
    retryable: 'never',
  },

  // Rights that only root@pam by password has
  {
    text: /only root can set|Only root may use|user != root@pam/i,
    code: 'permission.missing',
    retryable: 'never',
    permission: true,
  },
  {
    text: /permission check failed|permission denied - invalid/i,
    code: 'permission.missing',
    retryable: 'never',
    permission: true,
  },

  // Tasks
  { text: /received interrupt|interrupted by signal/i, code: 'substrate.task_aborted', retryable: 'now' },
  {
    text: /unexpected status|worker (?:died|exited)|task.*(?:died|vanished)/i,
    code: 'substrate.task_lost',
    retryable: 'now',
  },
  {
    text: /^WARNINGS: \d+/,
    code: 'substrate.task_warned',
    retryable: 'never',
    hint: 'The task ended with warnings; the end of its log says which.',
  },
  { text: /got timeout|timed? ?out/i, code: 'substrate.busy', retryable: 'now' },

  {
    status: 400,
    code: 'substrate.bad_request',
    retryable: 'never',
    hint: 'This is a defect of Bastide or an unknown version of Proxmox VE: please report it with this text.',
  },
];
