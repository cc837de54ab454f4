import { ApolloLink, CombinedGraphQLErrors, HttpLink, ServerError } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { RetryLink } from '@apollo/client/link/retry'
import { getOperationAST, print } from 'graphql'
import type { Client } from 'graphql-ws'
import { from, mergeMap, Observable } from 'rxjs'
import { subscribe } from './graphql-ws.ts'
import { fetchWhole, isRepeatable, isUnauthenticated } from './http.ts'
import { type Session, SessionEnded } from './session.ts'

/**
 * Repeats what may be, refreshes tokens, and sends subscriptions over `live`. Queries and mutations go by their hash, and
 * by their text where the server has not seen it yet; with a manifest everything goes by its id.
 */
export function createApolloLink(
  url: string,
  session: Session,
  live: Client,
  manifest?: Manifest,
): ApolloLink {
  const refresh = new ErrorLink(({ error, operation, forward }) => {
    if (!CombinedGraphQLErrors.is(error) || !error.errors.some(isUnauthenticated)) return
    return from(session.refresh()).pipe(mergeMap(() => forward(operation)))
  })
  const authorize = new SetContextLink(({ headers }) => ({ headers: { ...headers, ...session.headers } }))
  const http = new HttpLink({
    uri: url,
    fetch: (input, init) => fetchWhole(String(input), init, session.timeoutMs),
  })
  const socket = new LiveLink(live)
  const persisted = new PersistedQueryLink(manifest ? byId(manifest) : { sha256 })
  const transport = ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    manifest ? persisted.concat(socket) : socket,
    persisted.concat(http),
  )
  return ApolloLink.from([refresh, repeat, authorize, transport])
}

const repeat = new RetryLink({
  attempts: (count, { operationType, variables }, error) =>
    count < 8 && isPassing(error) && isRepeatable(operationType === 'mutation', variables),
})

/** No answer, or the server could not do its part just now. */
function isPassing(error: unknown): boolean {
  if (CombinedGraphQLErrors.is(error) || error instanceof SessionEnded) return false
  return !ServerError.is(error) || error.statusCode >= 500
}

/** As `generate-persisted-query-manifest` writes it. */
interface Manifest {
  readonly operations: readonly { readonly id: string; readonly name: string }[]
}

function byId({ operations }: Manifest): PersistedQueryLink.Options {
  const ids = new Map(operations.map(({ id, name }) => [name, id]))
  return {
    generateHash: (document) => ids.get(getOperationAST(document)?.name?.value ?? '') ?? 'unknown',
    disable: () => false,
    retry: () => false,
  }
}

async function sha256(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Apollo's `GraphQLWsLink`, but for one thing: a subscription that is repeated after a reconnect goes on behind the
 * last event. (Apollo copies the variables once, so that its own link would ask for the first cursor again.)
 */
export class LiveLink extends ApolloLink {
  constructor(client: Client) {
    super(({ query, operationName = null, variables, extensions }) => {
      const text = 'persistedQuery' in extensions ? {} : { query: print(query) }
      return new Observable((observer) =>
        subscribe(
          client,
          { ...text, operationName, variables, extensions },
          {
            next: (result) => observer.next(result),
            error: (problem) =>
              observer.error(
                problem instanceof AggregateError ? new CombinedGraphQLErrors(problem) : problem,
              ),
            complete: () => observer.complete(),
          },
        ),
      )
    })
  }
}
