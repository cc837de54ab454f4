import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { favicon, logo } from './logo.ts'
import { createTour } from './tour.ts'

/** A file of the page, as it is sent. */
export interface Asset {
  readonly type: string
  readonly body: Buffer
}

/** GraphiQL whole: a small page and the files it loads, every one from this server. */
export interface Graphiql {
  readonly html: string
  /** By path. The paths change with the content, so that browsers may keep the files for good. */
  readonly assets: ReadonlyMap<string, Asset>
}

/**
 * Nine megabytes, so nothing of it is loaded before somebody asks. Not rendered by the package itself:
 * that page inlines all of it, over again for each visit, and allows no content security policy worth
 * the name.
 */
export async function createGraphiql(options: {
  readonly endpoint: string
  readonly assetsPath: string
  readonly demo: boolean
}): Promise<Graphiql> {
  const files = await readFiles()
  const path = (name: keyof typeof files) => `${options.assetsPath}${fingerprint(files[name].body)}/${name}`
  const config = {
    endpoint: options.endpoint,
    tabs: createTour(options),
    logo,
    workers: {
      editorWorkerService: path('editor.worker.js'),
      json: path('json.worker.js'),
      graphql: path('graphql.worker.js'),
    },
  }
  const html = page({
    styles: path('graphiql.css'),
    // In this order: the client sets up what GraphiQL reads while it loads.
    scripts: [path('graphql-ws.js'), path('client.js'), path('graphiql.js')],
    config: JSON.stringify(config).replaceAll('<', '\\u003c'),
  })
  const names = Object.keys(files) as (keyof typeof files)[]
  return { html, assets: new Map(names.map((name) => [path(name), files[name]])) }
}

async function readFiles() {
  const graphiql = await import('@graphql-yoga/render-graphiql/graphiql')
  const require = createRequire(import.meta.url)
  // The standard client's build for browsers, which its package does not export.
  const graphqlWs = join(dirname(require.resolve('graphql-ws')), '../umd/graphql-ws.min.js')
  return {
    'graphiql.css': { type: 'text/css', body: Buffer.from(graphiql.css + styles) },
    'graphiql.js': script(graphiql.js),
    'editor.worker.js': script(graphiql.editorWorkerService),
    'json.worker.js': script(graphiql.jsonWorker),
    'graphql.worker.js': script(graphiql.graphqlWorker),
    'graphql-ws.js': script(await readFile(graphqlWs)),
    'client.js': script(await readFile(new URL('./graphiql.client.js', import.meta.url))),
  }
}

function script(source: string | Buffer): Asset {
  return { type: 'text/javascript', body: Buffer.from(source) }
}

function fingerprint(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 16)
}

/** Styles are set by script all over the editor; scripts come from our files alone. */
export const graphiqlPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

function page(parts: { styles: string; scripts: readonly string[]; config: string }): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>GraphiQL · Parley</title>
    <link rel="icon" href="${favicon}">
    <link rel="stylesheet" href="${parts.styles}">
    <script type="application/json" id="config">${parts.config}</script>
    ${parts.scripts.map((src) => `<script defer src="${src}"></script>`).join('\n    ')}
  </head>
  <body>
    <header id="bar">
      <span id="session"></span>
      <button type="button" id="sign-out" hidden>Sign out</button>
      <span id="hint" role="status"></span>
      <button type="button" id="restart" title="Bring back the tabs of a first visit; yours are dropped">Restart the tour</button>
      <a href="/">About this server</a>
    </header>
    <noscript>GraphiQL is a program in JavaScript: switch that on to use it.</noscript>
    <main id="root"><p class="loading">Loading GraphiQL …</p></main>
  </body>
</html>
`
}

/** The bar above GraphiQL. It follows the theme that is chosen in GraphiQL's settings, too. */
const styles = `
body {
  --bar: #f3f4f7; --bar-text: #3b4252; --bar-line: #dfe2e8; --bar-accent: #3730a3; --bar-on: #047857;
  display: flex; flex-direction: column; height: 100vh; height: 100dvh; margin: 0;
}
@media (prefers-color-scheme: dark) {
  body { --bar: #171d2b; --bar-text: #c5cad6; --bar-line: #2b3347; --bar-accent: #a5b4fc; --bar-on: #6ee7b7; }
}
body.graphiql-light {
  --bar: #f3f4f7; --bar-text: #3b4252; --bar-line: #dfe2e8; --bar-accent: #3730a3; --bar-on: #047857;
}
body.graphiql-dark {
  --bar: #171d2b; --bar-text: #c5cad6; --bar-line: #2b3347; --bar-accent: #a5b4fc; --bar-on: #6ee7b7;
}
#root { flex: 1; min-height: 0; }
#root > .graphiql-container { height: 100%; }
#bar {
  display: flex; align-items: center; gap: 12px; min-height: 40px; padding: 0 16px;
  background: var(--bar); color: var(--bar-text); border-bottom: 1px solid var(--bar-line);
  font: 14px/1.4 system-ui, sans-serif;
}
#session { font-weight: 600; white-space: nowrap; }
#session::before {
  content: ''; display: inline-block; width: 8px; height: 8px; margin-right: 8px; border-radius: 50%;
  border: 1px solid currentColor;
}
#session.on { color: var(--bar-on); }
#session.on::before { background: currentColor; }
#hint { flex: 1; min-width: 0; }
#bar button, #bar a {
  padding: 4px 8px; border: 0; border-radius: 6px; background: none; color: var(--bar-accent);
  font: inherit; text-decoration: none; white-space: nowrap; cursor: pointer;
}
#bar button:hover, #bar a:hover { text-decoration: underline; }
#bar [hidden] { display: none; }
/* What makes tabs draggable moves them before they are dragged: off from under the pointer that clicks them. */
.graphiql-container .graphiql-tab { transform: none !important; }
.loading { margin: 20vh 0; text-align: center; font: 16px system-ui, sans-serif; color: #6b7280; }
`
