import type { ApolloCache, Reference } from '@apollo/client'
import { EventsDocument, type EventsSubscription } from '../gql/graphql.ts'
import { addChat, addEdge, addMessage, type Identified, idOf } from './lists.ts'

export type LiveEvent = EventsSubscription['events']
type EventOf<Name extends LiveEvent['__typename']> = Extract<LiveEvent, { __typename: Name }>

/**
 * Brings the cache up to date with one event of the subscription `Events`; whoever watches the cache hears of it once.
 * Events carry things as they are now, so one that comes again changes nothing. The cache is one of `createCache`.
 */
export function applyEvent(cache: ApolloCache, event: LiveEvent): void {
  cache.batch({
    update() {
      takeOver(cache, event)
      change(cache, event)
    },
  })
}

/** As `applyEvent`, of several in their order: whoever watches the cache hears of them once. */
export function applyEvents(cache: ApolloCache, events: readonly LiveEvent[]): void {
  cache.batch({
    update() {
      for (const event of events) applyEvent(cache, event)
    },
  })
}

/** Everything that an event carries and that has an id replaces what the cache had of it. */
function takeOver(cache: ApolloCache, event: LiveEvent): void {
  cache.write({ dataId: 'ROOT_SUBSCRIPTION', query: EventsDocument, result: { events: event } })
  cache.evict({ id: 'ROOT_SUBSCRIPTION', fieldName: 'events' })
}

/** What does not follow from the things themselves: who is in which list, and what is gone. */
function change(cache: ApolloCache, event: LiveEvent): void {
  switch (event.__typename) {
    case 'MessageAdded':
      addMessage(cache, { cursor: event.messageEdge.cursor, node: event.message }, { inTurn: true })
      addChat(cache, event.chat, event.chatEdge.cursor, event.viewer)
      break
    case 'ChatCreated':
      addChat(cache, event.chat, event.chatEdge.cursor, event.viewer)
      break
    case 'MemberAdded':
      addMember(cache, event)
      break
    case 'MemberRemoved':
      evict(cache, { __typename: 'ChatMember', id: event.removedMemberId })
      break
    case 'ChatDeleted':
      deleteChat(cache, event)
      break
    case 'ChatCleared':
      if (event.author === null) clearGroup(cache, event)
      else clearDirectChat(cache, event, event.author)
      break
    case 'AccountErased':
      eraseAccount(cache, event)
      if (event.messages === 'ERASE') eraseTexts(cache, event)
      break
    // Of the rest, and of kinds that come with later versions, everything is said by what they carry.
  }
}

/** Behind a list whose end is known; otherwise they come with the last page. */
function addMember(cache: ApolloCache, { chat, chatEdge, memberEdge, user, viewer }: EventOf<'MemberAdded'>) {
  const edge = {
    __typename: memberEdge.__typename,
    cursor: memberEdge.cursor,
    node: { __ref: idOf(cache, memberEdge.node) },
  }
  addEdge(cache, idOf(cache, chat), 'members', edge, ({ pageInfo }) => pageInfo['hasNextPage'] !== true)
  if (user.isViewer) addChat(cache, chat, chatEdge.cursor, viewer)
}

function deleteChat(cache: ApolloCache, { deletedChatId }: EventOf<'ChatDeleted'>): void {
  const chat = { __typename: 'Chat', id: deletedChatId }
  const messages = messagesOf(cache, chat)
  evict(cache, chat)
  for (const { id } of messages) cache.evict({ id })
}

/** The messages are gone, and so is what later ones have quoted of them. */
function clearGroup(cache: ApolloCache, event: EventOf<'ChatCleared'>): void {
  const messages = messagesOf(cache, event.chat)
  const cleared = messages.filter(({ sequence }) => sequence <= event.clearedThroughSequence)
  const ids = new Set(cleared.map(({ id }) => id))
  for (const { id, replyTo } of messages) {
    if (ids.has(id)) cache.evict({ id })
    else if (replyTo != null && ids.has(replyTo.__ref)) set(cache, id, { replyTo: null })
  }
}

