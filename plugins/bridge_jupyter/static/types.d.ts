/** What the kernel sends. */

export interface Row {
  id: string;
  number: number;
  name: string;
  status: string;
  ended: boolean;
  start: number | null;
  end: number | null;
}

export interface RunFacts extends Row {
  error: string;
  note: string;
  params: [string, string][];
  values: [string, number | string][];
  warnings: string[];
}

export interface ListedRow extends Row {
  values: (number | string | null)[];
}

/** A chart that is not a line: its key, its kind, and the number of rows or files. */
export type OtherChart = [key: string, kind: string, points: number];

/** What such a chart shows. */
export interface OtherValue {
  problem?: string;
  step?: number;
  data?: any;
  columns?: Record<string, (string | number | boolean | null)[]>;
  steps?: number[];
  words?: (string | number | boolean | null)[];
  total?: number;
  url?: string;
}

export interface Contents {
  subject: "run" | "experiment" | "runs";
  experiment: string;
  /** The time of the kernel's clock in milliseconds since 1970 UTC. */
  now: number;
  open: boolean;
  link: string;
  run: RunFacts | null;
  keys: string[];
  others: OtherChart[];
  /** The number of metrics without a chart, because there are too many. */
  moreKeys: number;
  charted: { id: string; number: number; name: string }[];
  total: number;
  columns: string[];
  rows: ListedRow[];
}

/** How all charts of a view look. */
export interface Look {
  dark: boolean;
  log: boolean;
  /** From 0 to 0.99. */
  smoothing: number;
}
