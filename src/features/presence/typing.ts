import type { Logger } from '../../core/logger.ts'
import { createMailbox, type Lifetime, type Mailbox } from '../../core/mailbox.ts'
import { createThrottle } from '../../core/throttle.ts'
import type { Database } from '../../db/client.ts'
import type { Signals } from '../../events/signals.ts'
import { areApart } from '../blocks/access.ts'
import { type OwnChat, type OwnChatRow, ownChatColumns, toOwnChat } from '../chats/access.ts'
import type { PublicUser } from '../users/access.ts'
import { eventIntervalMs, type LiveTimings } from './timings.ts'

/** Who types where, told from process to process and kept nowhere. */
export interface Typing {
  /**
   * Tells the others; at most once a second for each user and chat, the last state winning.
   * @returns when it expires, null for a stop
   */
  set(userId: string, chatId: string, isTyping: boolean): Date | null
  /** What the other members of a chat do, or with null of every chat, for as long as the viewer is a member, too. */
  follow(viewerId: string, chatId: string | null, lifetime: Lifetime): AsyncIterableIterator<TypingChange>
  /** How many subscriptions there are. */
  readonly size: number
  dispose(): void
}

export interface TypingChange {
  readonly chat: OwnChat
  readonly user: PublicUser
  /** Null when they type no more. */
  readonly expiresAt: Date | null
}

interface Follower {
  readonly viewerId: string
  readonly mailbox: Mailbox<TypingChange>
}

const topic = 'typing'
/** Of how many people at a time a slow reader has something waiting. */
const mailboxSize = 100
/** People in chats of whom is told by one statement. */
const batchSize = 500

/**
 * Who is told of somebody's typing: asked each time, so that nobody is after they left the chat, or after a block of
 * the two. One statement for whatever came in a moment.
 */
const audienceStatement = {
  name: 'typing_audience',
  text: `SELECT ${ownChatColumns}, u.id AS typist_id, u.username, u.display_name, u.bio, u.kind AS user_kind,
      u.created_at AS user_created_at
    FROM unnest($1::uuid[], $2::uuid[]) AS k(chat_id, typist_id)
    JOIN users u ON u.id = k.typist_id AND u.active
    JOIN chats c ON c.id = k.chat_id AND c.deleted_at IS NULL
    JOIN chat_members m ON m.chat_id = c.id AND m.user_id = ANY($3::uuid[]) AND m.user_id <> u.id
    WHERE EXISTS (SELECT 1 FROM chat_members t WHERE t.chat_id = c.id AND t.user_id = u.id)
      AND NOT ${areApart('m.user_id', 'u.id')}`,
}

interface AudienceRow extends OwnChatRow {
  readonly typist_id: string
  readonly username: string
  readonly display_name: string
  readonly bio: string | null
  readonly user_kind: PublicUser['kind']
  readonly user_created_at: Date
}

export function createTyping(options: {
  /** On connections that no client's work can use up. */
  query: Database['query']
  signals: Signals
  logger: Logger
  timings: Pick<LiveTimings, 'typingExpiryMs'>
}): Typing {
  const { query, signals, logger } = options
  const { typingExpiryMs } = options.timings
  const followersOf = new Map<string, Set<Follower>>()
  /** Of all their chats. */
  const everywhere = new Set<Follower>()
  let size = 0
  /** Who types where somebody of this process looks on, by chat and user, until it expires. */
  const expiries = new Map<string, NodeJS.Timeout>()
  /** What is to be told next. */
  let untold = new Map<string, Date | null>()
  let telling = false

  // Once where it is said, which spares the others, and once where it is heard, since a client may say it to several.
  const saying = createThrottle<boolean>(eventIntervalMs, (place, isTyping) =>
    signals.publish(topic, `${place}:${isTyping ? 'start' : 'stop'}`),
  )
  const hearing = createThrottle<boolean>(eventIntervalMs, (place, isTyping) => {
    untold.set(place, isTyping ? new Date(Date.now() + typingExpiryMs) : null)
    if (!telling) void tellAll()
  })

  const stopListening = signals.subscribe(topic, (payload) => {
    const [chatId = '', userId = '', what] = payload.split(':')
    if (everywhere.size === 0 && !followersOf.has(chatId)) return
    const place = placeOf(chatId, userId)
    clearTimeout(expiries.get(place))
    if (what === 'start') expiries.set(place, setTimeout(stop, typingExpiryMs, place).unref())
    else if (!expiries.delete(place)) return
    hearing.put(place, what === 'start')
  })

  /** Nothing was heard of them for a while: they went away, or their process did. */
  function stop(place: string): void {
    expiries.delete(place)
    hearing.put(place, false)
  }

  async function tellAll(): Promise<void> {
    telling = true
    // What comes in the same moment goes along.
    await Promise.resolve()
    while (untold.size > 0) {
      const all = [...untold]
      untold = new Map()
      for (let i = 0; i < all.length; i += batchSize) {
        await tell(new Map(all.slice(i, i + batchSize))).catch((error: unknown) =>
          logger.warn({ err: error }, 'who types could not be told'),
        )
      }
    }
    telling = false
  }

  async function tell(changes: ReadonlyMap<string, Date | null>): Promise<void> {
    const places = [...changes.keys()].map((place) => place.split(':') as [string, string])
    const followers = [...everywhere, ...places.flatMap(([chatId]) => [...(followersOf.get(chatId) ?? [])])]
    if (followers.length === 0) return
    const rows = await query<AudienceRow>(audienceStatement, [
      places.map(([chatId]) => chatId),
      places.map(([, userId]) => userId),
      [...new Set(followers.map(({ viewerId }) => viewerId))],
    ])
    for (const row of rows) {
      const expiresAt = changes.get(placeOf(row.id, row.typist_id))
      if (expiresAt === undefined) continue
      const change = { chat: toOwnChat(row), user: typistOf(row), expiresAt }
      for (const { viewerId, mailbox } of [...everywhere, ...(followersOf.get(row.id) ?? [])]) {
        if (viewerId === row.user_id) mailbox.put(placeOf(row.id, row.typist_id), change)
      }
    }
  }

  return {
    set(userId, chatId, isTyping) {
      saying.put(placeOf(chatId, userId), isTyping)
      return isTyping ? new Date(Date.now() + typingExpiryMs) : null
    },
    follow(viewerId, chatId, lifetime) {
      const followers = chatId === null ? everywhere : (followersOf.get(chatId) ?? new Set())
      if (chatId !== null) followersOf.set(chatId, followers)
      const mailbox = createMailbox<TypingChange>(mailboxSize, () => {
        size--
        followers.delete(follower)
        if (chatId !== null && followers.size === 0) followersOf.delete(chatId)
      })
      const follower = { viewerId, mailbox }
      followers.add(follower)
      size++
      mailbox.endWith(lifetime)
      return mailbox
    },
    get size() {
      return size
    },
    dispose() {
      stopListening()
      saying.dispose()
      hearing.dispose()
      for (const timer of expiries.values()) clearTimeout(timer)
    },
  }
}

const placeOf = (chatId: string, userId: string) => `${chatId}:${userId}`

function typistOf(row: AudienceRow): PublicUser {
  return {
    id: row.typist_id,
    username: row.username,
    displayName: row.display_name,
    bio: row.bio,
    kind: row.user_kind,
    createdAt: row.user_created_at,
  }
}
