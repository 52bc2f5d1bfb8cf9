/** rrddata of guests, nodes and storages. What was measured lives as long as the lab's process. */
import { guestOf } from '../guests/guests.js';
import type { Call, Handlers } from '../http/call.js';
import type { Lab } from '../lab.js';
import { storageOfPath } from '../storage/storages.js';
import { modelRows } from './model-history.js';
import { RrdHistory, SAMPLE_SECONDS } from './rrd-history.js';
import type { RrdTable } from './rrd-table.js';

const histories = new WeakMap<Lab, RrdHistory>();

function historyOf(lab: Lab): RrdHistory {
  const found = histories.get(lab) ?? new RrdHistory();
  histories.set(lab, found);
  return found;
}

/** Samples from now on; the answer ends it. */
export function startSampling(lab: Lab): () => void {
  const history = historyOf(lab);
  const sample = () => void history.sample(lab).catch(() => undefined);
  sample();
  const timer = setInterval(sample, SAMPLE_SECONDS * 1000);
  return () => clearInterval(timer);
}

const consolidationOf = (call: Call) => (call.text('cf') === 'MAX' ? 'MAX' : 'AVERAGE');

async function answer(call: Call, table: (history: RrdHistory) => RrdTable, key: string): Promise<unknown> {
  const history = historyOf(call.lab);
  await history.sample(call.lab);
  return table(history).rows(key, call.need('timeframe'), consolidationOf(call), Math.floor(call.lab.now() / 1000));
}

const ofGuest = (type: 'qemu' | 'lxc') => async (call: Call) => {
  const guest = guestOf(call, type);
  const usageAt = call.lab.runtime.usageAt?.bind(call.lab.runtime, guest.vmid);
  if (usageAt) return modelRows(call.lab, guest, call.need('timeframe'), consolidationOf(call), usageAt);
  return await answer(call, (history) => history.guests, String(call.vmid));
};

export const rrdHandlers: Handlers = {
  'GET /nodes/{node}/qemu/{vmid}/rrddata': ofGuest('qemu'),
  'GET /nodes/{node}/lxc/{vmid}/rrddata': ofGuest('lxc'),
  'GET /nodes/{node}/rrddata': (call) => answer(call, (history) => history.nodes, call.node),
  'GET /nodes/{node}/storage/{storage}/rrddata': (call) => {
    const { storage } = storageOfPath(call.lab, call.need('storage'));
    return answer(call, (history) => history.storages, `${call.node}/${storage}`);
  },
};
