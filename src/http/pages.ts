import type { IncomingMessage, ServerResponse } from 'node:http'
import { documentKeys } from '../graphql/operation/request.ts'
import { prefersPage } from './accept.ts'
import { createGraphiql, type Graphiql, graphiqlPolicy } from './pages/graphiql.ts'
import { createSender } from './pages/send.ts'
import { readWebApp, type WebApp, webAppFolders, webAppMissing, webAppPolicy } from './pages/web-app.ts'
import { addressOf, renderWelcome, welcomePolicy } from './pages/welcome.ts'
import { graphqlPath, isGraphqlPath } from './paths.ts'

/** Where the web app is. */
const webAppPath = '/app'

export interface PageOptions {
  readonly graphiql: boolean
  /** Whether the web app is served. */
  readonly webApp: boolean
  /** Where to look for its build. @default where the build of the server, or the sources, have it */
  readonly webAppFolders?: readonly URL[]
  /** Whether the demo accounts exist: the pages tell their logins only then. */
  readonly demo: boolean
  /** Whether texts are refused, so that there are no examples to paste. */
  readonly onlyPersisted: boolean
}

/** Answers a request that is for a page or a file of one; false leaves it to others. */
export type Pages = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

/** The welcome page at `/`, GraphiQL at the API's path, the web app at `/app`. Nothing of them comes from another host. */
export function createPages(options: PageOptions): Pages {
  const assetsPath = `${graphqlPath}/assets/`
  const send = createSender()
  let graphiql: Promise<Graphiql> | undefined
  const loadGraphiql = () => {
    graphiql ??= createGraphiql({ ...options, endpoint: graphqlPath, assetsPath })
    return graphiql
  }

  let webApp: Promise<WebApp | null> | undefined
  /** It may be built while the server runs: what is missing, in part or could not be read is looked for again. */
  const loadWebApp = async () => {
    const reading = webApp ?? readWebApp(options.webAppFolders ?? webAppFolders, `${webAppPath}/`)
    webApp = reading
    const loaded = await reading.catch((error: unknown) => {
      if (webApp === reading) webApp = undefined
      throw error
    })
    if (loaded === null && webApp === reading) webApp = undefined
    return loaded
  }

  async function sendWebApp(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const loaded = await loadWebApp()
    if (loaded === null) {
      const body = Buffer.from(webAppMissing)
      response.writeHead(404, {
        'content-type': 'text/plain; charset=utf-8',
        'content-length': body.byteLength,
      })
      response.end(request.method === 'HEAD' ? undefined : body)
      return
    }
    const asset = loaded.assets.get(path)
    if (asset !== undefined && asset !== loaded.page) {
      await send(request, response, asset, { immutable: asset.immutable })
      return
    }
    // A file that is not there any more is no page; every other path is one that the app knows.
    if (path.startsWith(`${webAppPath}/assets/`)) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('There is no such file.\n')
      return
    }
    await send(request, response, loaded.page, { policy: webAppPolicy })
  }

  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false
    const path = request.url?.split('?', 1)[0] ?? ''
    if (path === '/') {
      const body = Buffer.from(
        renderWelcome({ ...options, endpoint: graphqlPath, address: addressOf(request) }),
      )
      await send(request, response, { type: 'text/html', body }, { policy: welcomePolicy })
      return true
    }
    if (options.webApp && (path === webAppPath || path.startsWith(`${webAppPath}/`))) {
      await sendWebApp(request, response, path)
      return true
    }
    if (!options.graphiql) return false
    // HEAD is no method of the API, whatever it accepts.
    if (request.method === 'GET' && isGraphqlPath(path) && wantsPage(request)) {
      const body = Buffer.from((await loadGraphiql()).html)
      await send(request, response, { type: 'text/html', body }, { policy: graphiqlPolicy })
      return true
    }
    if (!path.startsWith(assetsPath)) return false
    const asset = (await loadGraphiql()).assets.get(path)
    if (asset === undefined) return false
    await send(request, response, asset, { immutable: true })
    return true
  }
}

/** A browser that navigates, not a client that asks for data. */
function wantsPage(request: IncomingMessage): boolean {
  if (!prefersPage(request.headers.accept)) return false
  const parameters = new URLSearchParams(request.url?.split('?', 2)[1])
  return !documentKeys.some((key) => parameters.has(key))
}
