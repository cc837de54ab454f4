import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { favicon, logo } from './logo.ts'

export interface WelcomeOptions {
  /** How the server is reached, such as `http://127.0.0.1:4000`. */
  readonly address: string
  readonly endpoint: string
  readonly graphiql: boolean
  readonly webApp: boolean
  /** Whether the demo accounts exist: their logins are told only then. */
  readonly demo: boolean
  /** Whether texts are refused, so that there are no examples to paste. */
  readonly onlyPersisted: boolean
}

/**
 * How the client reached this server, as far as the server can tell. Behind a proxy that speaks TLS the
 * page itself knows better and corrects it.
 */
export function addressOf(request: IncomingMessage): string {
  const host = request.headers.host ?? ''
  return `http://${/^[\w.:[\]-]{1,255}$/.test(host) ? host : 'localhost'}`
}

/** The page at `/`: what this is, where to go, and lines to paste. Whole in itself. */
export function renderWelcome(options: WelcomeOptions): string {
  const api = options.address + options.endpoint
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Parley</title>
    <link rel="icon" href="${favicon}">
    <style>${styles}</style>
  </head>
  <body data-address="${options.address}">
    <main>
      <header>
        <h1>${logo} Parley</h1>
        <p class="lead">A self-hosted messaging backend: accounts, chats and live messages behind one GraphQL API.</p>
        ${links(options)}
      </header>
      <section aria-labelledby="addresses">
        <h2 id="addresses">Where it is</h2>
        <dl>
          <dt>API</dt><dd><code>${api}</code></dd>
          <dt>WebSocket</dt><dd><code>${api.replace('http', 'ws')}</code> <span>subprotocol <code>graphql-transport-ws</code></span></dd>
          <dt>Health</dt><dd><code>${options.address}/health/ready</code> <span id="health"></span></dd>
        </dl>
      </section>
      ${options.demo ? demoAccounts : ''}
      ${options.onlyPersisted ? onlyPersisted : examples(options, api)}
    </main>
    <script>${script}</script>
  </body>
</html>
`
}

const onlyPersisted = `<section aria-labelledby="only">
        <h2 id="only">Operations</h2>
        <p>This server runs the operations of its manifests only, by their ids: anything else is refused with <code>PERSISTED_QUERY_NOT_IN_LIST</code>.</p>
      </section>`

function examples(options: WelcomeOptions, api: string): string {
  return `<section aria-labelledby="try">
        <h2 id="try">Try it in a shell</h2>
        ${example(options.demo ? 'Log in and keep the access token' : 'Make an account and keep the access token', loginExample(api, options.demo))}
        ${example('Ask who you are', requestExample(api, '{ viewer { user { username } email unreadCount } }'))}
        ${example('Follow new messages live, as server-sent events', subscriptionExample(api))}
      </section>
      <section aria-labelledby="subscribe">
        <h2 id="subscribe">Subscribe from a program</h2>
        ${example('With the graphql-ws package, over WebSocket', socketExample(api))}
      </section>`
}

function links({ graphiql, webApp, endpoint }: WelcomeOptions): string {
  const first = graphiql ? `<a class="main" href="${endpoint}">Open GraphiQL</a>` : ''
  const second = webApp ? '<a href="/app/">Open the chat app</a>' : ''
  return `<nav aria-label="Pages">${first}${second}<a href="/health/ready">Health</a></nav>`
}

const demoAccounts = `<section aria-labelledby="demo">
        <h2 id="demo">Demo accounts</h2>
        <p>This server has demo data. Log in as <code>alice</code>, <code>bob</code> or <code>charlie</code>; the password of each is <code>Password123</code>.</p>
      </section>`

function example(title: string, code: string): string {
  const label = escapeHtml(title)
  return `<figure>
          <figcaption>${label} <button type="button" class="copy" aria-label="Copy: ${label}" hidden>Copy</button></figcaption>
          <pre tabindex="0"><code>${escapeHtml(code)}</code></pre>
        </figure>`
}

function loginExample(api: string, demo: boolean): string {
  const field = demo
    ? 'login(input: { identifier: "alice", password: "Password123" }) { ... on LoginPayload'
    : 'register(input: { username: "alice", email: "alice@example.com", password: "Choose1OfYourOwn" }) { ... on RegisterPayload'
  const query = `mutation { ${field} { tokens { accessToken } } ... on UserError { code reason } } }`
  return `TOKEN=$(curl -s ${api} -H 'content-type: application/json' \\
  -d '${JSON.stringify({ query })}' \\
  | sed -E 's/.*"accessToken":"([^"]+)".*/\\1/')
echo "$TOKEN"`
}

function requestExample(api: string, query: string): string {
  return `curl -s ${api} -H "authorization: Bearer $TOKEN" \\
  -H 'content-type: application/json' \\
  -d '${JSON.stringify({ query })}'`
}

function subscriptionExample(api: string): string {
  const query = 'subscription { messageAdded { message { author { username } text } } }'
  return `curl -sN ${api} -H "authorization: Bearer $TOKEN" \\
  -H 'accept: text/event-stream' -H 'content-type: application/json' \\
  -d '${JSON.stringify({ query })}'`
}

function socketExample(api: string): string {
  return `import { createClient } from 'graphql-ws'
