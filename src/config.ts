import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'

/** Everything that the environment decides. docs/configuration.md is the table for people. */
export interface Config {
  readonly production: boolean
  /** Null: an embedded Postgres under `dataDir`. */
  readonly databaseUrl: string | null
  /** Connections for what clients ask for, in each process. */
  readonly databasePoolSize: number
  readonly dataDir: string
  readonly host: string
  readonly port: number
  /** Processes that share the port. */
  readonly workers: number
  /** The first signs, all verify. Null: a generated one, kept in `dataDir`. */
  readonly jwtSecrets: readonly string[] | null
  readonly accessTokenTtlSeconds: number
  readonly refreshTokenTtlSeconds: number
  /** How far back the log goes, and with it how long a client may have been away. */
  readonly eventRetentionSeconds: number
  /** Null: any origin on this machine. */
  readonly corsOrigins: readonly string[] | null
  /** Request headers, in lower case, that pages of other origins may send besides those that clients need. */
  readonly corsAllowedHeaders: readonly string[]
  readonly rateLimits: boolean
  /** How many proxies of ours are in front, each adding to `X-Forwarded-For`. */
  readonly trustedProxies: number
  /** Null: Postgres does what Redis would do. */
  readonly redisUrl: string | null
  /** Who may read `/metrics`. */
  readonly metrics: 'private' | 'on' | 'off'
  /** Whether clients may name documents instead of sending them, or must. */
  readonly persistedOperations: 'allow' | 'only' | 'off'
  /** The folder of the manifests of trusted documents. */
  readonly persistedOperationsDir: string | null
  readonly introspection: boolean
  readonly graphiql: boolean
  /** The chat app at `/app`. */
  readonly webApp: boolean
  readonly seed: 'demo' | 'none' | null
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
}

/** Every problem of the environment, as one message for the person who starts the server. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  constructor(problems: readonly string[]) {
    super(`The configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:
${problems.map((problem) => `  - ${problem}`).join('\n')}
docs/configuration.md explains each variable.`)
  }
}

const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be between ${min} and ${max}`)
const onOff = z.enum(['on', 'off'], 'must be on or off').transform((value) => value === 'on')
const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

const maxWorkers = 64

const environment = z.object({
  NODE_ENV: z
    .enum(['development', 'production', 'test'], 'must be development, production or test')
    .optional(),
  DATABASE_URL: z.string().refine(isPostgresUrl, 'must be a postgres:// or postgresql:// address').optional(),
  DATABASE_POOL_SIZE: integer(2, 200).default(10),
  DATA_DIR: z.string().default('.data'),
  HOST: z.string().default('127.0.0.1'),
  PORT: integer(0, 65535).default(4000),
  WORKERS: z
    .string()
    .regex(/^(auto|[1-9]|[1-5]\d|6[0-4])$/, 'must be auto or a number from 1 to 64')
    .transform((value) => (value === 'auto' ? Math.min(availableParallelism(), maxWorkers) : Number(value)))
    .default(1),
  JWT_SECRET: list
    .refine((secrets) => secrets.length > 0, 'must not be empty')
    .refine(
      (secrets) => secrets.every((secret) => Buffer.byteLength(secret) >= 32),
      'must have at least 32 bytes (each, in a list); for example the output of: openssl rand -base64 48',
    )
    .optional(),
  ACCESS_TOKEN_TTL: integer(10, 3600).default(600),
  REFRESH_TOKEN_TTL: integer(60, 31_536_000).default(2_592_000),
  EVENT_RETENTION: integer(60, 315_360_000).default(2_592_000),
  CORS_ORIGINS: list
    .superRefine((origins, context) => {
      for (const origin of origins.filter((each) => !isOrigin(each))) {
        const message = `has ${JSON.stringify(origin)}, which is no origin: write it as https://chat.example.com`
        context.addIssue({ code: 'custom', message })
      }
    })
    .optional(),
  CORS_ALLOWED_HEADERS: list
    .superRefine((names, context) => {
      for (const name of names.filter((each) => !isHeaderName(each))) {
        const message = `has ${JSON.stringify(name)}, which is not a header name. Example: x-tenant-id`
        context.addIssue({ code: 'custom', message })
      }
    })
    .transform((names) => names.map((name) => name.toLowerCase()))
    .default([]),
  RATE_LIMITS: onOff.optional(),
  TRUST_PROXY: z
    .string()
    .regex(/^(on|off|[1-9])$/, 'must be on, off or the number of proxies in front, 1 to 9')
    .transform((value) => (value === 'off' ? 0 : value === 'on' ? 1 : Number(value)))
    .optional(),
  REDIS_URL: z.string().refine(isRedisUrl, 'must be a redis:// or rediss:// address').optional(),
  METRICS: z.enum(['private', 'on', 'off'], 'must be private, on or off').default('private'),
  PERSISTED_OPERATIONS: z.enum(['allow', 'only', 'off'], 'must be allow, only or off').default('allow'),
  PERSISTED_OPERATIONS_DIR: z.string().optional(),
  INTROSPECTION: onOff.optional(),
  GRAPHIQL: onOff.optional(),
  WEB_APP: onOff.optional(),
  SEED: z.enum(['demo', 'none'], 'must be demo or none').optional(),
  LOG_LEVEL: z
    .enum(
      ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
      'must be one of fatal, error, warn, info, debug, trace, silent',
    )
    .default('info'),
})

/**
 * The configuration from environment variables; an empty variable counts as absent.
 * @param purpose only a server has to know the signing secret; a migration does not
 * @throws ConfigError that lists every problem
 */
