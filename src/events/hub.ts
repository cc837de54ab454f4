import type { Database } from '../db/client.ts'
import { cursorExpired } from './cursor.ts'
import { type EventKind, type LogEvent, messageKinds } from './event.ts'

/**
 * Knows which of this process's listeners each entry of the log concerns. Who belongs to which chat is
 * read once for each connected user and kept true by the log itself: an entry that changes a
 * membership is applied before anything after it is routed.
 */
export interface Hub<Delivery> {
  /**
   * Routes one batch that ends at `head`: loads what is wanted, once for all, then hands it to each
   * listener in order.
   */
  route(events: readonly LogEvent[], head: number): Promise<void>
  /**
   * Starts to hand over everything that concerns the user behind `from`; what lies at it or before is
   * in the log to be read. The first listener of a user costs one SQL statement.
   */
  attach(listener: Listener<Delivery>): Promise<{ from: number; detach: () => void }>
  /**
   * Lets go of everybody, each with a failure: what is known here does not hold any more. Whoever comes from then on
   * waits for the next batch.
   */
  reset(reason: Error): void
  /** Ends sessions without waiting for their place in the log; doing it again does no harm. */
  routeAhead(events: readonly LogEvent[]): void
  /** Hears of every ended session. @returns a function that stops it */
  onSessionRevoked(listener: (sessionId: string) => void): () => void
  readonly stats: { readonly users: number; readonly listeners: number }
}

export interface Listener<Delivery> {
  readonly userId: string
  /** Null: every chat of the user, and what concerns the user alone. */
  readonly chatId: string | null
  readonly kinds: ReadonlySet<EventKind>
  /** Must not throw and must not wait. */
  readonly receive: (delivery: Delivery) => void
  /** Nothing comes any more. */
  readonly fail: (reason: Error) => void
  /** Nothing comes any more: the user is in its only chat no longer. Called once all before that has been received. */
  readonly leave: () => void
}

interface Attached<Delivery> extends Listener<Delivery> {
  /**
   * A batch that was already under way when the listener came may have been loaded without it, so the
   * listener starts behind that batch.
   */
  from: number
}

/** What of a chat's entries a user may see. */
interface Membership {
  /** From here in the log on. */
  readonly since: number
  /** Not beyond here: they have left. */
  until: number
  /** Nothing about messages up to this sequence. */
  hiddenThrough: number
  /** One that ended within the batch under way. */
  readonly previous: Membership | null
}

interface ConnectedUser<Delivery> {
  readonly id: string
  readonly chats: Map<string, Membership>
  readonly listeners: Set<Attached<Delivery>>
  /** Changes that arrive while the chats are being read, to be applied after it. */
  pending: ((user: ConnectedUser<Delivery>) => void)[] | null
  readonly loaded: Promise<void>
}

const chatsOfUser = {
  name: 'hub_chats_of_user',
  text: `SELECT m.chat_id, m.joined_position, m.hidden_through FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND c.deleted_at IS NULL`,
}

const chatsOfUsers = {
  name: 'hub_chats_of_users',
  text: `SELECT m.user_id, m.chat_id FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = ANY($1::uuid[]) AND c.deleted_at IS NULL`,
}

const connectedMembers = {
  name: 'hub_connected_members',
  text: `SELECT chat_id, user_id, joined_position, hidden_through FROM chat_members
    WHERE chat_id = ANY($1::uuid[]) AND user_id = ANY($2::uuid[])`,
}

/** A membership's row as `pg` hands it over: eight-byte integers come as text. */
interface MembershipRow {
  readonly chat_id: string
  readonly joined_position: string
  readonly hidden_through: number
}

const aboutMessages: ReadonlySet<EventKind> = new Set(messageKinds)

function canSee(membership: Membership | null | undefined, event: LogEvent): boolean {
  if (!membership) return false
  const { since, until, hiddenThrough, previous } = membership
  if (event.position < since || event.position > until) return canSee(previous, event)
  return !aboutMessages.has(event.kind) || (event.sequence ?? 0) > hiddenThrough
}

