import { holdHangUps } from './cli/hang-up.ts'

const [command, ...args] = process.argv.slice(2)
holdHangUps(command)
// All else is loaded after that, since loading takes a while.
import('./cli/commands.ts')
  .then(({ runCommand }) => runCommand(command, args))
  .catch(async (error: unknown) => (await import('./cli/failure.ts')).fail(error))
