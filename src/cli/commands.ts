import { parseConfig } from '../config.ts'
import { StartupError } from '../db/startup-error.ts'
import { readEnvironment } from '../environment.ts'
import { forbidCodeGeneration } from './code-generation.ts'

const usage = `Usage: npm run parley -- <command>

  serve       start the server (npm start)
  migrate     bring the database to this version
  seed        write the demo data: alice, bob and charlie, and what they say
              --users N --chats N --messages N   made-up data instead, as much as you like
  account     change an account: account <disable|enable|verify|unverify> <username or email>
              a disabled account cannot log in, and its sessions end at once
  operations  check manifests of operations: operations check [--schema <file>] <manifest or folder>...
              which the server would refuse, against its own schema or another; exit code 1 if any
  shell       a REPL with the models and actions
  schema      print the GraphQL schema

  --help, --version

The environment configures it: docs/configuration.md.`

/** Each command loads what it needs and no more: printing the schema takes no database and no configuration. */
export async function runCommand(command: string | undefined, args: readonly string[]): Promise<void> {
  if (command === '--help' || command === 'help' || args.includes('--help')) return print(usage)
  if (command === '--version') return print((await import('./version.ts')).version)
  if (!['seed', 'account', 'operations'].includes(command ?? '') && args.length > 0)
    throw new StartupError(`${command} takes no arguments\n\n${usage}`)
  switch (command) {
    case 'serve':
      forbidCodeGeneration()
      return (await import('./serve.ts')).serve(parseConfig(readEnvironment()), readEnvironment())
    case 'worker':
      forbidCodeGeneration()
      return (await import('./worker.ts')).work()
    case 'migrate':
      return (await import('./migrate.ts')).migrateDatabase(parseConfig(readEnvironment(), 'maintain'))
    case 'seed': {
      const { parseSeedOptions, seed } = await import('./seed.ts')
      const options = parseSeedOptions(args)
      return seed(parseConfig(readEnvironment(), 'maintain'), options)
    }
    case 'account': {
      const { changeAccount, parseAccountArguments } = await import('./account.ts')
      const options = parseAccountArguments(args)
      return changeAccount(parseConfig(readEnvironment(), 'maintain'), options)
    }
    case 'operations': {
      const { checkOperations, parseOperationsArguments } = await import('./operations.ts')
      if (!(await checkOperations(parseOperationsArguments(args)))) process.exitCode = 1
      return
    }
    case 'shell':
      return (await import('./shell.ts')).shell(parseConfig(readEnvironment()))
    case 'schema':
      return printSchema()
    default:
      throw new StartupError(command === undefined ? usage : `There is no command ${command}\n\n${usage}`)
  }
}

async function printSchema(): Promise<void> {
  const { createSchema, printSdl } = await import('../graphql/schema.ts')
  process.stdout.write(printSdl(createSchema()))
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
