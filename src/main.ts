import { loadJwtSecrets, startApp } from './app.ts'
import { type Config, ConfigError, parseConfig, readEnvironment } from './config.ts'
import { startEmbeddedPostgres } from './db/embedded.ts'
import { checkServer, migrate } from './db/migrations.ts'
import { StartupError } from './db/startup-error.ts'

const usage = `Usage: npm run parley -- <command>
  serve     start the server (npm start)
  migrate   bring the database to this version
  schema    print the GraphQL schema`

async function main(command: string | undefined): Promise<void> {
  switch (command) {
    case 'serve':
      return serve(parseConfig(readEnvironment()))
    case 'migrate':
      return withDatabase(parseConfig(readEnvironment()), async () => {})
    case 'schema':
      return printSchema()
    default:
      throw new StartupError(usage)
  }
}

/** The configured database, or the embedded one, migrated; it is let go when the work is done. */
async function openDatabase(config: Config): Promise<{ url: string; dispose: () => Promise<void> }> {
  const embedded =
    config.databaseUrl === null ? await startEmbeddedPostgres({ dataDir: config.dataDir }) : null
  const url = embedded?.url ?? config.databaseUrl ?? ''
  try {
    if (embedded === null) await checkServer(url)
    await migrate(url)
  } catch (error) {
    await embedded?.dispose()
    throw error
  }
  return { url, dispose: async () => embedded?.dispose() }
}

async function withDatabase(config: Config, work: (url: string) => Promise<void>): Promise<void> {
  const database = await openDatabase(config)
  try {
    await work(database.url)
  } finally {
    await database.dispose()
  }
}

async function serve(config: Config): Promise<void> {
  const database = await openDatabase(config)
  const app = await startApp({ config, databaseUrl: database.url, jwtSecrets: loadJwtSecrets(config) }).catch(
    async (error: unknown) => {
      await database.dispose()
      throw error
    },
  )
  console.log(`Parley is ready at ${app.url}`)
  let stopping = false
  const stop = async () => {
    if (stopping) return
    stopping = true
    await app.dispose()
    await database.dispose()
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

async function printSchema(): Promise<void> {
  const { createSchema, printSdl } = await import('./graphql/schema.ts')
  process.stdout.write(printSdl(createSchema()))
}

main(process.argv[2]).catch((error: unknown) => {
  const expected = error instanceof ConfigError || error instanceof StartupError
  console.error(expected ? error.message : error)
  process.exitCode = 1
})
