/** Processors a machine can be given: QEMU's own, Proxmox's abstract ones, and models of the cluster's own. */
import { checkDigest, digestOf, type Entry, sectionEntries } from '../cluster/sections.js';
import { parseOption } from '../guests/disks.js';
import { fail, parameterError } from '../http/api-error.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { splitList } from '../schema/formats.js';
import { methodOf } from '../schema/schema.js';
import { ABSTRACT_MODELS, MACHINE_FLAGS } from '../schema/whole-formats.js';
import type { ConfigValue } from '../state/model.js';

const SECTION = { collection: 'cpu-model' } as const;
const PATH = '/cluster/qemu/custom-cpu-models';
const VISIBLE = ['Mapping.Audit', 'Mapping.Use', 'Mapping.Modify'];

const isArm = (model: string) => /^(?:a64fx|cortex|neoverse)/.test(model);

function vendorOf(model: string): string {
  if (/^(?:kvm|qemu)(?:32|64)$|^(?:max|host)$/.test(model)) return 'default';
  if (isArm(model)) return 'ARM';
  return /^(?:athlon|phenom|Opteron|EPYC)/.test(model) ? 'AuthenticAMD' : 'GenuineIntel';
}

/** The host's own model exists where the host is of that kind; the lab's nodes are x86_64. */
function builtInModels(arch: string): readonly string[] {
  const all = methodOf('POST', PATH).parameters.get('reported-model')?.enum ?? [];
  return arch === 'aarch64' ? all.filter((model) => isArm(model) || model === 'max') : all.filter((one) => !isArm(one));
}

const plainName = (name: string) => name.replace(/^custom-/, '');
const findIn = (lab: Lab, name: string): Entry | undefined => new Map(sectionEntries(lab, SECTION)).get(name);
const find = (call: Call, name: string) => findIn(call.lab, name);
const mayUse = (call: Call, name: string) => call.can(`/mapping/cpu/${name}`, VISIBLE, true);

function listModels(call: Call): unknown {
  const arch = call.text('arch') ?? 'x86_64';
  const builtIn = builtInModels(arch);
  const seesAll = call.can('/nodes', ['Sys.Audit']);
  return [
    ...builtIn.map((name) => ({ name, custom: 0, vendor: vendorOf(name) })),
    ...(arch === 'aarch64' ? [] : ABSTRACT_MODELS).map((name) => ({ name, custom: 0, abstract: 1, vendor: 'default' })),
    ...sectionEntries(call.lab, SECTION)
      .filter(([name, entry]) => builtIn.includes(String(entry['reported-model'])) && (seesAll || mayUse(call, name)))
      .map(([name, entry]) => ({
        name: `custom-${name}`,
        custom: 1,
        vendor: vendorOf(String(entry['reported-model'])),
      })),
  ];
}

/** The type a machine has already may stay, whoever asks. */
export function demandCpuModel(call: Call, value: ConfigValue | undefined, before?: ConfigValue): void {
  if (value === undefined) return;
  const typeOf = (text: ConfigValue) => parseOption('qemu', 'cpu', text).cputype ?? '';
  const type = typeOf(value);
  if (!type.startsWith('custom-')) return;
  const name = plainName(type);
  if (!find(call, name)) throw parameterError({ cpu: `invalid format - Custom cputype '${name}' not found\n` });
  if (before === undefined || typeOf(before) !== type) call.demand(`/mapping/cpu/${name}`, ['Mapping.Use']);
}

/** A machine whose model was taken away meanwhile does not start. */
export function checkCpuModel(lab: Lab, value: ConfigValue): void {
  const name = /^custom-(.+)$/.exec(parseOption('qemu', 'cpu', value).cputype ?? '')?.[1];
  if (name !== undefined && !findIn(lab, name)) throw new Error(`Custom cputype '${name}' not found`);
}

function given(call: Call): Entry {
  const { cputype: _, delete: _names, digest: _digest, ...entry } = call.parameters;
  return entry;
}

function checkedName(call: Call): string {
  const name = plainName(call.need('cputype'));
  if (!/^[a-z][a-z0-9_-]+$/i.test(name)) throw fail(`invalid configuration ID '${name}'`);
  return name;
}

function updateModel(call: Call): void {
  const remove = splitList(call.text('delete') ?? '');
  for (const key of ['cputype', 'reported-model']) if (remove.includes(key)) throw fail(`cannot delete '${key}'`);
  const name = checkedName(call);
  checkDigest(call, digestOf(call.lab, SECTION));
  const before = find(call, name);
  if (!before) throw fail(`custom CPU model '${name}' does not exist`);
  const sent = given(call);
  const entry = { ...before };
  for (const key of remove) {
    if (!methodOf('POST', PATH).parameters.has(key)) throw fail(`no such option '${key}'`);
    if (sent[key] !== undefined) throw fail(`cannot set and delete property '${key}' at the same time!`);
    delete entry[key];
  }
  call.lab.journal.put(SECTION.collection, name, { ...entry, ...sent });
}

const listFlags = (call: Call) =>
  call.text('arch') === 'aarch64'
    ? []
    : MACHINE_FLAGS.split(', ').map((name) => ({ name, 'supported-on': [...call.lab.nodes].sort() }));

export const cpuModelHandlers: Handlers = {
  'GET /cluster/qemu/cpu-flags': listFlags,
  'GET /nodes/{node}/capabilities/qemu/cpu-flags': listFlags,
  'GET /nodes/{node}/capabilities/qemu/cpu': listModels,
  [`GET ${PATH}`]: (call) => {
    const digest = digestOf(call.lab, SECTION);
    return sectionEntries(call.lab, SECTION)
      .filter(([name]) => mayUse(call, name))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, entry]) => ({ ...entry, cputype: `custom-${name}`, digest }));
  },
  [`POST ${PATH}`]: (call) => {
    const name = checkedName(call);
    if (find(call, name)) throw fail(`custom CPU model '${name}' already exists`);
    call.lab.journal.put(SECTION.collection, name, given(call));
  },
  [`GET ${PATH}/{cputype}`]: (call) => {
    const name = plainName(call.need('cputype'));
    const entry = find(call, name);
    if (!entry) throw fail(`Custom cputype '${name}' not found`);
    // Alone, what is switched off is not told.
    const on = Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== 0 && value !== ''));
    return { ...on, cputype: `custom-${name}`, digest: digestOf(call.lab, SECTION) };
  },
  [`PUT ${PATH}/{cputype}`]: updateModel,
  [`DELETE ${PATH}/{cputype}`]: (call) => {
    const name = plainName(call.need('cputype'));
    if (!find(call, name)) throw fail(`custom CPU model '${name}' does not exist`);
    call.lab.journal.delete(SECTION.collection, name);
  },
};
