/**
 * One budget of a rate limit: up to `burst` at once, and one of them back after each interval (the generic
 * cell rate algorithm). All that is kept of it is the time at which it will be whole again.
 */
export interface Budget {
  /** A keyed hash of whose it is. */
  readonly key: Uint8Array<ArrayBuffer>
  readonly burst: number
  /** In milliseconds. */
  readonly intervalMs: number
}

/** Where budgets are kept: by whichever process they are asked for, it is the same ones. */
export interface Budgets {
  /**
   * Takes one of each, or none of any.
   * @returns for each of them in how many milliseconds there is one; all zero: taken
   */
  take(budgets: readonly Budget[]): Promise<number[]>
  /** Puts one back into each. */
  giveBack(budgets: readonly Budget[]): Promise<void>
}
