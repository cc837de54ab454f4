import { ApolloLink, Observable } from '@apollo/client'

export interface Replay<Event> {
  /** Next to the network: each time that something is asked counts for itself. */
  readonly link: ApolloLink
  /** Of events that the cache has. */
  note(events: readonly Event[]): void
  /** What was noted until now is older than what the cache is given next. */
  forget(): void
}

/**
 * An answer is as old as its question: what has happened while it was on its way it may undo in the cache, and no event
 * would tell of it again. So the events that came meanwhile are applied once more when the cache has the answer. Where the
 * answer is newer than one of them, the event of what made it so is still to come, and has the last word.
 *
 * The cache has an answer when the link has passed it on, unless the operation does without the cache, or is of `fetchMore`.
 */
export function createReplay<Event>(apply: (events: readonly Event[]) => void): Replay<Event> {
  /** Of each question on its way, what has happened since. */
  const asked = new Set<Event[]>()
  const link = new ApolloLink(
    (operation, forward) =>
      new Observable((observer) => {
        const missed: Event[] = []
        asked.add(missed)
        const answer = forward(operation).subscribe({
          next(result) {
            observer.next(result)
            if (missed.length > 0) apply(missed.splice(0))
          },
          error: (error) => observer.error(error),
          complete: () => observer.complete(),
        })
        return () => {
          asked.delete(missed)
          answer.unsubscribe()
        }
      }),
  )
  return {
    link,
    note(events) {
      for (const missed of asked) missed.push(...events)
    },
    forget() {
      for (const missed of asked) missed.length = 0
    },
  }
}
