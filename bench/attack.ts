import { Agent, request } from 'node:http'
import { getPriority, setPriority } from 'node:os'

/**
 * Logins with a wrong password, each connection as fast as it is answered, for some seconds. Prints how many
 * of each answer there were.
 */
// It stands for other machines: it shall not take the processor from the server by itself.
setPriority(Math.min(19, getPriority() + 10))
const [graphql = '', connections, seconds, from] = process.argv.slice(2)
const agent = new Agent({ keepAlive: true })
const query = `mutation Login($input: LoginInput!) { login(input: $input) { ... on UserError { code } } }`
const answers: Record<string, number> = {}
let count = 0

function login(): Promise<string> {
  const n = ++count
  const identifier = from === 'many' ? `nobody${n}` : 'bench'
  const address = from === 'many' ? `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}` : '10.0.0.1'
  const headers = { 'content-type': 'application/json', 'x-forwarded-for': address }
  return new Promise((resolve, reject) => {
    const posted = request(graphql, { method: 'POST', agent, headers }, async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve(/"code":"(\w+)"/.exec(body)?.[1] ?? `HTTP ${response.statusCode}`)
    })
    posted.once('error', reject)
    posted.end(JSON.stringify({ query, variables: { input: { identifier, password: 'Wrong1Password' } } }))
  })
}

const end = performance.now() + Number(seconds) * 1000
const one = async () => {
  while (performance.now() < end) {
    const code = await login()
    answers[code] = (answers[code] ?? 0) + 1
  }
}
console.log('ready')
await Promise.all(Array.from({ length: Number(connections) }, one))
agent.destroy()
console.log(JSON.stringify(answers))
