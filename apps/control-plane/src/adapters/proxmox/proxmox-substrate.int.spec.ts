import { openLab } from '../../../test/conformance/lab-substrate.js';
import { substrateConformance } from '../../../test/conformance/substrate.js';

substrateConformance('Proxmox VE (the lab)', () => openLab());
