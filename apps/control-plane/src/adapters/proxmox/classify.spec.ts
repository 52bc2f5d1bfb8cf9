import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Refusal, type WorldFailure } from '../../domain/problem.js';
import { classifyAnswer, classifyNetwork, classifyTask, timedOut } from './classify.js';

const answer = (status: number, reason: string, body: unknown = '') =>
  classifyAnswer({ call: 'GET /x', status, reason, body: typeof body === 'string' ? body : JSON.stringify(body) });
const code = (error: WorldFailure | Refusal) => (error instanceof Refusal ? error.problem.code : error.failure.code);
const retryable = (error: WorldFailure | Refusal) => (error instanceof Refusal ? 'never' : error.failure.retryable);

describe('errors of Proxmox VE', () => {
  it.each([
    [401, 'Authentication failed!', 'substrate.unauthenticated', 'now'],
    [401, 'No ticket', 'substrate.unauthenticated', 'now'],
    [595, 'No route to host', 'substrate.node_down', 'later'],
    [595, 'Connection refused', 'substrate.node_down', 'later'],
    [596, '', 'substrate.node_broken', 'now'],
    [502, 'Bad Gateway', 'substrate.refused', 'now'],
  ])('knows %i %s, which has an empty body', (status, reason, expected, again) => {
    const error = answer(status, reason);
    expect(code(error)).toBe(expected);
    expect(retryable(error)).toBe(again);
  });

  it.each([
    ['VM is locked (backup)', 'guest.locked', 'later'],
    ['CT is locked (snapshot-delete)', 'guest.locked', 'later'],
    ["can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout", 'substrate.busy', 'now'],
    ["cfs-lock 'storage-nfs' error: got lock request timeout", 'substrate.busy', 'now'],
    ['cluster not ready - no quorum?', 'substrate.no_quorum', 'later'],
    [
      "unable to open file '/etc/pve/nodes/pve1/qemu-server/301.conf.tmp.237' - Permission denied",
      'substrate.no_quorum',
      'later',
    ],
    ['checksum mismatch (file change by other user?)', 'substrate.conflict', 'now'],
    [
      "hostname lookup 'nope' failed - failed to get address info for: nope: Name or service not known",
      'substrate.node_unknown',
      'never',
    ],
    ["unable to create VM 110 - VM 110 already exists on node 'pve1'", 'guest.id_taken', 'now'],
    ["unable to create CT 110: CT 110 already exists on node 'pve1'", 'guest.id_taken', 'now'],
    ['VM 100 already running', 'guest.already_running', 'never'],
    ['CT 200 already running', 'guest.already_running', 'never'],
    ['CT 200 not running', 'guest.not_running', 'now'],
    ['VM 100 is not running', 'guest.not_running', 'now'],
    ['VM 100 is running - destroy failed', 'guest.running', 'now'],
    ['VM quit/powerdown failed - got timeout', 'guest.shutdown_timeout', 'now'],
    ['No QEMU guest agent configured', 'guest.agent_missing', 'later'],
    ['QEMU guest agent is not running', 'guest.agent_missing', 'later'],
    ["disk 'scsi7' does not exist", 'guest.disk_missing', 'never'],
    ['snapshot feature is not available', 'guest.snapshot_unsupported', 'never'],
    ["unable to create CT 200 - volume 'local:vztmpl/nope.tar.zst' does not exist", 'substrate.image_missing', 'never'],
    ["storage 'nope' does not exist", 'substrate.storage_missing', 'never'],
    ["bridge 'vmbr9' does not exist", 'substrate.bridge_missing', 'never'],
    ['write failed: No space left on device', 'substrate.storage_full', 'later'],
    ["only root can set 'args' config", 'permission.missing', 'never'],
    ['received interrupt', 'substrate.task_aborted', 'now'],
    ['WARNINGS: 1', 'substrate.task_warned', 'never'],
    ["checksum mismatch: got 'aa' != expect 'bb'", 'substrate.image_digest', 'never'],
  ])('says the same of "%s" as an answer and as a task’s exit', (text, expected, again) => {
    for (const error of [
      answer(500, text, { data: null, message: `${text}\n` }),
      classifyTask({ type: 'x', exit: text, what: 'work', tail: [] }),
    ]) {
      expect(code(error)).toBe(expected);
      expect(retryable(error)).toBe(again);
    }
  });

  it('names right and path of a missing permission, which is no failure but a refusal', () => {
    const error = answer(403, 'Permission check failed (/vms/103, VM.Config.Memory)');
    expect(error).toBeInstanceOf(Refusal);
    expect((error as Refusal).problem).toMatchObject({
      code: 'permission.missing',
      subject: '/vms/103',
      details: { path: '/vms/103', rights: ['VM.Config.Memory'] },
    });
  });

  it('shows every parameter that was refused', () => {
    const error = answer(400, 'Parameter verification failed.', {
      message: 'Parameter verification failed.\n',
      errors: { net0: 'invalid format', foo: 'property is not defined in schema' },
    });
    expect(code(error)).toBe('substrate.bad_request');
    expect(error.message).toContain('net0: invalid format');
    expect(error.message).toContain('foo: property is not defined');
  });

  it('keeps the end of a task’s log with its failure', () => {
    const error = classifyTask({ type: 'vzdump', exit: 'WARNINGS: 2', what: 'backup', tail: ['WARN: disk vanished'] });
    expect((error as WorldFailure).failure.details).toMatchObject({ tail: ['WARN: disk vanished'], task: 'vzdump' });
  });

  it('names the storage that does not answer', () => {
    expect(timedOut('GET /nodes/pve1/storage/nfs/content', 30_000).failure).toMatchObject({
      code: 'substrate.timeout',
      message: expect.stringContaining('storage nfs on pve1'),
    });
  });

  it('finds the cause of a broken connection below the wrapping errors', () => {
    const deep = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = classifyNetwork('GET /x', new TypeError('fetch failed', { cause: deep }));
    expect(code(error)).toBe('substrate.unreachable');
    expect(error.message).toContain('ECONNREFUSED');
  });
});

