import { type SubstrateUnderTest, substrateConformance } from '../../../test/conformance/substrate.js';
import { unfinishedGuestConformance } from '../../../test/conformance/unfinished-guests.js';
import { wallClock } from '../../../test/conformance/wall-clock.js';
import { FakeSubstrate } from './fake-substrate.js';

const open = async (): Promise<SubstrateUnderTest> => {
  const substrate = new FakeSubstrate(wallClock, { taskMs: 5 });
  const must = (vmid: number) => {
    const guest = substrate.guests.get(vmid);
    if (!guest) throw new Error(`no guest ${vmid}`);
    return guest;
  };
  return {
    substrate,
    node: 'fake1',
    otherNode: 'fake2',
    storage: 'local-zfs',
    image: 'local:vztmpl/debian-12.tar.zst',
    template: 'template:9000',
    bridge: 'vmbr0',
    firstId: 100,
    hand: {
      addStranger: async (vmid) => void substrate.addStranger(vmid),
      remove: async (vmid) => void substrate.guests.delete(vmid),
      setLock: async (vmid, lock) => {
        if (lock === undefined) delete must(vmid).lock;
        else must(vmid).lock = lock;
      },
      move: async (vmid, node) => void Object.assign(must(vmid), { node }),
      copy: async (vmid, to) => void substrate.guests.set(to, { ...must(vmid), vmid: to }),
      look: async (vmid) => {
        const guest = substrate.guests.get(vmid);
        const { status, name, memoryMiB, searchDomain } = guest ?? {};
        return name === undefined || memoryMiB === undefined
          ? undefined
          : { running: status === 'running', name, memoryMiB, searchDomain };
      },
      firewall: async (vmid) => {
        const { closed, rules } = must(vmid).firewall ?? { closed: false, rules: [] };
        return { closed, rules: rules.map((r) => `${r.protocol} ${r.port} from ${r.source ?? 'anywhere'}`).sort() };
      },
      openPort: async (vmid, port) => {
        const rules = [{ protocol: 'tcp' as const, port, comment: 'by hand' }];
        must(vmid).firewall = { closed: false, rules };
      },
      volumes: async (vmid) => {
        const guest = substrate.guests.get(vmid);
        return (guest ? 1 + Object.keys(guest.volumes).length : 0) + (substrate.looseDisks.get(vmid) ?? 0);
      },
      leaveDisk: async (vmid) => void substrate.looseDisks.set(vmid, 1),
    },
    close: async () => undefined,
  };
};

substrateConformance('the fake', open);
unfinishedGuestConformance('the fake', open);