export function createHub<Delivery>(options: {
  database: Database
  /** Loads what the entries speak of, in a constant number of statements; what is gone is left out. */
  hydrate: (events: readonly LogEvent[]) => Promise<Map<number, Delivery>>
}): Hub<Delivery> {
  type Peers = Map<string, Set<ConnectedUser<Delivery>>>
  const users = new Map<string, ConnectedUser<Delivery>>()
  const usersOfChat = new Map<string, Set<ConnectedUser<Delivery>>>()
  const sessionListeners = new Set<(sessionId: string) => void>()
  let listeners = 0
  /** Null until the first batch. */
  let head: number | null = null
  const onBegun: (() => void)[] = []

  function join(user: ConnectedUser<Delivery>, chatId: string, since: number, hiddenThrough: number): void {
    const known = user.chats.get(chatId)
    if (known !== undefined && known.since >= since) return
    const previous = known !== undefined && known.until < since ? known : null
    user.chats.set(chatId, { since, until: Number.POSITIVE_INFINITY, hiddenThrough, previous })
    const members = usersOfChat.get(chatId)
    if (members === undefined) usersOfChat.set(chatId, new Set([user]))
    else members.add(user)
  }

  function forget(user: ConnectedUser<Delivery>, chatId: string): void {
    const members = usersOfChat.get(chatId)
    members?.delete(user)
    if (members?.size === 0) usersOfChat.delete(chatId)
  }

  function connect(userId: string): ConnectedUser<Delivery> {
    const user: ConnectedUser<Delivery> = {
      id: userId,
      chats: new Map(),
      listeners: new Set(),
      pending: [],
      loaded: Promise.resolve().then(async () => {
        const rows = await options.database.query<MembershipRow>(chatsOfUser, [userId])
        const pending = user.pending ?? []
        user.pending = null
        if (users.get(userId) !== user) return
        for (const row of rows) join(user, row.chat_id, Number(row.joined_position), row.hidden_through)
        for (const change of pending) change(user)
      }),
    }
    users.set(userId, user)
    return user
  }

  function disconnect(user: ConnectedUser<Delivery>): void {
    if (users.get(user.id) === user) users.delete(user.id)
    for (const chatId of user.chats.keys()) forget(user, chatId)
  }

  /**
   * What the batch changes about who sees what. It is all applied before the first entry is routed; positions
   * keep apart what came before a change and what after it. Statements: one, where chats are new.
   * @returns what is left to do once the batch has been routed
   */
  async function applyMemberships(events: readonly LogEvent[]): Promise<() => void> {
    const created = events.filter((event) => event.kind === 'CHAT_CREATED').map((event) => event.chatId)
    if (created.length > 0 && users.size > 0) {
      const rows = await options.database.query<MembershipRow & { user_id: string }>(connectedMembers, [
        created,
        [...users.keys()],
      ])
      for (const { user_id, chat_id, joined_position, hidden_through } of rows) {
        change(user_id, (user) => join(user, chat_id, Number(joined_position), hidden_through))
      }
    }
    const left: (() => void)[] = []
    for (const event of events) {
      const { kind, position, chatId, userId, subjectId, sequence } = event
      if (kind === 'MEMBER_ADDED' && chatId !== null && subjectId !== null) {
        change(subjectId, (user) => join(user, chatId, position, sequence ?? 0))
      } else if (kind === 'MEMBER_REMOVED' && chatId !== null && subjectId !== null) {
        left.push(leave(subjectId, chatId, position))
      } else if (kind === 'CHAT_DELETED' && userId !== null && subjectId !== null) {
        left.push(leave(userId, subjectId, position))
      } else if (kind === 'CHAT_CLEARED' && chatId !== null && subjectId === null) {
        for (const user of users.values()) change(user.id, () => hide(user, chatId, sequence ?? 0))
      }
    }
    return () => {
      for (const forgetIt of left) forgetIt()
    }
  }

  /** Now, or once the user's chats have been read. */
  function change(userId: string, apply: (user: ConnectedUser<Delivery>) => void): void {
    const user = users.get(userId)
    if (user === undefined) return
    if (user.pending === null) apply(user)
    else user.pending.push(apply)
  }

  /**
   * From the entry that tells of it on; what lies before it in the batch is still for them.
   * @returns what is left to do once the batch has been routed
   */
  function leave(userId: string, chatId: string, position: number): () => void {
    change(userId, ({ chats }) => {
      const membership = chats.get(chatId)
      if (membership === undefined || membership.since > position) return
      membership.until = Math.min(membership.until, position - 1)
    })
    return () =>
      change(userId, (user) => {
        const { until } = user.chats.get(chatId) ?? {}
        if (until === undefined || until === Number.POSITIVE_INFINITY) return
        user.chats.delete(chatId)
        forget(user, chatId)
        for (const listener of [...user.listeners]) if (listener.chatId === chatId) listener.leave()
      })
  }

  function hide(user: ConnectedUser<Delivery>, chatId: string, sequence: number): void {
    const membership = user.chats.get(chatId)
    if (membership !== undefined) membership.hiddenThrough = Math.max(membership.hiddenThrough, sequence)
  }

  function tellOfSession(event: LogEvent): void {
    if (event.kind !== 'SESSION_REVOKED' || event.subjectId === null) return
    for (const listener of sessionListeners) listener(event.subjectId)
  }

  /** The connected users who share a chat with each user whom an entry is about; one statement for the batch. */
  async function findPeers(events: readonly LogEvent[]): Promise<Peers> {
    const subjects = events.flatMap(({ peersOf }) => peersOf ?? [])
    const peers: Peers = new Map(subjects.map((id) => [id, new Set<ConnectedUser<Delivery>>()]))
    if (subjects.length === 0 || users.size === 0) return peers
    const rows = await options.database.query<{ user_id: string; chat_id: string }>(chatsOfUsers, [
      [...peers.keys()],
    ])
    for (const { user_id, chat_id } of rows) {
      for (const user of usersOfChat.get(chat_id) ?? []) peers.get(user_id)?.add(user)
    }
    for (const [id, connected] of peers) {
      const self = users.get(id)
      if (self !== undefined) connected.add(self)
    }
    return peers
  }

  function audienceOf(event: LogEvent, peers: Peers): Iterable<ConnectedUser<Delivery>> {
    if (event.chatId !== null) return usersOfChat.get(event.chatId) ?? []
    if (event.peersOf !== null) return peers.get(event.peersOf) ?? []
    const user = event.userId === null ? undefined : users.get(event.userId)
    return user === undefined ? [] : [user]
  }

  function* listenersOf(event: LogEvent, peers: Peers): Generator<Attached<Delivery>> {
    for (const user of audienceOf(event, peers)) {
      if (event.chatId !== null && !canSee(user.chats.get(event.chatId), event)) continue
      for (const listener of user.listeners) {
        if (event.position <= listener.from || !listener.kinds.has(event.kind)) continue
        if (listener.chatId === null || listener.chatId === event.chatId) yield listener
      }
    }
  }

  return {
    async route(events, batchEnd) {
      head = batchEnd
      for (const resolve of onBegun.splice(0)) resolve()
      // Before anything is waited for: whoever comes meanwhile begins behind this batch.
      for (const event of events) tellOfSession(event)
      const forgetWhoLeft = await applyMemberships(events)
      const peers = await findPeers(events)
      const wanted = events.filter((event) => !listenersOf(event, peers).next().done)
      const deliveries = wanted.length > 0 ? await options.hydrate(wanted) : null
      for (const event of events) {
        const delivery = deliveries?.get(event.position)
        if (delivery === undefined) continue
        for (const listener of listenersOf(event, peers)) listener.receive(delivery)
      }
      forgetWhoLeft()
    },
    routeAhead(events) {
      for (const event of events) tellOfSession(event)
    },
    reset(reason) {
      head = null
      const abandoned = [...users.values()]
      users.clear()
      usersOfChat.clear()
      for (const user of abandoned) for (const listener of [...user.listeners]) listener.fail(reason)
    },
    async attach(listener) {
      // Who is in which chat must be read after the place in the log from which changes of that are heard.
      while (head === null) await new Promise<void>((resolve) => onBegun.push(resolve))
      const user = users.get(listener.userId) ?? connect(listener.userId)
      const attached = { ...listener, from: Number.POSITIVE_INFINITY }
      user.listeners.add(attached)
      listeners++
      const detach = () => {
        if (!user.listeners.delete(attached)) return
        listeners--
        if (user.listeners.size === 0) disconnect(user)
      }
      try {
        await user.loaded
        if (users.get(user.id) !== user || head === null) throw cursorExpired()
      } catch (error) {
        // The next attempt reads the chats anew.
        if (users.get(user.id) === user) users.delete(user.id)
        detach()
        throw error
      }
      attached.from = head
      return { from: head, detach }
    },
    onSessionRevoked(listener) {
      sessionListeners.add(listener)
      return () => sessionListeners.delete(listener)
    },
    get stats() {
      return { users: users.size, listeners }
    },
  }
}
