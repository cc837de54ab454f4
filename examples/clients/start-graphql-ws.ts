import { createLiveClient, followEvents } from './graphql-ws.ts'
import { logIn, Session } from './session.ts'

const events = `subscription Events($after: String) { events(after: $after) { __typename cursor
  ... on MessageAdded { message { id text } } } }`

/** @param url of Parley's `/graphql` */
export async function start(url: string, identifier: string, password: string) {
  const session = new Session(url)
  session.begin(await logIn(url, identifier, password))
  const live = createLiveClient({ url: url.replace('http', 'ws'), session })
  const following = followEvents<{ __typename: string }>(live, { query: events, variables: {} })
  for await (const event of following) return { live, data: event }
  throw new Error('Nothing came')
}
