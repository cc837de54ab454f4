import { useEffect } from 'react'
import { useLive } from './LiveProvider.tsx'
import { answerOf, limitOf } from './outbox.ts'

/** What failed may have failed just before the connection was back. */
const pauseMs = 1_000

/**
 * Repeats a query that has failed as soon as the network is known to be there. One that the server refused it would refuse
 * again: that is for a person to see, but for a rate limit, which passes.
 */
export function useRetryWhenLive(error: unknown, refetch: () => Promise<unknown>): void {
  const { status } = useLive()
  useEffect(() => {
    const ms = error ? waitMs(error) : null
    if (ms === null || status !== 'live') return
    const timer = setTimeout(() => void refetch().catch(() => {}), ms)
    return () => clearTimeout(timer)
  }, [error, status, refetch])
}

function waitMs(error: unknown): number | null {
  const limit = limitOf(error)
  if (limit !== null) return Math.max(limit, pauseMs)
  return answerOf(error) === null ? pauseMs : null
}
