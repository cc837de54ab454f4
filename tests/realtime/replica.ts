import type { Data, TestClient } from '../testkit/client.ts'

/** What a client holds that shows everything, and how it applies events: the rules of docs/realtime.md. */

/** How many messages of a chat are held at least, and compared. */
const shown = 30

const messageFields = `id sequence text sender deletedAt editedAt author { id } replyTo { id }
  system { kind userCount users { id } } reactions { emoji count viewerHasReacted users(first: 5) { edges { node { id } } } }`
const memberFields = 'id role lastReadSequence mutedUntil user { id displayName }'
const chatFields = `id kind title historyVisibility lastActivityAt unreadCount memberCount otherUser { id }
  viewerMembership { id role mutedUntil lastReadSequence }`

const Snapshot = `{ viewer { eventCursor unreadCount chats(first: 50) { edges { node { ${chatFields}
  members(first: 10) { edges { node { ${memberFields} } } } } } } } }`

const MessagesOf = `query ($id: ID!) { chat(id: $id) { messages(last: ${shown}) { edges { node { ${messageFields} } } } } }`

export const Everything = `subscription ($after: String) { events(after: $after) { __typename cursor
  ... on MessageAdded { chat { ${chatFields} } message { ${messageFields} } }
  ... on MessageEdited { chat { ${chatFields} } message { ${messageFields} } }
  ... on MessageDeleted { chat { ${chatFields} } message { ${messageFields} } }
  ... on ReactionAdded { chat { ${chatFields} } message { ${messageFields} } }
  ... on ReactionRemoved { chat { ${chatFields} } message { ${messageFields} } }
  ... on ChatCreated { ...NewChat }
  ... on ChatRenamed { chat { ${chatFields} } }
  ... on ChatHistoryVisibilityChanged { chat { ${chatFields} } }
  ... on ChatDeleted { deletedChatId reason }
  ... on ChatCleared { chat { ${chatFields} } clearedThroughSequence author { id } }
  ... on ChatRead { chat { ${chatFields} } member { ${memberFields} } }
  ... on ChatMuted { chat { ${chatFields} } member { ${memberFields} } }
  ... on MemberAdded { chat { ${chatFields} } member { ${memberFields} } user { id }
    added: chat { members(first: 10) { edges { node { ${memberFields} } } }
      messages(last: ${shown}) { edges { node { ${messageFields} } } } } }
  ... on MemberRemoved { chat { ${chatFields} } removedMemberId }
  ... on MemberRoleChanged { chat { ${chatFields} } member { ${memberFields} } }
  ... on UserUpdated { user { id displayName } }
  ... on AccountErased { chat { ${chatFields} } deletedUserId messages } } }
  fragment NewChat on ChatCreated { chat { ${chatFields} members(first: 10) { edges { node { ${memberFields} } } }
    messages(last: ${shown}) { edges { node { ${messageFields} } } } } }`

interface ChatState {
  facts: Data
  readonly members: Map<string, Data>
  readonly messages: Map<string, Data>
}

export interface Replica {
  readonly cursor: string
  apply(event: Data): void
  /** Comparable with that of another replica; the chats in the order in which they are listed. */
  summary(): Data[]
  /** The ids of the chats as they were listed when this was fetched. */
  readonly listed: readonly string[]
}

export async function fetchReplica(client: TestClient, viewerId: string): Promise<Replica> {
  const { viewer } = await client.run(Snapshot)
  const chats = new Map<string, ChatState>()
  for (const { node } of viewer.chats.edges) {
    const { chat } = await client.run(MessagesOf, { id: node.id })
    if (chat !== null) put(chats, { ...node, ...chat })
  }
  return {
    cursor: viewer.eventCursor,
    listed: viewer.chats.edges.map(({ node }: Data) => node.id),
    apply: (event) => apply(chats, viewerId, event),
    summary: () => summaryOf(chats),
  }
}

function put(chats: Map<string, ChatState>, { members, messages, ...facts }: Data): void {
  const byId = ({ edges }: Data) => new Map<string, Data>(edges.map(({ node }: Data) => [node.id, node]))
  chats.set(facts.id, { facts, members: byId(members), messages: byId(messages) })
}

