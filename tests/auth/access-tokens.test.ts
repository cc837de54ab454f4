import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startTestApp, type TestApp, type TestUser } from '../testkit/app.ts'
import { Login, Me } from '../testkit/operations.ts'

const secret = 'the secret that signs now, of thirty-two bytes or more'
const older = 'the secret that signed before, of thirty-two bytes too'

let app: TestApp
let alice: TestUser
beforeAll(async () => {
  app = await startTestApp({ jwtSecrets: [secret] })
  alice = await app.register('alice')
})
afterAll(() => app.dispose())

type Part = Record<string, unknown>
const encode = (part: Part) => Buffer.from(JSON.stringify(part)).toString('base64url')

/** Alice's own token, with something about it changed. */
function forge(
  change: { header?: Part; claims?: Part; without?: string; key?: string; hash?: string } = {},
): string {
  const [header, claims] = alice.token
    .split('.')
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Part) as [Part, Part]
  const changed = { ...claims, ...change.claims }
  if (change.without !== undefined) delete changed[change.without]
  const signed = `${encode({ ...header, ...change.header })}.${encode(changed)}`
  const signature = createHmac(change.hash ?? 'sha256', change.key ?? secret).update(signed)
  return `${signed}.${signature.digest('base64url')}`
}

const unsigned = (alg: string) => `${forge({ header: { alg } }).split('.').slice(0, 2).join('.')}.`

test('a token that is signed as ours are is good', async () => {
  expect((await app.client(forge()).run(Me)).viewer.user.id).toBe(alice.id)
})

describe('any other token is refused, whatever is asked', () => {
  const now = Math.floor(Date.now() / 1000)
  const nobody = '01900000-0000-7000-8000-000000000000'
  test.each<[string, () => string]>([
    ['without a signature, alg none', () => unsigned('none')],
    ['without a signature, alg nOnE', () => unsigned('nOnE')],
    ['without a signature, alg HS256', () => unsigned('HS256')],
    ['HS512', () => forge({ header: { alg: 'HS512' }, hash: 'sha512' })],
    ['alg none with a good signature', () => forge({ header: { alg: 'none' } })],
    ['another secret', () => forge({ key: 'another secret that is long enough, surely so' })],
    ['an empty secret', () => forge({ key: '' })],
    ['another issuer', () => forge({ claims: { iss: 'somebody' } })],
    ['no issuer', () => forge({ without: 'iss' })],
    ['another audience', () => forge({ claims: { aud: 'somebody' } })],
    ['no audience', () => forge({ without: 'aud' })],
    ['another type', () => forge({ header: { typ: 'JWT' } })],
    ['no type', () => forge({ header: { typ: undefined } })],
    ['expired', () => forge({ claims: { exp: now - 1 } })],
    ['no expiry', () => forge({ without: 'exp' })],
    ['not valid yet', () => forge({ claims: { nbf: now + 600 } })],
    ['another session', () => forge({ claims: { sid: nobody } })],
    ['no session', () => forge({ without: 'sid' })],
    ['a session of someone else', () => forge({ claims: { sub: nobody } })],
    ['a user that is no id', () => forge({ claims: { sub: "' OR 1=1 --" } })],
    ['a changed signature', () => `${alice.token.slice(0, -2)}${alice.token.endsWith('AA') ? 'BB' : 'AA'}`],
    ['a refresh token', () => alice.refreshToken],
    ['garbage', () => 'garbage'],
    ['three dots', () => '...'],
    ['very long', () => 'a'.repeat(9000)],
  ])('%s', async (_what, token) => {
    const client = app.client(token())
    for (const operation of [Me, '{ __typename }', 'mutation { logout { success } }']) {
      const { data, errors, status } = await client.send(operation)
      expect([status, data ?? null, errors.map(({ extensions }) => extensions['code'])]).toEqual([
        401,
        null,
        ['UNAUTHENTICATED'],
      ])
    }
  })
})

test.each(['Basic YWxpY2U6cGFzcw==', 'Bearer', 'Bearer a b', 'alice'])(
  'an authorization of another form is refused: %s',
  async (authorization) => {
    const { errors } = await app.anonymous.send(Me, undefined, { authorization })
    expect(errors[0]?.extensions['code']).toBe('UNAUTHENTICATED')
  },
)

test('a secret is replaced without logging anyone out', async () => {
  const { database } = app
  const before = await startTestApp({ database, jwtSecrets: [older] })
  const during = await startTestApp({ database, jwtSecrets: [secret, older] })
  try {
    const bob = await before.register('bob')
    const codeAt = (at: TestApp, token: string) => at.client(token).codeOf(Me)
    expect((await during.client(bob.token).run(Me)).viewer.user.id).toBe(bob.id)
    expect(await codeAt(app, bob.token)).toBe('UNAUTHENTICATED')
    const { login } = await during.anonymous.run(Login, {
      input: { identifier: bob.username, password: 'Password123' },
    })
    const renewed = login.tokens.accessToken
    expect((await app.client(renewed).run(Me)).viewer.user.id).toBe(bob.id)
    expect(await codeAt(before, renewed)).toBe('UNAUTHENTICATED')
  } finally {
    await Promise.all([before.dispose(), during.dispose()])
  }
})
