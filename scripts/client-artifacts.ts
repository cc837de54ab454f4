import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'

/**
 * What the tools of each client make of its operations, for tests/clients: types, artifacts and manifests. Run it after a
 * change of those or of schema.graphql; `.ci/run` compares.
 */
const generated = 'tests/clients/generated'
rmSync(generated, { recursive: true, force: true })
for (const folder of ['apollo', 'relay']) mkdirSync(`${generated}/${folder}`, { recursive: true })
// The compiler adds to the file that there is.
writeFileSync(`${generated}/relay/persisted-documents.json`, '{}\n')

const run = (tool: string, args: string[], cwd = '.') =>
  execFileSync('npx', ['--no-install', tool, ...args], { cwd, stdio: ['ignore', 'ignore', 'inherit'] })
run('graphql-codegen', ['--config', 'tests/clients/tools/codegen.ts'])
run('generate-persisted-query-manifest', ['--config', 'tests/clients/tools/apollo.json'])
run('relay-compiler', ['relay.json'], 'tests/clients/tools')
