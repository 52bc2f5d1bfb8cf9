import type { GuestSize } from '../../domain/blueprint/blueprint.js';
import type { StackId } from '../../domain/ids.js';
import { Refusal } from '../../domain/problem.js';
import type { DriftField } from '../../domain/stack/drift.js';
import type { RecordedGuest } from '../../domain/stack/stack.js';
import type { Clock } from '../clock.port.js';
import type { DriftBook } from './drift-book.port.js';
import type { Look, LookAtGuests, SeenDrift } from './look-at-guests.js';

/** One difference, and the value that whoever answers has seen: an answer to something else is refused. */
export interface DriftReference {
  readonly stack: StackId;
  /** `wiki.app`. */
  readonly guest: string;
  readonly field: DriftField;
  readonly observed: string | number;
}

/**
 * Answers to drift that change nothing on the substrate: the record takes what is there, or it is left as it is, because …
 * The third answer, to put it back, is a plan (`Orders.restore`).
 */
export class AnswerDrift {
  constructor(
    private readonly look: LookAtGuests,
    private readonly book: DriftBook,
    private readonly clock: Pick<Clock, 'now'>,
  ) {}

  async adopt(reference: DriftReference): Promise<void> {
    const { stack, recorded, drift } = await this.#find(reference);
    const why = drift.without.adopt;
    if (why !== undefined) {
      throw new Refusal({
        code: 'change.unsupported',
        subject: `${reference.guest}.${reference.field}`,
        message: `The record cannot take that ${reference.field} is ${drift.observed}.`,
        remedy: 'Put it back as recorded, or ignore it, because …',
        details: { why },
      });
    }
    const { field } = reference;
    const size = adoptedSize(drift);
    await this.book.adopt({
      stack: stack.id,
      field,
      before: recorded,
      after: adopted(recorded, drift),
      ...(size ? { size: { guest: reference.guest, size } } : {}),
    });
  }

  async ignore(reference: DriftReference, reason: string, by: string): Promise<void> {
    const { stack, recorded, drift } = await this.#find(reference);
    const { field, observed } = drift;
    await this.book.ignore(stack.site, { guest: recorded.id, field, observed, reason, by, at: this.clock.now() });
  }

  async withdraw(reference: Omit<DriftReference, 'observed'>): Promise<void> {
    const { recorded } = await this.#guest(reference);
    if (await this.book.withdraw(recorded.id, reference.field)) return;
    throw new Refusal({
      code: 'not_found',
      subject: `${reference.guest}.${reference.field}`,
      message: 'Nobody said that this is to be ignored, or it has changed since.',
      remedy: 'Look at the guests of the stack.',
    });
  }

  async #guest({ stack, guest }: Omit<DriftReference, 'observed'>): Promise<Look> {
    const looks = await this.look.execute(stack);
    const found = looks.find(({ live }) => `${live.instance}.${live.guest}` === guest);
    if (found) return found;
    throw new Refusal({
      code: 'not_found',
      subject: `guest ${guest}`,
      message: 'The stack has no such guest.',
      remedy: `It has ${looks.map(({ live }) => `${live.instance}.${live.guest}`).join(', ') || 'none'}.`,
    });
  }

  async #find(reference: DriftReference): Promise<Look & { readonly drift: SeenDrift }> {
    const found = await this.#guest(reference);
    const drift = found.live.drift.find((one) => one.field === reference.field);
    if (drift && drift.observed === reference.observed) return { ...found, drift };
    throw new Refusal({
      code: 'conflict',
      subject: `${reference.guest}.${reference.field}`,
      message: drift
        ? `It is ${drift.observed} by now, not ${reference.observed}.`
        : 'It does not differ from the record by now, or its substrate does not answer.',
      remedy: 'Look at the guest again and answer then.',
    });
  }
}

function adopted(recorded: RecordedGuest, { field, observed }: SeenDrift): RecordedGuest {
  if (field === 'node') {
    const node = String(observed);
    return { ...recorded, node, spec: { ...recorded.spec, node } };
  }
  return { ...recorded, spec: { ...recorded.spec, [field]: Number(observed) } };
}

/** A size is wanted as well as recorded: else the next plan would ask for the old one again. */
function adoptedSize({ field, observed }: SeenDrift): GuestSize | undefined {
  if (field !== 'cpus' && field !== 'memoryMiB' && field !== 'diskGiB') return undefined;
  return { [field]: Number(observed) };
}
