import { useState } from 'react'
import { reasonOf } from '../failure.ts'
import type { FailureFragment } from '../gql/graphql.ts'

interface Asking {
  /** Whether it was done. Meanwhile, and afterwards, the rest of this tells of it. */
  readonly ask: (answer: Promise<{ readonly data?: object | null | undefined }>) => Promise<boolean>
  readonly isBusy: boolean
  /** Why the last one was not done. */
  readonly problem: string | null
}

/** Waits for the answer to a mutation that says by `...Failure` why it was refused. */
export function useAsking(): Asking {
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  async function ask(answer: Promise<{ data?: object | null | undefined }>): Promise<boolean> {
    setProblem(null)
    setBusy(true)
    try {
      const result = Object.values((await answer).data ?? {}).find(isFailure)
      if (result === undefined) return true
      setProblem(reasonOf(result))
    } catch {
      setProblem('The server cannot be reached. Try again in a moment.')
    } finally {
      setBusy(false)
    }
    return false
  }
  return { ask, isBusy, problem }
}

/** Beside it there is the `__typename` of the whole. */
function isFailure(result: unknown): result is FailureFragment {
  return typeof result === 'object' && result !== null && 'reason' in result
}
