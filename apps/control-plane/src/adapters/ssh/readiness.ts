import type { ShellContext } from '../../application/guests/guest-shell.port.js';
import { WorldFailure } from '../../domain/problem.js';
import { isFailure, timedOut } from './failures.js';
import type { GuestLink } from './guest-link.js';
import { shellCommand } from './shell-words.js';
import { backOff, pause } from './waits.js';

/** Four lines, whatever happens: uid, systemd's state, cloud-init's state (`absent` without it), failed units. */
const PROBE = `export LC_ALL=C
echo "uid=$(id -u)"
echo "system=$(timeout 10 systemctl is-system-running 2>/dev/null || :)"
if command -v cloud-init >/dev/null 2>&1; then
  echo "cloud=$(timeout 20 cloud-init status 2>/dev/null | sed -n 's/^status: *//p' | head -n 1)"
else echo cloud=absent; fi
echo "failed=$(timeout 10 systemctl list-units --failed --plain --no-legend 2>/dev/null | cut -d' ' -f1 | head -n 5 | tr '\\n' ' ')"`;

/** cloud-init's own words: `not run`/`not started` before, `running` during, then one of these. */
const CLOUD_DONE = new Set(['done', 'disabled', 'absent', 'degraded done', 'degraded']);

/**
 * Ready = sshd answers with the known key, boot has finished, we are root. While a guest boots, its sshd may refuse
 * connections, may not know our key yet (cloud-init writes it) or may drop us; all of that is waited out.
 */
export async function waitReady(link: GuestLink, context: ShellContext): Promise<void> {
  const wait = backOff(200, 1_500);
  let waitingFor = 'an answer of sshd';
  for (;;) {
    try {
      const result = await link.exec(
        { line: shellCommand(['sh', '-c', PROBE]), what: 'look whether boot has finished', maxBytes: 64 * 1024 },
        { signal: context.signal, deadline: Math.min(context.deadline, Date.now() + 60_000) },
      );
      const facts = parse(result.stdout.toString());
      const verdict = judge(facts, link.where);
      if (verdict === 'ready') {
        if (facts.system === 'degraded') note(context, `booted, but some units failed: ${facts.failed || 'unknown'}`);
        if (facts.cloud?.startsWith('degraded')) note(context, 'cloud-init finished with warnings');
        return;
      }
      if (verdict !== waitingFor) note(context, `waiting: ${verdict}`);
      waitingFor = verdict;
    } catch (error) {
      if (!isFailure(error, 'ssh.lost', 'ssh.timeout', 'ssh.unreachable', 'ssh.auth')) throw error;
      if (error.failure.code !== 'ssh.timeout') waitingFor = error.failure.message;
      if (Date.now() >= context.deadline && error.failure.code !== 'ssh.timeout') throw error;
    }
    if (!(await pause(wait(), context))) throw timedOut(link.where, `booting (last seen: ${waitingFor})`);
  }
}

interface Facts {
  readonly uid?: string;
  readonly system?: string;
  readonly cloud?: string;
  readonly failed?: string;
}

function parse(text: string): Facts {
  const pairs = text.split('\n').map((line) => {
    const at = line.indexOf('=');
    return [
      line.slice(0, at),
      line
        .slice(at + 1)
        .trim()
        .slice(0, 200),
    ] as const;
  });
  return Object.fromEntries(pairs);
}

/** `ready`, or what is being waited for. Throws when waiting cannot help. */
function judge(facts: Facts, where: string): string {
  if (facts.uid === undefined) return 'an answer that can be understood';
  if (facts.uid !== '0')
    throw new WorldFailure({
      code: 'ssh.not_root',
      retryable: 'never',
      message: `${where}: commands run as uid ${facts.uid}, not as root`,
      hint: 'Give the control plane the root account of the guest.',
    });
  if (facts.cloud === 'error' || facts.cloud === 'degraded error')
    throw new WorldFailure({
      code: 'guest.boot_failed',
      retryable: 'never',
      message: `${where}: cloud-init ended with an error`,
      hint: 'See /var/log/cloud-init.log and /var/log/cloud-init-output.log on the guest.',
    });
  if (!CLOUD_DONE.has(facts.cloud ?? '')) return `cloud-init (${facts.cloud || 'no state yet'})`;
  if (facts.system !== 'running' && facts.system !== 'degraded')
    return `the boot of the system (${facts.system || 'systemd does not answer'})`;
  return 'ready';
}

function note(context: ShellContext, text: string): void {
  context.log?.([{ at: Date.now(), stream: 'note', text }]);
}