export function parseConfig(
  env: Readonly<Record<string, string | undefined>>,
  purpose: 'serve' | 'maintain' = 'serve',
): Config {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const result = environment.safeParse(set)
  const problems = result.success
    ? []
    : result.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`)
  const needsSecret = purpose === 'serve' && set['DATABASE_URL'] !== undefined
  if (needsSecret && set['JWT_SECRET'] === undefined) {
    problems.push(
      'JWT_SECRET is required with DATABASE_URL: at least 32 bytes; for example the output of: openssl rand -base64 48',
    )
  }
  for (const name of ['INTROSPECTION', 'GRAPHIQL'] as const) {
    if (set['PERSISTED_OPERATIONS'] === 'only' && set[name] === 'on') {
      problems.push(`${name} cannot be on with PERSISTED_OPERATIONS=only, which refuses what it is for`)
    }
  }
  if (!result.success || problems.length > 0) throw new ConfigError(problems)
  const values = result.data
  const production = values.NODE_ENV === 'production'
  const explorable = !production && values.PERSISTED_OPERATIONS !== 'only'
  const folder = values.PERSISTED_OPERATIONS_DIR
  return {
    production,
    databaseUrl: values.DATABASE_URL ?? null,
    databasePoolSize: values.DATABASE_POOL_SIZE,
    dataDir: resolve(values.DATA_DIR),
    host: values.HOST,
    port: values.PORT,
    workers: values.WORKERS,
    jwtSecrets: values.JWT_SECRET ?? null,
    accessTokenTtlSeconds: values.ACCESS_TOKEN_TTL,
    refreshTokenTtlSeconds: values.REFRESH_TOKEN_TTL,
    eventRetentionSeconds: values.EVENT_RETENTION,
    corsOrigins: values.CORS_ORIGINS ?? (production ? [] : null),
    corsAllowedHeaders: values.CORS_ALLOWED_HEADERS,
    rateLimits: values.RATE_LIMITS ?? true,
    trustedProxies: values.TRUST_PROXY ?? 0,
    redisUrl: values.REDIS_URL ?? null,
    metrics: values.METRICS,
    persistedOperations: values.PERSISTED_OPERATIONS,
    persistedOperationsDir: folder === undefined ? null : resolve(folder),
    introspection: values.INTROSPECTION ?? explorable,
    graphiql: values.GRAPHIQL ?? explorable,
    webApp: values.WEB_APP ?? !production,
    seed: values.SEED ?? null,
    logLevel: values.LOG_LEVEL,
  }
}

function isPostgresUrl(value: string): boolean {
  return hasProtocol(value, ['postgres:', 'postgresql:'])
}

function isRedisUrl(value: string): boolean {
  return hasProtocol(value, ['redis:', 'rediss:'])
}

function hasProtocol(value: string, protocols: readonly string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol)
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value
}

/** A token by RFC 9110, section 5.6.2. The `*` alone is one, too, but browsers take it for every header. */
function isHeaderName(value: string): boolean {
  return /^[\w!#$%&'*+.^`|~-]+$/.test(value) && value !== '*'
}
