import type { Client } from 'graphql-ws'

/**
 * Follows `events` with the standard client, over reconnects, each event once. The client repeats a
 * subscription by itself when its connection comes back, and reads the variables anew for it: a getter
 * hands it the newest cursor instead of the first one.
 */
export async function* followEvents<Event extends { cursor: string }>(
  client: Client,
  query: string,
  start: string,
): AsyncGenerator<Event> {
  let after = start
  const variables = {
    get after() {
      return after
    },
  }
  for await (const { data, errors } of client.iterate<{ events: Event }>({ query, variables })) {
    if (errors) throw new AggregateError(errors, errors[0]?.message)
    if (!data) continue
    // Applied first, then taken note of: whoever stops in between gets it again.
    yield data.events
    after = data.events.cursor
  }
}
