import { defineConfig, type Plugin, type UserWorkspaceConfig as ProjectConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What Relay's plugin for Babel does: in place of each tagged document what its compiler has made of it. */
const relayTags: Plugin = {
  name: 'relay-tags',
  enforce: 'pre',
  transform: {
    filter: { id: /tests\/clients\/relay\// },
    handler(code) {
      const names: string[] = []
      const body = code.replaceAll(/graphql`\s*\w+ (\w+)[^`]*`/g, (_tagged, name) => {
        names.push(name)
        return `made_${name}`
      })
      const imports = names.map((name) => `import made_${name} from '../generated/relay/${name}.graphql.ts'`)
      return { code: [...imports, body].join(';'), map: null }
    },
  },
}

/** What starts programs or browsers takes longest, and comes first: the end of a run is not one worker with a long file. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId }: TestSpecification) =>
      /tests\/(?:cli|web|chaos|examples)\/|rate-limits|clients\/session|presence/.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

/** Of these, the files of a worker share one process: loading the server anew takes as long as all tests of many a file. */
const sharing = ['auth', 'blocks', 'chats', 'contracts', 'graphql', 'messages', 'privacy', 'users'].map(
  (folder) => `tests/${folder}/**/*.test.ts`,
)

const project: ProjectConfig = {
  plugins: [relayTags],
  resolve: {
    // The package has a CommonJS and an ES build, and two copies of graphql refuse each other's schemas.
    alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }],
  },
  test: {
    pool: 'forks',
    // Tests run servers in their own process, and no server may turn text into code.
    execArgv: ['--disallow-code-generation-from-strings'],
    // So much that only what hangs takes it, on a busy machine, too: how long something may take is for tests to say.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Whoever waits for a condition waits for it on a busy machine, too.
    expect: { poll: { timeout: 10_000 } },
  },
}

export default defineConfig({
  test: {
    globalSetup: ['tests/testkit/global-setup.ts'],
    maxWorkers: 2,
    teardownTimeout: 30_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      { ...project, test: { ...project.test, name: 'shared', include: sharing, isolate: false } },
      {
        ...project,
        test: { ...project.test, name: 'own', include: ['tests/**/*.test.ts'], exclude: sharing },
      },
    ],
  },
})
