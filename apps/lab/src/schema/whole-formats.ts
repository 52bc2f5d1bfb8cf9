/** What a property string may not say as a whole, though each of its parts is right. */
import type { PropertyValues } from './property-string.js';

/** Flags a single machine may set; models of one's own may set any. */
export const MACHINE_FLAGS =
  'aes, amd-no-ssb, amd-ssbd, hv-evmcs, hv-tlbflush, ibpb, md-clear, nested-virt, pcid, pdpe1gb, spec-ctrl, ssbd, virt-ssbd';
const FLAGS = MACHINE_FLAGS.replaceAll(', ', '|');
const MACHINE_FLAG_LIST = new RegExp(`^[+-](?:${FLAGS})(?:;[+-](?:${FLAGS}))*$`);

/** Models that exist in Proxmox alone: each stands for `qemu64` with flags. */
export const ABSTRACT_MODELS: readonly string[] = ['x86-64-v2', 'x86-64-v2-AES', 'x86-64-v3', 'x86-64-v4'];

type Whole = (values: Readonly<PropertyValues>, models: readonly string[]) => string | undefined;

function wrongCpu({ cputype, flags, 'reported-model': reported }: Readonly<PropertyValues>, models: readonly string[]) {
  if (!cputype) return 'CPU is missing cputype';
  // Whether a model of one's own exists is asked where the cluster is known.
  if (!cputype.startsWith('custom-') && !models.includes(cputype) && !ABSTRACT_MODELS.includes(cputype))
    return `Built-in cputype '${cputype}' is not defined (missing 'custom-' prefix?)`;
  if (flags && !MACHINE_FLAG_LIST.test(flags)) return `VM-specific CPU flags must be a subset of: ${MACHINE_FLAGS}`;
  return reported === undefined ? undefined : "Property 'reported-model' not allowed in VM-specific CPU config.";
}

const WHOLE: Readonly<Record<string, Whole>> = {
  'pve-vm-cpu-conf': wrongCpu,
  'prune-backups': ({ 'keep-all': all, ...others }) =>
    all === '1' && Object.values(others).some((count) => Number(count) > 0)
      ? 'keep-all cannot be set together with other options.'
      : undefined,
};

/** `models`: what the schema lists for `reported-model`. */
export const wrongAsAWhole = (
  format: string | undefined,
  values: Readonly<PropertyValues>,
  models: readonly string[],
): string | undefined => (format === undefined ? undefined : WHOLE[format]?.(values, models));