import WebSocket from 'ws' // Node before 22; a browser has its own

const client = createClient({
  url: '${api.replace('http', 'ws')}',
  webSocketImpl: WebSocket,
  connectionParams: { authorization: \`Bearer \${process.env.TOKEN}\` },
})
// The client repeats the subscription when its connection comes back: the getter lets it go on from the last event.
let last = null
const variables = { get after() { return last } }
const query = \`subscription ($after: String) {
  messageAdded(after: $after) { cursor message { author { username } text } }
}\`
for await (const { data } of client.iterate({ query, variables })) {
  console.log(data.messageAdded.message)
  last = data.messageAdded.cursor
}`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Corrects the address, shows the health, and copies. The page says everything without it, too. */
const script = `
const given = document.body.dataset.address
if (location.origin !== given) {
  const socket = (address) => address.replace('http', 'ws')
  for (const code of document.querySelectorAll('code')) {
    code.textContent = code.textContent
      .replaceAll(given, location.origin)
      .replaceAll(socket(given), socket(location.origin))
  }
}
const health = document.getElementById('health')
fetch('/health/ready').then(
  (response) => {
    health.textContent = response.ok ? 'ready' : 'not ready'
    health.className = response.ok ? 'good' : 'bad'
  },
  () => {},
)
for (const button of document.querySelectorAll('.copy')) {
  if (!navigator.clipboard) break
  button.hidden = false
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.closest('figure').querySelector('code').textContent)
    button.textContent = 'Copied'
    setTimeout(() => { button.textContent = 'Copy' }, 2000)
  })
}
`

const styles = `
:root {
  color-scheme: light dark;
  --page: #f7f7fa; --card: #fff; --text: #1f2433; --soft: #5a6276; --line: #e2e4ec;
  --accent: #4338ca; --on-accent: #fff; --code: #f1f2f7; --good: #047857; --bad: #b91c1c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #10131c; --card: #181d2a; --text: #e6e9f2; --soft: #a3abbd; --line: #2a3144;
    --accent: #a5b4fc; --on-accent: #10131c; --code: #10141f; --good: #6ee7b7; --bad: #fca5a5;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.6 system-ui, sans-serif; }
main { max-width: 800px; margin: 0 auto; padding: 56px 20px 72px; }
h1 { display: flex; align-items: center; gap: 12px; margin: 0; font-size: 34px; line-height: 1.2; letter-spacing: -.02em; }
h1 svg { width: 40px; height: 40px; }
h2 { margin: 0 0 12px; font-size: 18px; line-height: 1.3; }
p { margin: 0; }
.lead { margin: 12px 0 24px; max-width: 34em; color: var(--soft); font-size: 19px; line-height: 1.5; }
nav { display: flex; flex-wrap: wrap; gap: 12px; margin-bottom: 32px; }
nav a { padding: 9px 18px; border: 1px solid var(--line); border-radius: 8px; background: var(--card); color: var(--accent); font-weight: 600; text-decoration: none; }
nav a.main { border-color: var(--accent); background: var(--accent); color: var(--on-accent); }
nav a:hover { text-decoration: underline; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
section { margin-top: 16px; padding: 22px 24px; border: 1px solid var(--line); border-radius: 12px; background: var(--card); }
dl { display: grid; grid-template-columns: auto 1fr; gap: 8px 20px; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dd span { color: var(--soft); font-size: 14px; }
dd .good { color: var(--good); font-weight: 600; }
dd .bad { color: var(--bad); font-weight: 600; }
code { padding: 2px 6px; border-radius: 5px; background: var(--code); font: 14px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
figure { margin: 18px 0 0; }
h2 + figure { margin-top: 0; }
figcaption { display: flex; align-items: center; justify-content: space-between; min-height: 30px; color: var(--soft); font-size: 15px; }
pre { margin: 4px 0 0; padding: 14px 16px; border: 1px solid var(--line); border-radius: 8px; background: var(--code); overflow-x: auto; }
pre code { padding: 0; background: none; font-size: 13px; }
.copy { padding: 2px 10px; border: 1px solid var(--line); border-radius: 6px; background: none; color: var(--accent); font: inherit; font-size: 14px; cursor: pointer; }
.copy[hidden] { display: none; }
@media (max-width: 520px) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 10px; } section { padding: 18px 16px; } }
`

function hashOf(inline: string): string {
  return `'sha256-${createHash('sha256').update(inline).digest('base64')}'`
}

/** Exactly what the page has in it, and nothing from anywhere. */
export const welcomePolicy = [
  "default-src 'none'",
  `script-src ${hashOf(script)}`,
  `style-src ${hashOf(styles)}`,
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
