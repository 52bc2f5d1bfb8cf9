import { newestError } from './newest-error.js';

describe('the refusal that is shown beside several acts', () => {
  const refused = (message: string, submittedAt: number) => ({ error: new Error(message), submittedAt });
  const untried = { error: null, submittedAt: 0 };

  it('is the one of the act that was tried last, whatever their order', () => {
    expect(newestError(refused('retry', 1), refused('undo', 2), untried)?.message).toBe('undo');
    expect(newestError(refused('retry', 3), refused('undo', 2), untried)?.message).toBe('retry');
  });

  it('goes when something else is tried', () => {
    expect(newestError(refused('retry', 1), { error: null, submittedAt: 2 })).toBeNull();
    expect(newestError(untried, untried)).toBeNull();
  });
});
