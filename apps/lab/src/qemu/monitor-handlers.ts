/** QEMU's monitor: who may give which command, and the few answers a machine without QEMU has. Keys arrive nowhere. */
import { guestOf, withGuestLock } from '../guests/guests.js';
import { ApiError, fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Guest } from '../state/model.js';
import { QEMU_VERSION } from './create-machine.js';

const words = (text: string) => new Set(text.split(' '));

/** What takes Sys.Modify on `/`, and what takes nothing more than the call itself; all else is root's. */
const MODIFY = words(
  'gpa2hpa gpa2hva i announce_self backup_cancel balloon block_job_cancel block_job_complete block_job_pause block_job_resume block_job_set_speed block_resize block_set_io_throttle boot_set calc_dirty_rate cancel_vcpu_dirty_limit chardev-send-break closefd commit cont c cpu delvm eject exit_preconfig expire_password getfd gva2gpa loadvm log migrate_cancel migrate_continue migrate_pause migrate_set_capability migrate_set_parameter migrate_start_postcopy mouse_button mouse_move mouse_set one-insn-per-tb print p qemu-io qom-get qom-list quit q replay_break replay_delete_break replay_seek ringbuf_read ringbuf_write savevm sendkey set_link set_password set_vcpu_dirty_limit snapshot_blkdev_internal snapshot_delete_blkdev_internal stopcapture stop s sum sync-profile system_powerdown system_reset system_wakeup trace-event x x_colo_lost_heartbeat xp',
);
const FREE = words('help ? info');
const ROOT = words(
  'backup block_stream change chardev-add chardev-change chardev-remove client_migrate_info device_add device_del drive_add drive_backup drive_del drive_mirror dump-guest-memory dumpdtb gdbserver hostfwd_add hostfwd_remove logfile mce memsave migrate migrate_incoming migrate_recover nbd_server_add nbd_server_remove nbd_server_start nbd_server_stop netdev_add netdev_del nmi o object_add object_del pcie_aer_inject_error pmemsave qom-set savevm-end savevm-start screendump snapshot_blkdev watchdog_action wavcapture xen-event-inject xen-event-list',
);

/** Names QEMU has for keys. */
const KEYS = words(
  'unmapped pause ro kp_comma kp_equals power hiragana henkan yen sleep wake audionext audioprev audiostop audioplay audiomute volumeup volumedown mediaselect mail calculator computer ac_home ac_back ac_forward ac_refresh ac_bookmarks muhenkan katakanahiragana lang1 lang2 f13 f14 f15 f16 f17 f18 f19 f20 f21 f22 f23 f24 shift shift_r alt alt_r ctrl ctrl_r menu esc 1 2 3 4 5 6 7 8 9 0 minus equal backspace tab q w e r t y u i o p bracket_left bracket_right ret a s d f g h j k l semicolon apostrophe grave_accent backslash z x c v b n m comma dot slash asterisk spc caps_lock f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 num_lock scroll_lock kp_divide kp_multiply kp_subtract kp_add kp_enter kp_decimal sysrq kp_0 kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 less f11 f12 print home pgup pgdn end left up down right insert delete stop again props undo front copy open paste find cut lf help meta_l meta_r compose',
);

const isKey = (name: string) => KEYS.has(name === '<' ? 'less' : name) || /^0x[0-9a-f]{1,2}$/i.test(name);

async function sendKey(call: Call): Promise<null> {
  const { lab, vmid } = call;
  if (call.flag('skiplock') && !call.caller.isRoot)
    throw parameterError({ skiplock: 'Only root may use this option.' });
  await withGuestLock(lab, 'qemu', vmid, new AbortController().signal, async () => {
    if (!guestOf(call, 'qemu').running) throw fail(`VM ${vmid} not running`);
    const unknown = call
      .need('key')
      .split('-')
      .find((name) => !isKey(name));
    if (unknown !== undefined) throw fail(`invalid parameter: ${unknown}`);
  });
  return null;
}

function demand(call: Call, name: string): void {
  if (FREE.has(name)) return;
  if (MODIFY.has(name)) call.demand('/', ['Sys.Modify']);
  else if (!call.caller.isRoot)
    throw fail(
      ROOT.has(name)
        ? `root-only command '${name}'`
        : `command '${name}' non-existent or not assigned a required permission yet, limiting to root user`,
    );
}

function answer(guest: Guest, command: string): string {
  const [name = '', subject = ''] = command.trim().split(/\s+/);
  if (!guest.running) return `ERROR: VM ${guest.vmid} not running\n`;
  const known: Readonly<Record<string, string>> = {
    status: `VM status: ${guest.running.paused ? 'paused' : 'running'}`,
    name: String(guest.config.name ?? `VM ${guest.vmid}`),
    uuid: /uuid=([0-9a-f-]+)/.exec(String(guest.config.smbios1 ?? ''))?.[1] ?? '',
    version: `${QEMU_VERSION}pve-qemu-kvm_${QEMU_VERSION}-1`,
    kvm: 'kvm support: disabled',
  };
  if (name === 'info' && Object.hasOwn(known, subject)) return `${known[subject]}\r\n`;
  if (!FREE.has(name) && !MODIFY.has(name) && !ROOT.has(name)) return `unknown command: '${name}'\r\n`;
  throw new ApiError(501, `monitor command '${command.trim()}' not implemented by this lab (Bastide lab)`);
}

function monitor(call: Call): string {
  const command = call.need('command');
  if (command === '' || command === '0') throw fail('no command specified');
  const name = /^\s*(\S+)/.exec(command)?.[1];
  if (name === undefined) throw fail(`unexpected command '${command}'`);
  demand(call, name);
  return answer(guestOf(call, 'qemu'), command);
}

function vmState(call: Call): null {
  const guest = call.lab.state.guests.get(call.vmid);
  if (guest?.type !== 'qemu' || guest.node !== call.node || !guest.running)
    throw parameterError({ node: `VM ${call.vmid} not running locally on node '${call.node}'` });
  return null;
}

export const monitorHandlers: Handlers = {
  'PUT /nodes/{node}/qemu/{vmid}/sendkey': sendKey,
  'POST /nodes/{node}/qemu/{vmid}/monitor': monitor,
  'POST /nodes/{node}/qemu/{vmid}/dbus-vmstate': vmState,
};
