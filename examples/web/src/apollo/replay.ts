import { ApolloLink, Observable } from '@apollo/client'

/** Something that is asked for, and given to the cache later. */
export interface Asking {
  /** Whether it is too old to be given to the cache. */
  isOutdated(): boolean
  /** The cache has it, or never will. */
  end(): void
}

export interface Replay<Event> {
  /** Next to the network: each time that something is asked counts for itself. */
  readonly link: ApolloLink
  /** For answers that do without the cache and are given to it together. */
  begin(): Asking
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
  /** Of each question on its way, what has happened since; null where that is not known any more. */
  const asked = new Set<{ missed: Event[] | null }>()

  function begin() {
    const question: { missed: Event[] | null } = { missed: [] }
    asked.add(question)
    const catchUp = () => {
      const missed = question.missed?.splice(0) ?? []
      if (missed.length > 0) apply(missed)
    }
    return {
      isOutdated: () => question.missed === null,
      catchUp,
      cancel: () => asked.delete(question),
      end() {
        asked.delete(question)
        catchUp()
      },
    }
  }

  const link = new ApolloLink(
    (operation, forward) =>
      new Observable((observer) => {
        const { catchUp, cancel } = begin()
        const answer = forward(operation).subscribe({
          next(result) {
            observer.next(result)
            catchUp()
          },
          error: (error) => observer.error(error),
          complete: () => observer.complete(),
        })
        return () => {
          cancel()
          answer.unsubscribe()
        }
      }),
  )
  return {
    link,
    begin,
    note(events) {
      for (const { missed } of asked) missed?.push(...events)
    },
    forget() {
      for (const question of asked) question.missed = null
    },
  }
}
