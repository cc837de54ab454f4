import { ApolloLink, CombinedGraphQLErrors, Observable } from '@apollo/client'
import { type GraphQLFormattedError, print } from 'graphql'
import type { Client } from 'graphql-ws'

/**
 * Apollo's link to graphql-ws, but for one thing: a subscription that is repeated after a reconnect goes
 * on behind the last event that was delivered. (Apollo copies the variables once, so that its own link
 * would ask for the first cursor again.) An event of Parley's log has a `cursor`; select it, and declare
 * `$after: String`. `typing` and `presence` have none, and begin anew after a reconnect.
 *
 * What refuses a subscription (`CURSOR_EXPIRED`, say) comes as `CombinedGraphQLErrors`, as from Apollo's own.
 */
export class ResumingLink extends ApolloLink {
  readonly #client: Client

  constructor(client: Client) {
    super()
    this.#client = client
  }

  override request(operation: ApolloLink.Operation): Observable<ApolloLink.Result> {
    return new Observable((observer) => {
      let after: string | null = operation.variables['after'] ?? null
      const variables = Object.defineProperty({ ...operation.variables }, 'after', {
        enumerable: true,
        get: () => after,
      })
      return this.#client.subscribe<Record<string, { cursor?: string } | null>>(
        { query: print(operation.query), operationName: operation.operationName ?? null, variables },
        {
          next(result) {
            observer.next(result as ApolloLink.Result)
            after = Object.values(result.data ?? {})[0]?.cursor ?? after
          },
          error: (error) =>
            observer.error(
              Array.isArray(error)
                ? new CombinedGraphQLErrors({ errors: error as GraphQLFormattedError[] })
                : error,
            ),
          complete: () => observer.complete(),
        },
      )
    })
  }
}
