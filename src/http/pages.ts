import type { IncomingMessage, ServerResponse } from 'node:http'
import { createGraphiql, type Graphiql, graphiqlPolicy } from './pages/graphiql.ts'
import { createSender } from './pages/send.ts'
import { addressOf, renderWelcome, welcomePolicy } from './pages/welcome.ts'

export interface PageOptions {
  /** The path of the API, where GraphiQL is, too, for browsers. */
  readonly endpoint: string
  readonly graphiql: boolean
  /** Whether the demo accounts exist: the pages tell their logins only then. */
  readonly demo: boolean
  /** Whether texts are refused, so that there are no examples to paste. */
  readonly onlyPersisted: boolean
}

/** Answers a request that is for a page or a file of one; false leaves it to others. */
export type Pages = (request: IncomingMessage, response: ServerResponse) => Promise<boolean>

/** The welcome page at `/` and GraphiQL at the API's path. Nothing of them comes from another host. */
export function createPages(options: PageOptions): Pages {
  const assetsPath = `${options.endpoint}/assets/`
  const send = createSender()
  let graphiql: Promise<Graphiql> | undefined
  const loadGraphiql = () => {
    graphiql ??= createGraphiql({ ...options, assetsPath })
    return graphiql
  }

  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false
    const path = request.url?.split('?', 1)[0] ?? ''
    if (path === '/') {
      const body = Buffer.from(renderWelcome({ ...options, address: addressOf(request) }))
      await send(request, response, { type: 'text/html', body }, { policy: welcomePolicy })
      return true
    }
    if (!options.graphiql) return false
    if (path === options.endpoint && wantsPage(request)) {
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
  const accept = request.headers.accept ?? ''
  return accept.includes('text/html') && !/[?&](query|extensions|documentId|doc_id)=/.test(request.url ?? '')
}