function clearDirectChat(cache: ApolloCache, event: EventOf<'ChatCleared'>, by: Identified): void {
  const author = idOf(cache, by)
  for (const message of messagesOf(cache, event.chat)) {
    const theirs = message.author?.__ref === author && message.sequence <= event.clearedThroughSequence
    if (theirs && message.deletedAt === null) set(cache, message.id, tombstone(event.occurredAt))
  }
}

/**
 * The account leaves nothing that points to it. Of a reaction that more people share than the list of its users shows it
 * cannot be told whether the account was among them: such a count stays until the message comes again.
 */
function eraseAccount(cache: ApolloCache, event: EventOf<'AccountErased'>): void {
  const gone = idOf(cache, { __typename: 'User', id: event.deletedUserId })
  for (const { id, author, reactions, system } of allMessages(cache)) {
    if (author?.__ref === gone) set(cache, id, { author: null })
    if (reactions?.some(hasUser(gone))) set(cache, id, { reactions: withoutUser(reactions, gone) })
    if (system?.users?.some(({ __ref }) => __ref === gone)) {
      set(cache, id, { system: { ...system, users: system.users.filter(({ __ref }) => __ref !== gone) } })
    }
  }
  if (event.deletedMemberId !== null) evict(cache, { __typename: 'ChatMember', id: event.deletedMemberId })
}

/** By then a message without an author that the server did not write is one of theirs, or as empty already. */
function eraseTexts(cache: ApolloCache, event: EventOf<'AccountErased'>): void {
  for (const { id, author, sender, deletedAt } of messagesOf(cache, event.chat)) {
    if (author === null && sender !== 'SYSTEM' && deletedAt === null)
      set(cache, id, tombstone(event.occurredAt))
  }
}

function tombstone(deletedAt: string) {
  return { text: null, deletedAt, reactions: [] }
}

/** A message as the cache stores it. */
interface StoredMessage {
  readonly id: string
  readonly chat: Reference
  readonly sequence: number
  readonly sender: string
  readonly deletedAt: string | null
  readonly author?: Reference | null
  readonly replyTo?: Reference | null
  readonly reactions?: readonly StoredReaction[]
  readonly system?: { readonly users?: readonly Reference[] } | null
}

type StoredReaction = { readonly count: number } & { readonly [field: string]: unknown }

/** Also those that are no more than quoted or the last of a list. `id` is the cache's. */
function allMessages(cache: ApolloCache): StoredMessage[] {
  return Object.entries(cache.extract() as Record<string, { __typename?: string }>)
    .filter(([, { __typename }]) => __typename === 'Message')
    .map(([id, stored]) => ({ ...(stored as unknown as StoredMessage), id }))
}

function messagesOf(cache: ApolloCache, chat: Identified): StoredMessage[] {
  const id = idOf(cache, chat)
  return allMessages(cache).filter((message) => message.chat?.__ref === id)
}

interface StoredUsers {
  readonly edges: readonly { readonly node: Reference }[]
}

/** The list of users is stored under a name with its arguments. */
const usersField = (reaction: StoredReaction) =>
  Object.keys(reaction).find((name) => name.startsWith('users')) ?? 'users'

function usersOf(reaction: StoredReaction): StoredUsers['edges'] {
  return (reaction[usersField(reaction)] as StoredUsers | undefined)?.edges ?? []
}

function hasUser(user: string) {
  return (reaction: StoredReaction) => usersOf(reaction).some(({ node }) => node.__ref === user)
}

function withoutUser(reactions: readonly StoredReaction[], user: string): StoredReaction[] {
  return reactions
    .map((reaction) => {
      if (!hasUser(user)(reaction)) return reaction
      const name = usersField(reaction)
      const edges = usersOf(reaction).filter(({ node }) => node.__ref !== user)
      return { ...reaction, [name]: { ...(reaction[name] as StoredUsers), edges }, count: reaction.count - 1 }
    })
    .filter(({ count }) => count > 0)
}

function set(cache: ApolloCache, id: string, values: Record<string, unknown>): void {
  cache.modify({
    id,
    fields: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, () => value])),
  })
}

function evict(cache: ApolloCache, thing: Identified): void {
  cache.evict({ id: idOf(cache, thing) })
}
