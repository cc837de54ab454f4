import type { ApolloCache, ApolloClient } from '@apollo/client'
import type { Parley } from '../apollo/client.ts'
import { codeOf } from '../apollo/links.ts'
import { EventsDocument, HomeDocument } from '../gql/graphql.ts'
import { applyEvents, type LiveEvent } from './applyEvent.ts'
import { waitForNetwork } from './socket.ts'

/** `live`: everything that has happened is shown. `reconnecting`: something may be missing still. */
export type LiveStatus = 'starting' | 'live' | 'reconnecting'

export interface Follower {
  onStatus(status: LiveStatus): void
  /** After the cache has it. */
  onEvent(event: LiveEvent): void
}

/** What comes within this time of what was shown last waits for it, and is shown together. */
const gatherMs = 50
/** So many are shown at once, lest the page stand still for long. */
const gatherMost = 250

/**
 * Fetches the state together with the place in the log that it belongs to, and applies every event behind that place,
 * over lost connections, each once. Where the log does not reach back far enough the state is fetched again.
 *
 * Every list in the cache was asked for after the place that is followed from was told: so whatever a list has not got is
 * in an event. Where that event has come before the list, it is applied again once the list is there (apollo/replay.ts).
 */
export function followEvents(parley: Parley, follower: Follower): () => void {
  const { apollo, socket } = parley
  let stopped = false
  let hasExpired = false
  let cursor: string | null = null
  let stopSubscription = () => {}
  let isLive = false
  let arrived: LiveEvent[] = []
  let appliedAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /** All that has arrived in one go: each change of the cache draws the lists anew. */
  function apply(): void {
    clearTimeout(timer)
    timer = undefined
    const events = arrived
    arrived = []
    const last = events.at(-1)
    if (last === undefined || stopped) return
    applyEvents(apollo.cache, events)
    parley.noteEvents(events)
    cursor = last.cursor
    for (const event of events) {
      if (event.__typename === 'CaughtUp') tell('live')
      follower.onEvent(event)
    }
    appliedAt = performance.now()
  }

  function tell(status: LiveStatus): void {
    isLive = status === 'live'
    follower.onStatus(status)
  }

  function take(event: LiveEvent): void {
    arrived.push(event)
    const isQuiet = performance.now() - appliedAt > gatherMs
    if (event.__typename === 'CaughtUp' || arrived.length >= gatherMost || (isLive && isQuiet)) apply()
    else timer ??= setTimeout(apply, gatherMs)
  }

  /** Until the subscription ends, for whatever reason. */
  const subscribe = (after: string) =>
    new Promise<void>((resolve, reject) => {
      const subscription = apollo
        .subscribe({ query: EventsDocument, variables: { after }, fetchPolicy: 'no-cache' })
        .subscribe({
          next({ data, error }) {
            if (error) return reject(error)
            if (data == null) return
            take(data.events)
          },
          error: reject,
          complete: resolve,
        })
      stopSubscription = () => {
        subscription.unsubscribe()
        resolve()
      }
    })

  async function follow(): Promise<void> {
    while (!stopped) {
      try {
        cursor ??= await (hasExpired ? fetchAnew(parley) : fetchState(apollo))
        if (cursor === null || stopped) return
        hasExpired = false
        await subscribe(cursor)
        apply()
      } catch (error) {
        if (stopped) return
        // What has arrived counts: the next subscription begins behind it.
        apply()
        tell('reconnecting')
        if (codeOf(error) === 'CURSOR_EXPIRED') {
          cursor = null
          hasExpired = true
        } else await waitForNetwork(1_000)
      } finally {
        stopSubscription()
      }
    }
  }

  const stopWatching = socket.watch((open) => {
    if (!open && !stopped) tell('reconnecting')
  })
  void follow()
  return () => {
    stopped = true
    clearTimeout(timer)
    stopWatching()
    stopSubscription()
  }
}

/**
 * From the cache where the app has fetched it already: the place in the log is that of what was fetched with it.
 * @returns null where nobody is logged in any more
 */
async function fetchState(apollo: ApolloClient): Promise<string | null> {
  const { data } = await apollo.query({ query: HomeDocument })
  return data?.viewer?.eventCursor ?? null
}

/**
 * What was missed may be anywhere, so that a new page need not join on to what is there: all lists are forgotten, and those
 * that are shown are fetched again by whoever shows them. That is done once the new place in the log is known, and what was
 * asked for before counts no more: what is said between a list and that place would be in neither.
 */
async function fetchAnew({ apollo, outdate }: Parley): Promise<string | null> {
  const { data } = await apollo.query({ query: HomeDocument, fetchPolicy: 'no-cache' })
  if (data == null) return null
  outdate()
  apollo.cache.batch({
    update(cache) {
      forgetLists(cache)
      cache.writeQuery({ query: HomeDocument, data })
    },
  })
  return data.viewer?.eventCursor ?? null
}

function forgetLists(cache: ApolloCache): void {
  for (const id of Object.keys(cache.extract() as object)) {
    if (id.startsWith('Viewer:')) cache.evict({ id, fieldName: 'chats' })
    if (!id.startsWith('Chat:')) continue
    cache.evict({ id, fieldName: 'messages' })
    cache.evict({ id, fieldName: 'members' })
  }
}
