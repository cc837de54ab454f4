import { post } from './http.ts'
import { logIn, Session } from './session.ts'
import { followEvents } from './sse.ts'

const events = `subscription Events($after: String) { events(after: $after) { __typename cursor
  ... on MessageAdded { message { id text } } } }`

/** @param url of Parley's `/graphql` */
export async function start(url: string, identifier: string, password: string, signal: AbortSignal) {
  const session = new Session(url)
  session.begin(await logIn(url, identifier, password))
  const query = 'query Me { viewer { eventCursor user { id username } } }'
  const { data } = await post<{ viewer: { eventCursor: string } }>(url, session, { query }, false)
  const variables = { after: data?.viewer.eventCursor }
  const following = followEvents<{ cursor: string }>({ url, session, signal }, { query: events, variables })
  return { data, following }
}
