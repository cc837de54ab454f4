import { ApolloLink, CombinedGraphQLErrors, HttpLink, Observable, ServerError } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { type DocumentNode, type GraphQLFormattedError, OperationTypeNode, print } from 'graphql'
import type { Client } from 'graphql-ws'
import { catchError, EMPTY, from, mergeMap, of } from 'rxjs'
import type { Tokens } from './tokens.ts'

/** The hash that codegen put at every document of the app: the SHA-256 of its text. */
function hashOf(document: DocumentNode): string {
  const hash = (document as { __meta__?: { hash?: string } }).__meta__?.hash
  if (hash === undefined) throw new Error('Write operations in src/operations, and generate.')
  return hash
}

/** Sends the hash of an operation, and its text along with it where the server does not know the hash yet. */
export const persistedLink = new PersistedQueryLink({ generateHash: hashOf })

/** A network may go dead without a word. What still comes, however slowly, is waited for. */
const silentMs = 10_000

export const httpLink = new HttpLink({
  uri: '/graphql',
  fetch: (input, init) => fetchUnlessSilent(silentMs, input, init),
})

/** As `fetch`, and it fails where nothing comes for so long, be it the beginning of the answer or more of it. */
export async function fetchUnlessSilent(
  ms: number,
  input: RequestInfo | URL,
  init: RequestInit = {},
): Promise<Response> {
  const silence = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const listen = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(new DOMException('Nothing came.', 'TimeoutError')), ms)
  }
  const stopListening = () => clearTimeout(timer)
  const signal = init.signal ? AbortSignal.any([init.signal, silence.signal]) : silence.signal
  signal.addEventListener('abort', stopListening)
  listen()
  try {
    const response = await fetch(input, { ...init, signal })
    listen()
    if (response.body === null) stopListening()
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          listen()
          controller.enqueue(chunk)
        },
        flush: stopListening,
      }),
    )
    return new Response(body ?? null, response)
  } catch (error) {
    stopListening()
    throw error
  }
}

/**
 * What a query tells may be of no use by the time that it comes: where `end` was called meanwhile, it is asked again, for
 * whoever waits for it.
 */
export function createAgeLink(): { readonly link: ApolloLink; end(): void } {
  let age = 0
  const link = new ApolloLink((operation, forward) => {
    if (operation.operationType !== OperationTypeNode.QUERY) return forward(operation)
    const ask = (): Observable<ApolloLink.Result> => {
      const since = age
      return forward(operation).pipe(mergeMap((result) => (since === age ? of(result) : ask())))
    }
    return ask()
  })
  return {
    link,
    end() {
      age++
    },
  }
}

/** Whoever puts this into an operation's context asks without a token: to log in, say. */
export const anonymous = { anonymous: true }

/** Puts the access token at each request, and repeats a request once with a new one where the server refuses the token. */
export function createAuthLink(tokens: Tokens): ApolloLink {
  return new ApolloLink((operation, forward) => {
    if (operation.getContext()['anonymous'] === true) return forward(operation)
    const send = (token: string | null) => {
      const headers = token === null ? {} : { authorization: `Bearer ${token}` }
      operation.setContext({ headers })
      return forward(operation)
    }
    const repeat = (refused: string) => from(tokens.instead(refused)).pipe(mergeMap(send))
    return from(tokens.fresh()).pipe(
      mergeMap((token) =>
        send(token).pipe(
          catchError((error: unknown) => {
            if (token !== null && codeOf(error) === 'UNAUTHENTICATED') return of(null)
            throw error
          }),
          mergeMap((result) => {
            if (result === null) return token === null ? EMPTY : repeat(token)
            return token !== null && isUnauthenticated(result.errors) ? repeat(token) : of(result)
          }),
        ),
      ),
    )
  })
}

function isUnauthenticated(errors: readonly GraphQLFormattedError[] | undefined): boolean {
  return errors?.some(({ extensions }) => extensions?.['code'] === 'UNAUTHENTICATED') ?? false
}

/** The code of what failed, where the server gave one. */
export function codeOf(error: unknown): string | null {
  if (CombinedGraphQLErrors.is(error)) return String(error.errors[0]?.extensions?.['code'] ?? '') || null
  return ServerError.is(error) && error.statusCode === 401 ? 'UNAUTHENTICATED' : null
}

/** Off once a server has said that it takes none. */
let hashesOnSocket = true

/**
 * Subscriptions over graphql-ws. One that is repeated after a reconnect goes on behind the last event that was delivered:
 * Apollo's own link would ask for the first cursor again, since Apollo copies the variables once. The hash goes along with
 * the text, for a server that runs trusted documents only.
 */
export function createSocketLink(client: Client): ApolloLink {
  return new ApolloLink(
    (operation) =>
      new Observable((observer) => {
        let after: string | null = operation.variables['after'] ?? null
        const variables: Record<string, unknown> = { ...operation.variables }
        if ('after' in variables)
          Object.defineProperty(variables, 'after', { enumerable: true, get: () => after })
        const { query, operationName = null } = operation
        const payload = { query: print(query), operationName, variables }
        const extensions = { persistedQuery: { version: 1, sha256Hash: hashOf(query) } }

        function subscribe(withHash: boolean): () => void {
          return client.subscribe<Record<string, { cursor?: string } | null>>(
            withHash ? { ...payload, extensions } : payload,
            {
              next(result) {
                observer.next(result as ApolloLink.Result)
                after = Object.values(result.data ?? {})[0]?.cursor ?? after
              },
              error(error) {
                if (!Array.isArray(error)) return observer.error(error)
                const errors = error as GraphQLFormattedError[]
                if (withHash && errors[0]?.extensions?.['code'] === 'PERSISTED_QUERY_NOT_SUPPORTED') {
                  hashesOnSocket = false
                  stop = subscribe(false)
                } else observer.error(new CombinedGraphQLErrors({ errors }))
              },
              complete: () => observer.complete(),
            },
          )
        }
        let stop = subscribe(hashesOnSocket)
        return () => stop()
      }),
  )
}
