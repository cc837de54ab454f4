import type { Database } from '../db/client.ts'
import type { EventKind, LogEvent } from './event.ts'

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
}

interface Attached<Delivery> extends Listener<Delivery> {
  /**
   * A batch that was already under way when the listener came may have been loaded without it, so the
   * listener starts behind that batch.
   */
  from: number
}

interface ConnectedUser<Delivery> {
  readonly id: string
  readonly chats: Set<string>
  readonly listeners: Set<Attached<Delivery>>
  /** Changes that arrive while the chats are being read, to be applied after it. */
  pending: ((chats: Set<string>) => void)[] | null
  readonly loaded: Promise<void>
}

const chatsOfUser = {
  name: 'hub_chats_of_user',
  text: `SELECT m.chat_id FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND c.deleted_at IS NULL`,
}

const chatsOfUsers = {
  name: 'hub_chats_of_users',
  text: `SELECT m.user_id, m.chat_id FROM chat_members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = ANY($1::uuid[]) AND c.deleted_at IS NULL`,
}

const connectedMembers = {
  name: 'hub_connected_members',
  text: `SELECT chat_id, user_id FROM chat_members WHERE chat_id = ANY($1::uuid[]) AND user_id = ANY($2::uuid[])`,
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
  let head = 0

  function join(user: ConnectedUser<Delivery>, chatId: string): void {
    user.chats.add(chatId)
    const members = usersOfChat.get(chatId)
    if (members === undefined) usersOfChat.set(chatId, new Set([user]))
    else members.add(user)
  }

  function connect(userId: string): ConnectedUser<Delivery> {
    const user: ConnectedUser<Delivery> = {
      id: userId,
      chats: new Set(),
      listeners: new Set(),
      pending: [],
      loaded: Promise.resolve().then(async () => {
        const rows = await options.database.query<{ chat_id: string }>(chatsOfUser, [userId])
        const chats = new Set(rows.map((row) => row.chat_id))
        for (const change of user.pending ?? []) change(chats)
        user.pending = null
        if (users.get(userId) === user) for (const chatId of chats) join(user, chatId)
      }),
    }
    users.set(userId, user)
    return user
  }

  function disconnect(user: ConnectedUser<Delivery>): void {
    if (users.get(user.id) === user) users.delete(user.id)
    for (const chatId of user.chats) {
      const members = usersOfChat.get(chatId)
      members?.delete(user)
      if (members?.size === 0) usersOfChat.delete(chatId)
    }
  }

  /** New chats: one statement for the batch finds which of the connected users belong to them. */
  async function applyMemberships(events: readonly LogEvent[]): Promise<void> {
    const chatIds = events.filter((event) => event.kind === 'CHAT_CREATED').map((event) => event.chatId)
    if (chatIds.length === 0 || users.size === 0) return
    const rows = await options.database.query<{ chat_id: string; user_id: string }>(connectedMembers, [
      chatIds,
      [...users.keys()],
    ])
    for (const { chat_id, user_id } of rows) {
      const user = users.get(user_id)
      if (user === undefined) continue
      if (user.pending === null) join(user, chat_id)
      else user.pending.push((chats) => chats.add(chat_id))
    }
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
      for (const listener of user.listeners) {
        if (event.position <= listener.from || !listener.kinds.has(event.kind)) continue
        if (listener.chatId === null || listener.chatId === event.chatId) yield listener
      }
    }
  }

  return {
    async route(events, batchEnd) {
      head = batchEnd
      await applyMemberships(events)
      const peers = await findPeers(events)
      const wanted = events.filter((event) => !listenersOf(event, peers).next().done)
      const deliveries = wanted.length > 0 ? await options.hydrate(wanted) : null
      for (const event of events) {
        tellOfSession(event)
        const delivery = deliveries?.get(event.position)
        if (delivery === undefined) continue
        for (const listener of listenersOf(event, peers)) listener.receive(delivery)
      }
    },
    routeAhead(events) {
      for (const event of events) tellOfSession(event)
    },
    async attach(listener) {
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
