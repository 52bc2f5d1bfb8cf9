import { stepQueueConformance } from '../../../test/engine/step-queue-conformance.js';
import { MemoryStepQueue } from './memory-step-queue.js';

describe('in-memory step queue', () => {
  stepQueueConformance(async () => new MemoryStepQueue());
});