/** Recorded from a real cluster; kept beside the repository, not in it. */
const RECORDED = join(dirname(fileURLToPath(import.meta.url)), '../../../../../../shared/pve/recorded.jsonl');

interface Recorded {
  readonly note: string | null;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly reason: string;
  readonly body: { data?: { exitstatus?: string; type?: string } | null } | string;
}

const EXPECTED: Record<string, string> = {
  'no credentials: 401, EMPTY body, text only in the reason phrase': 'substrate.unauthenticated',
  'bad password: 401 with a JSON body': 'substrate.unauthenticated',
  'write with a bad CSRF token: 401': 'substrate.unauthenticated',
  'write with cookie but no CSRF token: 401': 'substrate.unauthenticated',
  'wrong token secret: 401 empty body': 'substrate.unauthenticated',
  'create user again: 500': 'substrate.refused',
  'four schema errors at once: 400 with errors map': 'substrate.bad_request',
  'create an existing vmid: 500': 'guest.id_taken',
  'stale digest: 500': 'substrate.conflict',
  'delete an unknown option: 400': 'substrate.bad_request',
  'root-only option with a root token: 500': 'permission.missing',
  'empty update: 500': 'substrate.refused',
  'task status after: resize of an absent disk: 200+UPID, the task fails': 'guest.disk_missing',
  'unknown vmid: 500, not 404': 'guest.not_found',
  'destroy of an unknown vmid: 500': 'guest.not_found',
  'unknown path: 501': 'substrate.unsupported',
  'wrong verb: 501': 'substrate.unsupported',
  'destroy a running VM: 500': 'guest.running',
  'task status after: snapshot name taken: 200+UPID, the task fails': 'guest.snapshot_exists',
  'migrate a running VM without online: 500': 'guest.not_migratable',
  'old node after a migration: 500': 'guest.not_found',
  'task status after: destroy a template in use: 200+UPID, the task fails': 'guest.in_use',
  'task status after: CT from a missing template: 200+UPID, the task fails': 'substrate.image_missing',
  'task status after: CT snapshot on a directory storage: 200+UPID, the task fails': 'guest.snapshot_unsupported',
  'read without rights: 403': 'permission.missing',
  'unknown vmid without rights: 403 first': 'permission.missing',
  'privsep token without the user having the right: 403': 'permission.missing',
  '403 names path and privilege': 'permission.missing',
  'bad ACL path: 400': 'substrate.bad_request',
  'unknown UPID: 400': 'substrate.task_gone',
  'aborted running task': 'substrate.task_aborted',
  'UPID under the path of another node': 'substrate.task_gone',
};

const present = existsSync(RECORDED);
if (!present) process.stderr.write(`SKIPPED: recorded answers are not at ${RECORDED}\n`);

(present ? describe : describe.skip)('errors as recorded from a real cluster', () => {
  const failed = (present ? readFileSync(RECORDED, 'utf8').trim().split('\n') : [])
    .map((line) => JSON.parse(line) as Recorded)
    .filter((row) => row.status !== 200 || exitOf(row) !== undefined);

  it('has an expectation for every one of them', () => {
    expect(failed.map((row) => row.note ?? '').sort()).toEqual(Object.keys(EXPECTED).sort());
  });

  it.each(failed.map((row) => [row.note ?? '', row] as const))('%s', (note, row) => {
    const exit = exitOf(row);
    const body = typeof row.body === 'string' ? row.body : JSON.stringify(row.body);
    const error =
      exit === undefined
        ? classifyAnswer({ call: `${row.method} ${row.path}`, status: row.status, reason: row.reason, body })
        : classifyTask({ type: 'task', exit, what: 'work', tail: [] });
    expect(code(error)).toBe(EXPECTED[note]);
  });
});

/** Exit text of a task that did not end well. */
function exitOf(row: Recorded): string | undefined {
  const exit = typeof row.body === 'string' ? undefined : row.body.data?.exitstatus;
  return exit === undefined || exit === 'OK' || exit.startsWith('WARNINGS') ? undefined : exit;
}
