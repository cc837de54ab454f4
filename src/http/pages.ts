/** The welcome page. */
export function renderWelcome(options: { graphiql: boolean }): string {
  return `<!doctype html><title>Parley</title><h1>Parley</h1>${options.graphiql ? '<a href="/graphql">GraphiQL</a>' : ''}`
}

/** GraphiQL, whole: nothing of it comes from another host. Nine megabytes, so it is loaded when first asked for. */
export async function renderGraphiql(endpoint: string): Promise<string> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql')
  return renderGraphiQL({ endpoint, title: 'Parley', subscriptionsProtocol: 'GRAPHQL_WS' } as never)
}
