import { type GraphQLObjectType, OperationTypeNode } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { toGlobalId, uuidv7 } from '../../src/core/ids.ts'
import { createSchema } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { Data, TestClient } from '../testkit/client.ts'
import {
  AddChatMembers,
  AddReaction,
  BlockUser,
  ChangeEmail,
  ClearChat,
  CreateDirectChat,
  CreateGroupChat,
  DeleteChat,
  DeleteMessage,
  EditMessage,
  EventCursor,
  LeaveChat,
  Login,
  Logout,
  MarkChatRead,
  MuteChat,
  RefreshTokens,
  Register,
  RemoveChatMember,
  RemoveReaction,
  RenameChat,
  SendMessage,
  SetChatHistoryVisibility,
  SetChatMemberRole,
  SetTyping,
  UnblockUser,
  UpdateProfile,
} from '../testkit/operations.ts'

/** What an operation is pointed at. */
interface Target {
  readonly chatId: string
  readonly messageId: string
  readonly userId: string
  /** Somebody who is not in the chat. */
  readonly newcomerId: string
  /** Who asks, where it is somebody. */
  readonly askerId: string
  /** From before everything that happened in the chat. */
  readonly cursor: string
}

/** Who asks, and about what. */
const situations = [
  'anonymous',
  'stranger',
  'removed member',
  'member, not the author',
  'author of a deleted message',
  'member of a deleted chat',
] as const
type Situation = (typeof situations)[number]

interface Row {
  readonly operation: string
  readonly variables?: (target: Target) => object
  /**
   * For each situation: a code, `null` for a field (or every item of a list) that is null, `ok` for
   * anything else.
   */
  readonly outcomes: readonly [string, string, string, string, string, string]
}

const no = 'UNAUTHENTICATED'
const gone = 'NOT_FOUND'
const wrong = 'INVALID_CREDENTIALS'
const wrongPassword = [wrong, wrong, wrong, wrong, wrong] as const
let sends = 0

