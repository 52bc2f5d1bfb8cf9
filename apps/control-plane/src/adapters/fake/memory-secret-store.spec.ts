import { secretStoreConformance } from '../../../test/conformance/secret-store.js';
import { MemorySecretStore } from './memory-secret-store.js';

secretStoreConformance('MemorySecretStore', async () => new MemorySecretStore());
