import { groupBy } from '../../core/group-by.ts'
import type { Logger } from '../../core/logger.ts'
import { createMailbox, type Lifetime, type Mailbox } from '../../core/mailbox.ts'
import type { Database } from '../../db/client.ts'
import type { EventKind, LogEvent } from '../../events/event.ts'
import type { Signals } from '../../events/signals.ts'
import { onAnnounced } from './announcements.ts'
import { findSights, type Presence, type Sight } from './presence.ts'
import { eventIntervalMs } from './timings.ts'

/** Subscriptions to the presence of people, of this process. */
export interface PresenceWatch {
  /** The present state of each user whom the viewer may know of, then what changes; of each user the latest. */
  follow(viewerId: string, userIds: readonly string[], lifetime: Lifetime): AsyncIterableIterator<Seen>
  /** What the log says may show people to each other, or hide them. */
  consider(events: readonly LogEvent[]): void
  /** How many subscriptions there are. */
  readonly size: number
  dispose(): void
}

export type Seen = Sight['user']

interface Watcher {
  readonly viewerId: string
  /** Whom it watches, and what of them was handed over last; null for nothing yet. */
  readonly shown: Map<string, string | null>
  readonly mailbox: Mailbox<Seen>
}

/** Pairs of a viewer and a user in one statement. */
const batchSize = 1_000

/** Entries upon which people may see each other who did not, or the other way round. */
const bearOnVisibility: ReadonlySet<EventKind> = new Set([
  'ACCOUNT_ERASED',
  'CHAT_CREATED',
  'CHAT_DELETED',
  'MEMBER_ADDED',
  'MEMBER_REMOVED',
  'USER_UPDATED',
])

const watchingMembers = {
  name: 'presence_watching_members',
  text: `SELECT user_id FROM chat_members WHERE chat_id = ANY($1::uuid[]) AND user_id = ANY($2::uuid[])`,
}

/**
 * It reads instead of believing: a signal says only whom to look at, and every look asks anew who may know what. A
 * look takes all that is to be looked at, and there is at most one a second for changes, however many come.
 */
