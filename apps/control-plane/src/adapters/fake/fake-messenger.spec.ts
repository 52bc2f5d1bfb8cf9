import { messengerConformance } from '../../../test/conformance/messenger.js';
import { FakeMessenger } from './fake-messenger.js';

messengerConformance('the fake', async () => {
  const fake = new FakeMessenger();
  return {
    send: (message, signal) =>
      fake.send({ kind: 'webhook', url: 'https://fake.test', privateAddresses: false }, 'key', message, signal),
    behave: async (behaviour) => {
      fake.behaviour = behaviour;
    },
    received: () => fake.received,
    close: async () => undefined,
  };
});
