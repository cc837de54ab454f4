import { ApolloLink, CombinedGraphQLErrors, HttpLink, ServerError } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { RetryLink } from '@apollo/client/link/retry'
import { getOperationAST, print } from 'graphql'
import type { Client } from 'graphql-ws'
import { from, mergeMap, Observable } from 'rxjs'
import { resuming } from './graphql-ws.ts'
import { isRepeatable } from './http.ts'
import type { Session } from './session.ts'

/**
 * Retries, refreshes, and sends subscriptions over `live`. Queries and mutations go by their hash, and by their text
 * where the server has not seen it yet; with a manifest, as `generate-persisted-query-manifest` writes it, everything
 * goes by its id.
 */
export function createApolloLink(
  url: string,
  session: Session,
  live: Client,
  manifest?: { operations: { id: string; name: string }[] },
): ApolloLink {
  const refresh = new ErrorLink(({ error, operation, forward }) => {
    if (!CombinedGraphQLErrors.is(error)) return
    if (!error.errors.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED')) return
    return from(session.refresh()).pipe(mergeMap(() => forward(operation)))
  })
  const retry = new RetryLink({
    attempts: (count, { operationType, variables }, error) =>
      count < 8 &&
      !CombinedGraphQLErrors.is(error) &&
      !(ServerError.is(error) && error.statusCode < 500) &&
      isRepeatable(operationType === 'mutation', variables),
  })
  const authorize = new SetContextLink(({ headers }) => ({
    headers: { ...headers, ...session.headers },
  }))
  const ids = new Map(manifest?.operations.map(({ id, name }) => [name, id]))
  const persisted = new PersistedQueryLink(
    manifest
      ? {
          generateHash: (document) => ids.get(getOperationAST(document)?.name?.value ?? '') ?? 'unknown',
          disable: () => false,
          retry: () => false,
        }
      : { sha256 },
  )
  const transport = ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    manifest ? persisted.concat(new LiveLink(live)) : new LiveLink(live),
    persisted.concat(new HttpLink({ uri: url })),
  )
  return ApolloLink.from([refresh, retry, authorize, transport])
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
      const { request, saw } = resuming({ ...text, operationName, variables, extensions })
      return new Observable((observer) =>
        client.subscribe<Record<string, unknown>>(request, {
          next(result) {
            observer.next(result as ApolloLink.Result)
            saw(result.data)
          },
          error: (errors) =>
            observer.error(Array.isArray(errors) ? new CombinedGraphQLErrors({ errors }) : errors),
          complete: () => observer.complete(),
        }),
      )
    })
  }
}
