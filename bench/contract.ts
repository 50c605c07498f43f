/** What a bench is: something that measures, and says its figures to a person. */
export interface BenchContext {
  /** aborted when the measuring is to end; servers are closed all the same */
  readonly signal: AbortSignal;
  /** told what is being measured, for a terminal */
  readonly progress: (step: string) => void;
  /** how many records to measure with, where that was asked for */
  readonly records: number | undefined;
}

export interface Bench<Figures> {
  /** The figures are one JSON document. */
  run(context: BenchContext): Promise<Figures>;
  /** lines for a person */
  print(figures: Figures): readonly string[];
}