export function createPresenceWatch(options: {
  query: Database['query']
  signals: Signals
  logger: Logger
}): PresenceWatch {
  const { query, signals, logger } = options
  const watchers = new Set<Watcher>()
  const watchersOf = new Map<string, Set<Watcher>>()
  const watchersBy = new Map<string, Set<Watcher>>()
  /** Whose watchers are to look at them, and who is to look at all of theirs, when it is time … */
  const changedUsers = new Set<string>()
  const changedWatchers = new Set<Watcher>()
  /** … and who has not seen anything yet, and does not wait. */
  const freshWatchers = new Set<Watcher>()
  let looking = false
  let nextLookAt = 0
  let timer: NodeJS.Timeout | null = null
  let disposed = false

  function change(userId: string): void {
    if (!watchersOf.has(userId)) return
    changedUsers.add(userId)
    schedule()
  }

  function schedule(): void {
    if (looking || disposed || freshWatchers.size + changedUsers.size + changedWatchers.size === 0) return
    const due = freshWatchers.size > 0 ? 0 : nextLookAt - performance.now()
    if (due <= 0) return void lookAll()
    timer ??= setTimeout(() => {
      timer = null
      schedule()
    }, due)
  }

  async function lookAll(): Promise<void> {
    looking = true
    // What comes in the same moment goes along.
    await Promise.resolve()
    const due = performance.now() >= nextLookAt
    if (due) nextLookAt = performance.now() + eventIntervalMs
    const fresh = takeAll(freshWatchers)
    const [users, again] = due ? [takeAll(changedUsers), takeAll(changedWatchers)] : [[], []]
    const pairs = [
      ...[...fresh, ...again].flatMap((watcher) =>
        [...watcher.shown.keys()].map((userId) => ({ watcher, userId })),
      ),
      ...users.flatMap((userId) =>
        [...(watchersOf.get(userId) ?? [])].map((watcher) => ({ watcher, userId })),
      ),
    ]
    try {
      for (let i = 0; i < pairs.length; i += batchSize) await look(pairs.slice(i, i + batchSize))
    } catch (error) {
      logger.warn({ err: error }, 'who is online could not be read; trying again')
      for (const { watcher } of pairs) if (watchers.has(watcher)) changedWatchers.add(watcher)
    }
    looking = false
    schedule()
  }

  /** Whoever is in a new chat may see all others who are. */
  async function considerMembers(chatIds: readonly string[]): Promise<void> {
    try {
      const watching = [...watchersBy.keys()]
      for (const { user_id } of await query<{ user_id: string }>(watchingMembers, [chatIds, watching])) {
        for (const watcher of watchersBy.get(user_id) ?? []) changedWatchers.add(watcher)
      }
      schedule()
    } catch (error) {
      logger.warn({ err: error }, 'the members of a new chat could not be read')
    }
  }

  async function look(pairs: readonly { watcher: Watcher; userId: string }[]): Promise<void> {
    const key = (viewerId: string, userId: string) => `${viewerId}:${userId}`
    const byPair = groupBy(pairs, ({ watcher, userId }) => key(watcher.viewerId, userId))
    const once = [...byPair.values()].flatMap(([pair]) => pair ?? [])
    const sights = await findSights(
      query,
      once.map(({ watcher, userId }) => ({ viewerId: watcher.viewerId, userId })),
    )
    for (const sight of sights) {
      for (const { watcher } of byPair.get(key(sight.viewerId, sight.user.id)) ?? []) show(watcher, sight)
    }
  }

  function show({ shown, mailbox }: Watcher, { user, visible }: Sight): void {
    const before = shown.get(user.id) ?? null
    // Who has been shown and is not to be seen any more goes offline, and that is all that is told of them.
    if (before === null && !visible) return
    const now = summaryOf(user.presence)
    if (now === before) return
    shown.set(user.id, now)
    mailbox.put(user.id, user)
  }

  function add(watcher: Watcher): void {
    watchers.add(watcher)
    index(watchersBy, watcher.viewerId, watcher)
    for (const userId of watcher.shown.keys()) index(watchersOf, userId, watcher)
    freshWatchers.add(watcher)
    schedule()
  }

  function remove(watcher: Watcher): void {
    watchers.delete(watcher)
    freshWatchers.delete(watcher)
    changedWatchers.delete(watcher)
    unindex(watchersBy, watcher.viewerId, watcher)
    for (const userId of watcher.shown.keys()) unindex(watchersOf, userId, watcher)
  }

  const stopListening = onAnnounced(signals, change)
  // What was announced while nobody listened.
  const stopHealing = signals.onResumed(() => {
    for (const userId of watchersOf.keys()) change(userId)
  })

  return {
    follow(viewerId, userIds, lifetime) {
      const mailbox = createMailbox<Seen>(userIds.length, () => remove(watcher))
      const watcher: Watcher = { viewerId, mailbox, shown: new Map(userIds.map((id) => [id, null])) }
      add(watcher)
      mailbox.endWith(lifetime)
      return mailbox
    },
    consider(events) {
      for (const event of events) {
        if (!bearOnVisibility.has(event.kind)) continue
        // A changed profile shows and hides nobody.
        if (event.peersOf !== null) continue
        for (const id of [event.userId, event.actorId, event.subjectId]) {
          if (id === null) continue
          change(id)
          for (const watcher of watchersBy.get(id) ?? []) changedWatchers.add(watcher)
        }
      }
      const created = events.flatMap(({ kind, chatId }) => (kind === 'CHAT_CREATED' ? (chatId ?? []) : []))
      if (created.length > 0 && watchersBy.size > 0) void considerMembers(created)
      schedule()
    },
    get size() {
      return watchers.size
    },
    dispose() {
      disposed = true
      stopListening()
      stopHealing()
      if (timer !== null) clearTimeout(timer)
    },
  }
}

function takeAll<Item>(items: Set<Item>): Item[] {
  const taken = [...items]
  items.clear()
  return taken
}

const summaryOf = ({ status, lastSeenAt }: Presence) => `${status} ${lastSeenAt?.getTime()}`

function index(map: Map<string, Set<Watcher>>, key: string, watcher: Watcher): void {
  const present = map.get(key)
  if (present === undefined) map.set(key, new Set([watcher]))
  else present.add(watcher)
}

function unindex(map: Map<string, Set<Watcher>>, key: string, watcher: Watcher): void {
  const present = map.get(key)
  present?.delete(watcher)
  if (present?.size === 0) map.delete(key)
}
