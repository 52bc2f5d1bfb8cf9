import type { Outcome } from '../../src/domain/notification/delivery.js';
import { type Message, testMessage } from '../../src/domain/notification/message.js';

export type ReceiverBehaviour = 'takes' | 'refuses' | 'hangs' | 'away';

/** A messenger with a receiver that does what it is told. */
export interface MessengerStage {
  send(message: Message, signal: AbortSignal): Promise<Outcome>;
  behave(behaviour: ReceiverBehaviour): Promise<void>;
  received(): readonly { readonly id: string; readonly text: string }[];
  close(): Promise<void>;
}

let serial = 0;
export const someMessage = (): Message =>
  testMessage({ id: `msg_${serial++}`, at: 1_700_000_000_000, target: 'office', language: 'de' });

/** What every messenger owes its callers. */
export function messengerConformance(name: string, open: () => Promise<MessengerStage>): void {
  describe(`messenger: ${name}`, () => {
    let stage: MessengerStage;
    beforeEach(async () => {
      stage = await open();
    });
    afterEach(() => stage.close());
    const soon = () => AbortSignal.timeout(10_000);

    it('brings the text and the id, and says what the receiver answered', async () => {
      const message = someMessage();
      const outcome = await stage.send(message, soon());
      expect(outcome).toMatchObject({ ok: true, answer: expect.stringMatching(/\S/) });
      expect(stage.received()).toMatchObject([{ id: message.id, text: expect.stringContaining('Dies ist ein Test') }]);
    });

    it('a second try carries the same id', async () => {
      const message = someMessage();
      await stage.send(message, soon());
      await stage.send(message, soon());
      expect(stage.received().map(({ id }) => id)).toEqual([message.id, message.id]);
    });

    it.each(['refuses', 'away'] as const)('tells that the receiver %s, and what helps', async (behaviour) => {
      await stage.behave(behaviour);
      const outcome = await stage.send(someMessage(), soon());
      expect(outcome).toMatchObject({
        ok: false,
        answer: expect.stringMatching(/\S/),
        remedy: expect.stringMatching(/\S.*\.$/),
      });
      expect(stage.received()).toEqual([]);
    });

    it('leaves a receiver that hangs when it is told to', async () => {
      await stage.behave('hangs');
      const outcome = await stage.send(someMessage(), AbortSignal.timeout(300));
      expect(outcome).toMatchObject({ ok: false, answer: expect.stringContaining('no answer in time') });
    });

    it('does not begin when it is too late already', async () => {
      expect(await stage.send(someMessage(), AbortSignal.abort())).toMatchObject({ ok: false });
      expect(stage.received()).toEqual([]);
    });
  });
}
