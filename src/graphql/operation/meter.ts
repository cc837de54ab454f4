import { type ExecutionResult, Kind, type OperationDefinitionNode } from 'graphql'
import type { Metrics } from '../../core/metrics.ts'
import type { Caller } from './caller.ts'

/** Counts an operation, and how long it took, when it is known what came of it. */
export interface Meter {
  end(outcome: 'ok' | 'errors' | 'failed' | 'refused'): void
}

export function startMeter(
  metrics: Metrics,
  { operation: type }: OperationDefinitionNode,
  { closesWithSession }: Caller,
): Meter {
  const begun = performance.now()
  const transport = closesWithSession ? 'websocket' : 'http'
  return {
    end(outcome) {
      metrics.operations.inc({ transport, type, outcome })
      if (outcome !== 'refused') metrics.operationDuration.observe({ type }, performance.now() - begun)
    },
  }
}

/** Counts a subscription for as long as it is open, and the events that it hands over. */
export function countResults(
  metrics: Metrics,
  results: AsyncIterableIterator<ExecutionResult>,
  { selectionSet }: OperationDefinitionNode,
  { closesWithSession }: Caller,
): AsyncIterableIterator<ExecutionResult> {
  const transport = closesWithSession ? 'websocket' : 'sse'
  const [selection] = selectionSet.selections
  const labels = { transport, field: selection?.kind === Kind.FIELD ? selection.name.value : 'fragment' }
  metrics.subscriptions.inc(labels)
  let open = true
  const end = () => {
    if (open) metrics.subscriptions.dec(labels)
    open = false
  }
  return {
    async next() {
      try {
        const result = await results.next()
        if (result.done) end()
        else metrics.eventsDelivered.inc({ transport })
        return result
      } catch (error) {
        end()
        throw error
      }
    },
    async return() {
      end()
      await results.return?.()
      return { done: true, value: undefined }
    },
    async throw(error) {
      end()
      await results.throw?.(error)
      throw error
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
