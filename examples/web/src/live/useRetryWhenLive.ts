import { useEffect } from 'react'
import { useLive } from './LiveProvider.tsx'

/** What failed may have failed just before the connection was back. */
const pauseMs = 1_000

/** Repeats a query that has failed as soon as the network is known to be there. */
export function useRetryWhenLive(error: unknown, refetch: () => Promise<unknown>): void {
  const { status } = useLive()
  useEffect(() => {
    if (!error || status !== 'live') return
    const timer = setTimeout(() => void refetch().catch(() => {}), pauseMs)
    return () => clearTimeout(timer)
  }, [error, status, refetch])
}