/** Every root field, and what becomes of it. A new one needs a row. */
const table: Record<string, Row> = {
  'Query.viewer': { operation: '{ viewer { email } }', outcomes: ['null', 'ok', 'ok', 'ok', 'ok', 'ok'] },
  'Query.node': {
    operation: 'query ($messageId: ID!) { node(id: $messageId) { id } }',
    variables: ({ messageId }) => ({ messageId }),
    outcomes: [no, 'null', 'null', 'ok', 'ok', 'null'],
  },
  'Query.nodes': {
    operation: 'query ($ids: [ID!]!) { nodes(ids: $ids) { id } }',
    variables: ({ chatId, messageId }) => ({ ids: [chatId, messageId] }),
    outcomes: [no, 'null', 'null', 'ok', 'ok', 'null'],
  },
  'Query.user': {
    operation: '{ user(username: "nobody_at_all") { id } }',
    outcomes: [no, 'null', 'null', 'null', 'null', 'null'],
  },
  'Query.users': {
    operation: '{ users(search: "nobody") { edges { node { id } } } }',
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Query.chat': {
    operation: 'query ($chatId: ID!) { chat(id: $chatId) { id } }',
    variables: ({ chatId }) => ({ chatId }),
    outcomes: [no, 'null', 'null', 'ok', 'ok', 'null'],
  },
  'Query.searchMessages': {
    // A filter by what is not the viewer's finds nothing; it tells nobody whether there is such a thing.
    operation: 'query ($chatId: ID!) { searchMessages(query: "one", chatId: $chatId) { edges { cursor } } }',
    variables: ({ chatId }) => ({ chatId }),
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Mutation.register': {
    operation: Register,
    variables: () => ({ input: { username: '', email: '', password: '' } }),
    outcomes: expectEverywhere('VALIDATION_FAILED'),
  },
  'Mutation.login': {
    operation: Login,
    variables: () => ({ input: { identifier: 'nobody_at_all', password: '' } }),
    outcomes: expectEverywhere('INVALID_CREDENTIALS'),
  },
  'Mutation.refreshTokens': {
    operation: RefreshTokens,
    variables: () => ({ input: { refreshToken: 'none' } }),
    outcomes: expectEverywhere('INVALID_REFRESH_TOKEN'),
  },
  'Mutation.revokeSession': {
    operation: `mutation ($input: RevokeSessionInput!) { revokeSession(input: $input) {
      __typename ... on UserError { code } } }`,
    variables: ({ userId }) => ({ input: { sessionId: userId } }),
    outcomes: [no, gone, gone, gone, gone, gone],
  },
  'Mutation.changeEmail': {
    operation: ChangeEmail,
    variables: () => ({ input: { password: 'not this one', email: 'mine@example.com' } }),
    outcomes: [no, ...wrongPassword],
  },
  'Mutation.changePassword': {
    operation: `mutation ($input: ChangePasswordInput!) { changePassword(input: $input) {
      __typename ... on UserError { code } } }`,
    variables: () => ({ input: { currentPassword: 'not this one', newPassword: 'Another1Password' } }),
    outcomes: [no, ...wrongPassword],
  },
  'Mutation.deleteAccount': {
    operation: `mutation ($input: DeleteAccountInput!) { deleteAccount(input: $input) {
      __typename ... on UserError { code } } }`,
    variables: () => ({ input: { password: 'not this one', messages: 'ERASE' } }),
    outcomes: [no, ...wrongPassword],
  },
  'Mutation.updateProfile': {
    operation: UpdateProfile,
    variables: () => ({ input: { bio: 'somebody' } }),
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Mutation.revokeOtherSessions': {
    operation: 'mutation { revokeOtherSessions { revokedCount } }',
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Mutation.requestDataExport': {
    operation: `mutation { requestDataExport { __typename ... on UserError { code } } }`,
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Mutation.createDirectChat': {
    operation: CreateDirectChat,
    variables: ({ userId }) => ({ input: { userId } }),
    outcomes: [no, 'ok', 'ok', 'ok', 'VALIDATION_FAILED', 'ok'],
  },
  'Mutation.blockUser': {
    operation: BlockUser,
    variables: ({ userId }) => ({ input: { userId } }),
    outcomes: [no, 'ok', 'ok', 'ok', 'VALIDATION_FAILED', 'ok'],
  },
  'Mutation.unblockUser': {
    operation: UnblockUser,
    variables: ({ userId }) => ({ input: { userId } }),
    outcomes: [no, 'ok', 'ok', 'ok', 'VALIDATION_FAILED', 'ok'],
  },
  'Mutation.createGroupChat': {
    operation: CreateGroupChat,
    variables: () => ({ input: { title: 'Mine' } }),
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Mutation.markChatRead': {
    operation: MarkChatRead,
    variables: ({ chatId }) => ({ input: { chatId, sequence: 1 } }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Mutation.addChatMembers': {
    operation: AddChatMembers,
    variables: ({ chatId, newcomerId }) => ({ input: { chatId, userIds: [newcomerId] } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.removeChatMember': {
    operation: RemoveChatMember,
    variables: ({ chatId, newcomerId }) => ({ input: { chatId, userId: newcomerId } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.setChatMemberRole': {
    operation: SetChatMemberRole,
    variables: ({ chatId, userId }) => ({ input: { chatId, userId, role: 'OWNER' } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.renameChat': {
    operation: RenameChat,
    variables: ({ chatId }) => ({ input: { chatId, title: 'Ours now' } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.setChatHistoryVisibility': {
    operation: SetChatHistoryVisibility,
    variables: ({ chatId }) => ({ input: { chatId, historyVisibility: 'FROM_JOIN' } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.deleteChat': {
    operation: DeleteChat,
    variables: ({ chatId }) => ({ input: { chatId } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.clearChat': {
    operation: ClearChat,
    variables: ({ chatId }) => ({ input: { chatId } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'FORBIDDEN', gone],
  },
  'Mutation.muteChat': {
    operation: MuteChat,
    variables: ({ chatId }) => ({ input: { chatId, until: null } }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Mutation.sendMessage': {
    operation: SendMessage,
    variables: ({ chatId }) => ({
      input: { chatId, text: 'let me in', clientMessageId: `denied ${++sends}` },
    }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Mutation.editMessage': {
    operation: EditMessage,
    variables: ({ messageId }) => ({ input: { messageId, text: 'words put into a mouth' } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'CONFLICT', gone],
  },
  'Mutation.deleteMessage': {
    operation: DeleteMessage,
    variables: ({ messageId }) => ({ input: { messageId } }),
    outcomes: [no, gone, gone, 'FORBIDDEN', 'ok', gone],
  },
  'Mutation.addReaction': {
    operation: AddReaction,
    variables: ({ messageId }) => ({ input: { messageId, emoji: '👍' } }),
    outcomes: [no, gone, gone, 'ok', 'CONFLICT', gone],
  },
  'Mutation.removeReaction': {
    operation: RemoveReaction,
    variables: ({ messageId }) => ({ input: { messageId, emoji: '👍' } }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Subscription.messageAdded': subscriptionIn('messageAdded'),
  'Subscription.messageEdited': subscriptionIn('messageEdited'),
  'Subscription.messageDeleted': subscriptionIn('messageDeleted'),
  'Mutation.setTyping': {
    operation: SetTyping,
    variables: ({ chatId }) => ({ input: { chatId, isTyping: true } }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Subscription.typing': {
    operation: 'subscription ($chatId: ID!) { typing(chatId: $chatId) { isTyping } }',
    variables: ({ chatId }) => ({ chatId }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  'Subscription.presence': {
    operation: 'subscription ($ids: [ID!]!) { presence(userIds: $ids) { presence { status } } }',
    variables: ({ userId, askerId }) => ({ ids: [userId, askerId] }),
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  'Subscription.events': {
    operation: 'subscription ($cursor: String!) { events(after: $cursor) { cursor } }',
    variables: ({ cursor }) => ({ cursor }),
    outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'],
  },
  // Nearly last: it ends the membership.
  'Mutation.leaveChat': {
    operation: LeaveChat,
    variables: ({ chatId }) => ({ input: { chatId } }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  },
  // Last: it ends the session.
  'Mutation.logout': { operation: Logout, outcomes: [no, 'ok', 'ok', 'ok', 'ok', 'ok'] },
}

function expectEverywhere(code: string): Row['outcomes'] {
  return [code, code, code, code, code, code]
}

function subscriptionIn(field: string): Row {
  return {
    operation: `subscription ($chatId: ID, $cursor: String) { ${field}(chatId: $chatId, after: $cursor) { cursor } }`,
    variables: ({ chatId, cursor }) => ({ chatId, cursor }),
    outcomes: [no, gone, gone, 'ok', 'ok', gone],
  }
}

let app: TestApp
let typing: NodeJS.Timeout
let askers: Record<Situation, { client: TestClient; target: Target }>

beforeAll(async () => {
  app = await startTestApp()
  const [owner, author, member, other, removed, stranger, newcomer] = (await Promise.all(
    ['owner', 'author', 'member', 'other', 'removed', 'stranger', 'newcomer'].map((name) =>
      app.register(name),
    ),
  )) as [TestUser, TestUser, TestUser, TestUser, TestUser, TestUser, TestUser]
  const everyone = [author.id, member.id, other.id, removed.id]
  const cursor = (await owner.run(EventCursor)).viewer.eventCursor

  /** A group in which every kind of event has happened. */
  async function createGroup(): Promise<{ standing: Target; deleted: Target }> {
    const chatId = await createGroupChat(owner, everyone)
    const [standing, deleted] = [
      await sendMessage(author, chatId, 'one'),
      await sendMessage(author, chatId, 'two'),
    ]
    await author.run(EditMessage, { input: { messageId: standing.id, text: 'one, edited' } })
    await author.run(DeleteMessage, { input: { messageId: deleted.id } })
    const base = { chatId, userId: author.id, newcomerId: newcomer.id, askerId: '', cursor }
    return { standing: { ...base, messageId: standing.id }, deleted: { ...base, messageId: deleted.id } }
  }
  const [{ standing, deleted }, over] = [await createGroup(), await createGroup()]
  await owner.run(DeleteChat, { input: { chatId: over.standing.chatId } })
  await owner.run(RemoveChatMember, { input: { chatId: standing.chatId, userId: removed.id } })
  askers = {
    anonymous: { client: app.anonymous, target: standing },
    stranger: asker(stranger, standing),
    'removed member': asker(removed, standing),
    'member, not the author': asker(member, standing),
    'author of a deleted message': asker(author, deleted),
    'member of a deleted chat': asker(other, over.standing),
  }
  // Whoever may hear of it hears of it at some time.
  typing = setInterval(() => {
    void owner.run(SetTyping, { input: { chatId: standing.chatId, isTyping: true } })
  }, 500)
})
afterAll(async () => {
  clearInterval(typing)
  await app.dispose()
})

const asker = (client: TestUser, target: Target) => ({ client, target: { ...target, askerId: client.id } })

interface Outcome {
  readonly data?: Data
  readonly errors?: readonly { extensions?: Data }[]
}

/** An answer; for a subscription its first event, or the errors that it could not start with. */
async function ask(client: TestClient, operation: string, variables: object | undefined): Promise<Outcome> {
  if (!operation.startsWith('subscription')) {
    const { data, errors } = await client.send(operation, variables)
    return { data, errors }
  }
  const live = client.subscribe(operation, variables)
  try {
    await Promise.race([live.ended, live.take(1).catch(() => null)])
    return Array.isArray(live.failure) ? { errors: live.failure } : { data: live.events[0] }
  } finally {
    await live.stop()
  }
}

function summaryOf({ data, errors }: Outcome): string {
  if (errors !== undefined && errors.length > 0) return String(errors[0]?.extensions?.['code'])
  const [field] = Object.values<Data>(data)
  if (field === null || (Array.isArray(field) && field.every((item) => item === null))) return 'null'
  return field.code ?? 'ok'
}

const rootFields = (): string[] => {
  const schema = createSchema()
  return Object.values(OperationTypeNode).flatMap((operation) => {
    const type = schema.getRootType(operation) as GraphQLObjectType
    return Object.keys(type.getFields()).map((field) => `${type.name}.${field}`)
  })
}

test('every operation of the schema has its row', () => {
  expect(Object.keys(table).sort()).toEqual(rootFields().sort())
})

describe.each(Object.entries(table))('%s', (_name, { operation, variables, outcomes }) => {
  test.each(situations.map((situation, i) => [situation, outcomes[i]] as const))(
    '%s: %s',
    async (situation, expected) => {
      const { client, target } = askers[situation]
      expect(summaryOf(await ask(client, operation, variables?.(target)))).toBe(expected)
    },
  )
})

describe('a missing thing and a forbidden one give the identical answer', () => {
  test.each(
    Object.entries(table).filter(([, row]) => row.outcomes[1] === gone || row.outcomes[2] === 'null'),
  )('%s', async (_name, { operation, variables }) => {
    const stranger = await app.register('stranger')
    const { target } = askers.anonymous
    const pointedAt = (chatId: string, messageId: string): Target => ({ ...target, chatId, messageId })
    const answers = await Promise.all(
      [
        target,
        pointedAt(toGlobalId('Chat', uuidv7()), toGlobalId('Message', uuidv7())),
        // Of the wrong type, of no type, and no id at all.
        pointedAt(toGlobalId('User', uuidv7()), toGlobalId('User', uuidv7())),
        pointedAt(Buffer.from(`Chet:${uuidv7()}`).toString('base64url'), 'TWVzc2FnZTox'),
        pointedAt('', ''),
      ].map((each) => ask(stranger, operation, variables?.(each))),
    )
    for (const answer of answers) expect(answer).toEqual(answers[0])
  })
})

test('a refusal is for its caller alone: whoever sends the same document next is not refused', async () => {
  const alice = await app.register('alice')
  const [document, other] = [
    '{ user(username: "refused_first") { id } }',
    '{ user(username: "allowed_first") { id } }',
  ]
  expect(await app.anonymous.codeOf(document)).toBe(no)
  expect(await app.client('garbage').codeOf(document)).toBe(no)
  expect(await alice.run(document)).toEqual({ user: null })
  expect(await alice.run(other)).toEqual({ user: null })
  expect(await app.anonymous.codeOf(other)).toBe(no)
  expect(await app.client('garbage').codeOf(other)).toBe(no)
  const viewer = '{ viewer { user { username } } }'
  expect(await app.client('garbage').codeOf(viewer)).toBe(no)
  expect(await app.anonymous.run(viewer)).toEqual({ viewer: null })
})

describe('an anonymous caller learns nothing of the schema behind the login', () => {
  test.each([
    '{ chat(id: "1") { nothing } }',
    '{ chat }',
    '{ chat(nothing: 1) { id } }',
    '{ nothing }',
    '{ viewer { email } nothing }',
    'mutation { nothing }',
    'subscription { nothing }',
    'query ($a: Nothing) { chat(id: $a) { id } }',
    '{ ...All } fragment All on Query { chat(id: "1") { nothing } }',
    '{ ... on Query { ... on Query { chat(id: "1") { nothing } } } }',
    '{ viewer: chat(id: "1") { nothing } }',
    'query One { viewer { email } } query Two { chat(id: "1") { nothing } }',
    '{ viewer { email } chat(id: "1") @skip(if: true) { nothing } }',
  ])('%s', async (operation) => {
    const { status, data, errors } = await app.anonymous.send(operation)
    expect({ status, data }).toEqual({ status: 401, data: undefined })
    expect(errors).toEqual([
      {
        message: 'Log in first: this needs a valid access token.',
        extensions: { code: 'UNAUTHENTICATED' },
      },
    ])
    const live = app.anonymous.subscribe(operation)
    await live.ended
    expect(live.failure).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }])
    await live.stop()
  })
})
