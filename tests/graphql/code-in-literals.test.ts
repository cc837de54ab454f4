import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { createSchema } from '../../src/graphql/schema.ts'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat, sendMessage } from '../testkit/chats.ts'
import type { TestClient } from '../testkit/client.ts'
import { type LiteralPosition, literalPositions } from '../testkit/literals.ts'
import { UpdateProfile } from '../testkit/operations.ts'

/** Often enough for whatever treats a document in another way once it comes again. */
const repetitions = 3

const marker = join(inject('scratchDir'), 'code-in-literals')
const writesFile = `process.getBuiltinModule('fs').writeFileSync('${marker}','x')`

/** Each becomes code in another kind of careless generator of JavaScript. */
const marked = [
  // How a generator of serialisers marks dates that it puts into its source.
  `__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74d(${writesFile},0)`,
  writesFile,
  `"+${writesFile}+"`,
  `\`+${writesFile}+\``,
  `\${${writesFile}}`,
  `\\");${writesFile};//`,
  `\u2028${writesFile}\u2029`,
  `constructor.constructor("${writesFile}")()`,
  `"]=${writesFile};a["`,
].map((text) => JSON.stringify(text))

let app: TestApp
let alice: TestUser
let positions: LiteralPosition[]

beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  const chatId = await createGroupChat(alice)
  const { id: messageId } = await sendMessage(alice, chatId, 'hello')
  positions = literalPositions(createSchema(), {
    'Query.chat(id)': JSON.stringify(chatId),
    'Query.node(id)': JSON.stringify(messageId),
    'Query.nodes(ids)': JSON.stringify([chatId, messageId]),
    'Query.user(username)': JSON.stringify(alice.username),
    'Query.searchMessages(query)': '"hello"',
  })
})
beforeEach(() => rmSync(marker, { force: true }))
afterAll(() => app.dispose())

/** As a literal, and as the default of a variable. */
function documentsFor({ type, document }: LiteralPosition, literal: string): string[] {
  return [document(literal), document('$marked', `($marked: ${type} = ${literal})`)]
}

async function sendAll(client: TestClient, literal: string, among: LiteralPosition[]): Promise<void> {
  for (const position of among) {
    for (const query of documentsFor(position, literal)) {
      for (let i = 0; i < repetitions; i++) {
        const { errors } = await client.send(query)
        // Tests run without `eval` and its like: whoever tries fails the operation.
        if (errors.some(({ extensions }) => extensions['code'] === 'INTERNAL_SERVER_ERROR')) {
          throw new Error(`${position.name} failed for ${query}`)
        }
      }
    }
  }
}

const isOpen = ({ name }: LiteralPosition) => /^Mutation\.(login|register|refreshTokens)\(/.test(name)

test('the positions include arguments of every kind, at every depth', () => {
  const names = positions.map(({ name }) => name)
  expect(names).toEqual(
    expect.arrayContaining([
      'Mutation.login(input.identifier)',
      'Mutation.createGroupChat(input.memberIds)',
      'Query.searchMessages(query)',
      'Chat.messages(before)',
      'Subscription.events(after)',
      'Subscription.presence(userIds)',
      '@include(if)',
    ]),
  )
})

describe.each(marked)('%s is never run as code', (literal) => {
  test('in any position of queries and mutations', async () => {
    await sendAll(app.anonymous, literal, positions.filter(isOpen))
    await sendAll(
      alice,
      literal,
      positions.filter(({ root }) => root !== 'subscription'),
    )
    expect(existsSync(marker)).toBe(false)
  })

  test('in any position of subscriptions', async () => {
    const socket = alice.socket()
    for (const position of positions.filter(({ root }) => root === 'subscription')) {
      for (const query of documentsFor(position, literal)) {
        for (let i = 0; i < repetitions; i++) {
          const stream = socket.iterate({ query })
          const begun = stream.next()
          // Answered in turn: by now the subscription has its error, or has started.
          await socket.iterate({ query: '{ __typename }' }).next()
          await stream.return?.()
          const failure = await begun.catch((error: unknown) => error)
          if (JSON.stringify(failure).includes('INTERNAL_SERVER_ERROR')) {
            throw new Error(`${position.name} failed for ${query}`)
          }
        }
      }
    }
    await socket.dispose()
    expect(existsSync(marker)).toBe(false)
  })
})

test('marked text is stored and returned like any other', async () => {
  for (const literal of marked.filter((each) => !/\\n|\u2028/.test(each))) {
    const bio = JSON.parse(literal)
    const { updateProfile } = await alice.run(UpdateProfile, { input: { bio } })
    expect(updateProfile.viewer.user.bio).toBe(bio)
  }
})
