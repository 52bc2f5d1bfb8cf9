/** Lets so many through at a time, in order. */
export class Gate {
  private readonly waiting: (() => void)[] = [];
  private inside = 0;

  constructor(private readonly width: number) {}

  async pass<T>(action: () => Promise<T>): Promise<T> {
    if (this.inside >= this.width) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.inside++;
    try {
      return await action();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.inside--;
    }
  }
}

/** One action at a time per number; different numbers do not wait for each other. */
export class Turns {
  private readonly last = new Map<number, Promise<unknown>>();

  take<T>(number: number, action: () => Promise<T>): Promise<T> {
    const before = this.last.get(number) ?? Promise.resolve();
    const mine = before.then(action, action);
    const settled = mine.then(
      () => undefined,
      () => undefined,
    );
    this.last.set(number, settled);
    void settled.then(() => {
      if (this.last.get(number) === settled) this.last.delete(number);
    });
    return mine;
  }
}
