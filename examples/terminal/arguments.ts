import { parseArgs } from 'node:util'

const usage = `A chat in the terminal, with somebody on a Parley server:

  node --import tsx examples/terminal/chat.ts --as alice --password Password123 --with bob

  --as        your username or email address
  --password  your password
  --with      the username of the other person
  --url       the server's address; by default http://127.0.0.1:4000
  --help      this

/quit or Ctrl-C ends. Exit code 0, 1 where the server refused or is not there, 2 where these arguments are wrong.`

/** What was asked for on the command line; ends the program where that is the usage, or nothing that is understood. */
export function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        as: { type: 'string', default: '' },
        password: { type: 'string', default: '' },
        with: { type: 'string', default: '' },
        url: { type: 'string', default: 'http://127.0.0.1:4000' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    for (const name of ['as', 'password', 'with'] as const) {
      if (values[name] === '') throw new Error(`--${name} is missing`)
    }
    if (!/^https?:\/\/./.test(values.url) || !URL.canParse(values.url)) {
      throw new Error(`--url is no address of a server: ${values.url}`)
    }
    return values
  } catch (problem) {
    const [line] = (problem as Error).message.split('\n')
    console.error(`${line?.replace(/\.$/, '')}. --help tells how it is used.`)
    process.exit(2)
  }
}
