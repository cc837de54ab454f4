// Builds as the Dockerfile does and starts what came out of it, to print the schema and to serve with workers: a
// path or an import that only works from the sources is found here.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' })
const printed = execFileSync(process.execPath, ['dist/main.js', 'schema'], { encoding: 'utf8' })
if (printed !== readFileSync('schema.graphql', 'utf8')) {
  console.error('The build prints another schema than schema.graphql.')
  process.exitCode = 1
}

const dataDir = mkdtempSync(join(tmpdir(), 'parley-build-'))
const server = spawn(
  process.execPath,
  ['--disallow-code-generation-from-strings', '--enable-source-maps', 'dist/main.js', 'serve'],
  {
    env: { ...process.env, DATABASE_URL: '', DATA_DIR: dataDir, PORT: '0', WORKERS: '2' },
    stdio: ['ignore', 'pipe', 'inherit'],
  },
)
const ended = once(server, 'exit')
let output = ''
for await (const data of server.stdout) {
  output += data
  const url = /"url":"([^"]+)".*Parley is ready/.exec(output)?.[1]
  if (url === undefined) continue
  const { status } = await fetch(`${url}/health/ready`)
  server.kill('SIGTERM')
  const [code] = await ended
  if (status !== 200 || code !== 0) {
    console.error(`The build answers with ${status} and ends with ${code}:\n${output}`)
    process.exitCode = 1
  }
  break
}
if (!output.includes('Parley is ready')) {
  console.error(`The build does not serve:\n${output}`)
  process.exitCode = 1
}
await ended
rmSync(dataDir, { recursive: true })
