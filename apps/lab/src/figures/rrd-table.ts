/**
 * Samples of many objects with equal columns, consolidated as Proxmox's RRD files are (pmxcfs, `rrd_def_*_pve9_0`): one row a minute
 * for a day, one row a half hour for thirty days. Column-wise in typed arrays and bounded in rows: with very many objects the
 * oldest minutes go earlier. Nothing here knows a clock; times come in as Unix seconds.
 */

export type Consolidation = 'AVERAGE' | 'MAX';
export type Sample = Readonly<Record<string, number | undefined>>;
/** `time` in Unix seconds; a column nobody measured is missing. */
export type Row = Record<string, number>;

/** Seconds a row and rows an answer, from PVE::RRD. */
const FRAMES: Readonly<Record<string, readonly [step: number, count: number]>> = {
  hour: [60, 60],
  day: [60, 1440],
  week: [1800, 336],
  month: [1800, 1440],
  year: [21_600, 1440],
  decade: [604_800, 570],
};
/** An unknown frame is the shortest one. */
export const frameOf = (frame: string): readonly [step: number, count: number] => FRAMES[frame] ?? [60, 60];

const MINUTE = 60;
const HALF_HOUR = 1800;
const PERIODS_KEPT = 1440;
/** A row is not given when the samples are further apart than this; the heartbeat of the real ones. */
const HEARTBEAT = 120;

/** Values of one period: for every object `columns` sums, counts and maxima, or (closed) averages and maxima. */
interface Period {
  readonly start: number;
  readonly place: ReadonlyMap<string, number>;
  readonly average: Float32Array;
  readonly maximum: Float32Array;
}

class Gathering {
  readonly values = new Map<string, { sum: Float64Array; count: Uint32Array; max: Float64Array }>();

  constructor(
    readonly start: number,
    private readonly width: number,
  ) {}

  add(key: string, column: number, value: number, max = value): void {
    let entry = this.values.get(key);
    if (!entry) {
      entry = {
        sum: new Float64Array(this.width),
        count: new Uint32Array(this.width),
        max: new Float64Array(this.width).fill(Number.NEGATIVE_INFINITY),
      };
      this.values.set(key, entry);
    }
    entry.sum[column] = (entry.sum[column] ?? 0) + value;
    entry.count[column] = (entry.count[column] ?? 0) + 1;
    entry.max[column] = Math.max(entry.max[column] ?? value, max);
  }

  close(): Period {
    const place = new Map<string, number>();
    const average = new Float32Array(this.values.size * this.width).fill(Number.NaN);
    const maximum = new Float32Array(this.values.size * this.width).fill(Number.NaN);
    for (const [key, { sum, count, max }] of this.values) {
      const at = place.size * this.width;
      place.set(key, place.size);
      for (let column = 0; column < this.width; column += 1) {
        const times = count[column] ?? 0;
        if (times === 0) continue;
        average[at + column] = (sum[column] ?? 0) / times;
        maximum[at + column] = max[column] ?? 0;
      }
    }
    return { start: this.start, place, average, maximum };
  }
}

export class RrdTable {
  private readonly last = new Map<string, { time: number; counters: Sample }>();
  private readonly minutes: Period[] = [];
  private readonly halfHours: Period[] = [];
  private minute: Gathering | undefined;
  private halfHour: Gathering | undefined;

  constructor(
    /** Those of the real file, in its order. `counter`: the sample is a total, the row a rate in bytes a second. */
    private readonly columns: readonly { readonly name: string; readonly counter?: true }[],
    /** Rows of all objects together, of each of the two steps. */
    private readonly rowsKept = 1_300_000,
  ) {}

  /** Takes samples of all objects there are; who is not in it is forgotten as soon as its rows are old. */
  record(time: number, samples: Iterable<readonly [string, Sample]>): void {
    const start = time - (time % MINUTE);
    if (this.minute && this.minute.start !== start) this.closeMinute();
    this.minute ??= new Gathering(start, this.columns.length);
    for (const [key, sample] of samples) {
      const before = this.last.get(key);
      const elapsed = before ? time - before.time : 0;
      for (const [index, column] of this.columns.entries()) {
        const value = sample[column.name];
        if (value === undefined) continue;
        if (!column.counter) this.minute.add(key, index, value);
        else {
          const old = before?.counters[column.name];
          // A counter that went back belongs to a guest that was started anew: no rate is known for that moment.
          if (old !== undefined && elapsed > 0 && elapsed <= HEARTBEAT && value >= old)
            this.minute.add(key, index, (value - old) / elapsed);
        }
      }
      if (!before || elapsed > 0) this.last.set(key, { time, counters: sample });
    }
    for (const [key, { time: seen }] of this.last) if (time - seen > HEARTBEAT) this.last.delete(key);
  }

  private closeMinute(): void {
    if (!this.minute) return;
    const period = this.minute.close();
    this.minute = undefined;
    keep(this.minutes, period, this.rowsKept);
    const start = period.start - (period.start % HALF_HOUR);
    if (this.halfHour && this.halfHour.start !== start) {
      keep(this.halfHours, this.halfHour.close(), this.rowsKept);
      this.halfHour = undefined;
    }
    this.halfHour ??= new Gathering(start, this.columns.length);
    for (const key of period.place.keys())
      for (const [column, average, maximum] of this.valuesOf(period, key))
        this.halfHour.add(key, column, average, maximum);
  }

  private *valuesOf(period: Period, key: string): Iterable<[column: number, average: number, maximum: number]> {
    const place = period.place.get(key);
    if (place === undefined) return;
    for (let column = 0; column < this.columns.length; column += 1) {
      const average = period.average[place * this.columns.length + column] ?? Number.NaN;
      if (!Number.isNaN(average))
        yield [column, average, period.maximum[place * this.columns.length + column] ?? average];
    }
  }

  /** One row for each step of the time frame up to the one that runs now; steps without figures have their time alone. */
  rows(key: string, frame: string, consolidation: Consolidation, now: number): Row[] {
    const [step, count] = frameOf(frame);
    const end = now - (now % step);
    const begin = end - step * count;
    const gathered = new Map<number, Gathering>();
    // The running half hour is known from the minutes only.
    const periods =
      step === MINUTE ? this.minutes : [...this.halfHours, ...(this.halfHour ? [this.halfHour.close()] : [])];
    for (const period of periods) {
      if (period.start < begin || period.start >= end) continue;
      const start = period.start - (period.start % step);
      const into = gathered.get(start) ?? new Gathering(start, this.columns.length);
      gathered.set(start, into);
      for (const [column, average, maximum] of this.valuesOf(period, key))
        into.add(key, column, consolidation === 'MAX' ? maximum : average);
    }
    const rows: Row[] = [];
    for (let time = begin; time < end; time += step) {
      const row: Row = { time };
      const values = gathered.get(time)?.values.get(key);
      for (const [index, { name }] of this.columns.entries()) {
        const times = values?.count[index] ?? 0;
        if (!values || times === 0) continue;
        row[name] = (consolidation === 'MAX' ? values.max[index] : (values.sum[index] ?? 0) / times) ?? 0;
      }
      rows.push(row);
    }
    // The real one drops a newest step that is still empty.
    if (Object.keys(rows.at(-1) ?? {}).length === 1) rows.pop();
    return rows;
  }
}

function keep(periods: Period[], period: Period, rowsKept: number): void {
  periods.push(period);
  let rows = periods.reduce((sum, one) => sum + one.place.size, 0);
  while (periods.length > 1 && (periods.length > PERIODS_KEPT || rows > rowsKept)) {
    rows -= periods[0]?.place.size ?? 0;
    periods.shift();
  }
}
