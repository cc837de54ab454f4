import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { createGroupChat } from '../testkit/chats.ts'

let app: TestApp
let alice: TestUser
let chatId: string
beforeAll(async () => {
  app = await startTestApp()
  alice = await app.register('alice')
  chatId = await createGroupChat(alice)
})
afterAll(() => app.dispose())

const mute = (until: string) => `mutation Mute($chatId: ID!) {
  muteChat(input: { chatId: $chatId, until: ${until} }) { ... on MuteChatPayload { chat { viewerMembership { mutedUntil } } } }
}`
const MuteByVariable = `mutation Mute($chatId: ID!, $until: DateTime) {
  muteChat(input: { chatId: $chatId, until: $until }) { ... on MuteChatPayload { chat { viewerMembership { mutedUntil } } } }
}`

test.each([
  ['9999-12-31t23:59:59.9999z', '9999-12-31T23:59:59.999Z'],
  ['2999-12-31T23:59:60-00:00', '3000-01-01T00:00:00.000Z'],
  ['2999-06-15T12:00:00.123456789+05:30', '2999-06-15T06:30:00.123Z'],
])('%s goes in and comes out as %s, as a literal and as a variable', async (until, mutedUntil) => {
  const expected = { muteChat: { chat: { viewerMembership: { mutedUntil } } } }
  expect(await alice.run(mute(`"${until}"`), { chatId })).toEqual(expected)
  expect(await alice.run(MuteByVariable, { chatId, until })).toEqual(expected)
})

test('muting until a time before 1970 counts as past and unmutes', async () => {
  for (const until of ['0000-01-01T00:00:00Z', '1969-12-31T23:59:59.999Z']) {
    expect(await alice.run(MuteByVariable, { chatId, until })).toEqual({
      muteChat: { chat: { viewerMembership: { mutedUntil: null } } },
    })
  }
})

describe('an invalid DateTime is refused with its location', () => {
  test.each([
    '"2999-01-01T24:00:00Z"',
    '"9999-12-31T23:59:59.999-23:59"',
    '"soon"',
    '5',
    '5.5',
    'NOW',
    'true',
    '[]',
  ])('the literal %s', async (until) => {
    const { status, errors } = await alice.send(mute(until), { chatId })
    expect(status).toBe(400)
    expect(errors).toEqual([
      {
        message: expect.stringContaining('RFC 3339'),
        locations: [{ line: 2, column: 1 + (mute(until).split('\n')[1] ?? '').indexOf(until) }],
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      },
    ])
  })

  test('the default of a variable', async () => {
    const document = MuteByVariable.replace('DateTime', 'DateTime = "soon"')
    const { errors } = await alice.send(document, { chatId })
    expect(errors).toMatchObject([{ locations: [{ line: 1, column: 48 }] }])
  })

  test.each(['soon', 5, true, {}])('the variable %j', async (until) => {
    const { status, errors } = await alice.send(MuteByVariable, { chatId, until })
    expect(status).toBe(400)
    expect(errors).toMatchObject([
      {
        message: expect.stringMatching(/^Variable "\$until" got invalid value .*RFC 3339/),
        locations: [{ line: 1, column: 29 }],
        extensions: { code: 'GRAPHQL_VALIDATION_FAILED' },
      },
    ])
  })
})
