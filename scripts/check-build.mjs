// Builds as the Dockerfile does and starts what came out of it, far enough to print the schema: a
// path or an import that only works from the sources is found here.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
const printed = execFileSync(process.execPath, ['dist/main.js', 'schema'], { encoding: 'utf8' })
if (printed !== readFileSync('schema.graphql', 'utf8')) {
  console.error('The build prints another schema than schema.graphql.')
  process.exitCode = 1
}
