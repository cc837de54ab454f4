import { vi } from 'vitest'

/** Waits until a check no longer throws; on a busy machine that may take a while. */
export const eventually = <Result>(check: () => Result): Promise<Awaited<Result>> =>
  vi.waitFor(check, { timeout: 15_000, interval: 10 }) as Promise<Awaited<Result>>
