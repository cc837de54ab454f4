import { randomBytes } from 'node:crypto'
import { pino } from 'pino'
import { type App, type AppOptions, startApp } from '../../src/app.ts'
import { type Config, parseConfig } from '../../src/config.ts'
import { createTestClient, type TestClient } from './client.ts'
import { createTestDatabase, type TestDatabase } from './database.ts'
import { Register } from './operations.ts'

export interface TestApp {
  readonly app: App
  readonly url: string
  readonly database: TestDatabase
  /** Log lines so far, parsed. */
  readonly logs: readonly Record<string, unknown>[]
  readonly anonymous: TestClient
  /** A client with a token of its own making. */
  client(token: string): TestClient
  /** A new account, logged in. */
  register(name?: string): Promise<TestUser>
  /** The SQL statements that the work sent, in order; transaction control included. */
  statements<Result>(work: () => Promise<Result>): Promise<{ result: Result; statements: string[] }>
  dispose(): Promise<void>
}

export interface TestUser extends TestClient {
  readonly id: string
  readonly username: string
  readonly email: string
  readonly token: string
  readonly refreshToken: string
}

export const testPassword = 'Password123'
export const testSecret = 'a secret that is only good for tests, and long enough'

export interface TestAppOptions {
  readonly config?: Partial<Config>
  /** To run beside another app on the same database. @default one of its own */
  readonly database?: TestDatabase
  readonly jwtSecrets?: readonly string[]
  readonly timings?: AppOptions['timings']
  /** Whether its pages tell the logins of the demo accounts, which are not made here. */
  readonly demo?: boolean
  readonly extraManifests?: readonly string[]
  /** @default next to nothing */
  readonly passwordCost?: AppOptions['passwordCost']
}

/** A hash takes a millisecond instead of thirty: most tests register people, and few are about passwords. */
const cheap = { memoryCost: 1024, timeCost: 2 }

/** A whole Parley on a port of its own. */
export async function startTestApp(options: TestAppOptions = {}): Promise<TestApp> {
  const database = options.database ?? (await createTestDatabase())
  const logs: Record<string, unknown>[] = []
  const config = {
    ...parseConfig({ PORT: '0', LOG_LEVEL: 'warn', RATE_LIMITS: 'off', WEB_APP: 'off' }),
    ...options.config,
  }
  const app = await startApp({
    config,
    databaseUrl: database.url,
    jwtSecrets: options.jwtSecrets ?? [testSecret],
    demo: options.demo ?? false,
    passwordCost: options.passwordCost ?? cheap,
    ...(options.timings && { timings: options.timings }),
    ...(options.extraManifests && { extraManifests: options.extraManifests }),
    logger: pino({ level: config.logLevel }, { write: (line: string) => logs.push(JSON.parse(line)) }),
  })
  const anonymous = createTestClient(app.url)
  const client = (token: string) => createTestClient(app.url, token)
  return {
    app,
    url: app.url,
    database,
    logs,
    anonymous,
    client,
    register: (name) => register(anonymous, client, name),
    async statements(work) {
      const statements: string[] = []
      app.database.onStatement = (sql) => statements.push(sql)
      try {
        return { result: await work(), statements }
      } finally {
        app.database.onStatement = null
      }
    },
    async dispose() {
      await app.dispose()
      if (options.database === undefined) await database.dispose()
    },
  }
}

async function register(
  anonymous: TestClient,
  client: (token: string) => TestClient,
  name = 'user',
): Promise<TestUser> {
  const username = `${name}_${randomBytes(4).toString('hex')}`
  const email = `${username}@example.com`
  const { register: payload } = await anonymous.run(Register, {
    input: { username, email, password: testPassword, displayName: name },
  })
  if (payload.__typename !== 'RegisterPayload') throw new Error(`Not registered: ${JSON.stringify(payload)}`)
  const { accessToken: token, refreshToken } = payload.tokens
  return { ...client(token), id: payload.viewer.user.id, username, email, token, refreshToken }
}
