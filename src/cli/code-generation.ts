import { StartupError } from '../db/startup-error.ts'

/** The option of Node that makes `eval` and `Function` throw, in dependencies too. */
export const noCodeGeneration = '--disallow-code-generation-from-strings'

/**
 * A server reads text from strangers, so no dependency may turn text into code. V8 takes the option only
 * when a process starts, which is why the server insists on it instead of setting it.
 * @throws StartupError if this process could compile a string
 */
export function forbidCodeGeneration(): void {
  try {
    Reflect.construct(Function, [])
  } catch {
    return
  }
  throw new StartupError(
    `Start the server with the Node.js option ${noCodeGeneration}, on the command line or in NODE_OPTIONS.`,
  )
}