function apply(chats: Map<string, ChatState>, viewerId: string, event: Data): void {
  if (event.__typename === 'CaughtUp') return
  if (event.__typename === 'UserUpdated') updateUser(chats, event.user)
  else if (event.__typename === 'ChatDeleted') chats.delete(event.deletedChatId)
  else if (event.__typename === 'ChatCreated') put(chats, event.chat)
  else if (event.__typename === 'MemberAdded' && event.user.id === viewerId) {
    put(chats, { ...event.chat, ...event.added })
  } else applyToChat(chats.get(event.chat.id), event)
}

function applyToChat(chat: ChatState | undefined, event: Data): void {
  if (chat === undefined) throw new Error(`An event of a chat that is not held: ${JSON.stringify(event)}`)
  chat.facts = event.chat
  if (event.message) chat.messages.set(event.message.id, event.message)
  if (event.member) chat.members.set(event.member.id, event.member)
  if (event.__typename === 'MemberRemoved') chat.members.delete(event.removedMemberId)
  if (event.__typename === 'ChatCleared') clear(chat, event)
  if (event.__typename === 'AccountErased') erase(chat, event)
}

function updateUser(chats: Map<string, ChatState>, user: Data): void {
  for (const { members } of chats.values()) {
    for (const [id, member] of members) if (member.user.id === user.id) members.set(id, { ...member, user })
  }
}

const tombstone = (message: Data) => ({ ...message, text: null, deletedAt: 'then', reactions: [] })

function clear({ messages }: ChatState, { author, clearedThroughSequence }: Data): void {
  for (const [id, message] of messages) {
    if (message.sequence > clearedThroughSequence) continue
    if (author === null) messages.delete(id)
    else if (message.author?.id === author.id && message.deletedAt === null) {
      messages.set(id, tombstone(message))
    }
  }
}

function erase({ members, messages }: ChatState, { deletedUserId, messages: mode }: Data): void {
  for (const [id, { user }] of members) if (user.id === deletedUserId) members.delete(id)
  for (const [id, message] of messages) {
    const theirs = message.author?.id === deletedUserId
    const reactions = message.reactions
      .map((group: Data) => {
        const edges = group.users.edges.filter(({ node }: Data) => node.id !== deletedUserId)
        return { ...group, count: edges.length, users: { edges } }
      })
      .filter(({ count }: Data) => count > 0)
    const system = message.system && {
      ...message.system,
      users: message.system.users.filter((user: Data) => user.id !== deletedUserId),
    }
    messages.set(id, { ...message, author: theirs ? null : message.author, reactions, system })
  }
  if (mode === 'ERASE') eraseTexts(messages)
}

/** The second of the two events: by then every message without an author that the server did not write is one. */
function eraseTexts(messages: Map<string, Data>): void {
  for (const [id, message] of messages) {
    if (message.author === null && message.sender !== 'SYSTEM') messages.set(id, tombstone(message))
  }
}

/** As `viewer.chats` has them. */
function inOrder(chats: Map<string, ChatState>): ChatState[] {
  const key = ({ facts }: ChatState) => `${facts.lastActivityAt} ${Buffer.from(facts.id, 'base64url')}`
  return [...chats.values()].sort((a, b) => (key(a) < key(b) ? 1 : -1))
}

function summaryOf(chats: Map<string, ChatState>): Data[] {
  return inOrder(chats).map(({ facts, members, messages }) => ({
    ...facts,
    members: [...members.values()].sort((a, b) => a.id.localeCompare(b.id)),
    messages: [...messages.values()]
      .sort((a, b) => a.sequence - b.sequence)
      .slice(-shown)
      .map((message) => ({
        ...message,
        // The words of the server have the names of when they were read.
        text: message.system === null ? message.text : null,
        deletedAt: message.deletedAt === null ? null : 'then',
        editedAt: message.deletedAt === null ? message.editedAt : null,
        // Whose was the first of a kind an erased account does not leave behind.
        reactions: [...message.reactions].sort((a, b) => (a.emoji < b.emoji ? 1 : -1)),
        replyTo: messages.has(message.replyTo?.id) ? message.replyTo : null,
      })),
  }))
}
