/** Where the API is: GraphQL over HTTP, server-sent events and WebSocket, and GraphiQL for browsers. */
export const graphqlPath = '/graphql'

/**
 * Whether a request is for the API. Clients and proxies append a slash to addresses that they take for folders.
 * @param url the target of the request, with or without a query
 */
export function isGraphqlPath(url: string | undefined): boolean {
  const path = url?.split('?', 1)[0]
  return path === graphqlPath || path === `${graphqlPath}/`
}
