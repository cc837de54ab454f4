import { useMemo } from 'react'
import { useLazyLoadQuery, useSubscription } from 'react-relay'
import { graphql } from 'relay-runtime'
import type { ChatsEventsSubscription } from '../generated/relay/ChatsEventsSubscription.graphql.ts'
import type { ChatsQuery } from '../generated/relay/ChatsQuery.graphql.ts'

/** The viewer's chats: new ones come in front, those that are gone leave the list. */
export function Chats() {
  const { viewer } = useLazyLoadQuery<ChatsQuery>(
    graphql`
      query ChatsQuery {
        viewer {
          eventCursor
          chats(first: 20) @connection(key: "Chats_chats") { __id edges { node { id title } } }
        }
      }
    `,
    {},
  )
  if (!viewer) return <p>Log in</p>
  return (
    <main>
      <ol>
        {viewer.chats.edges.map(({ node }) => (
          <li key={node.id}>{node.title}</li>
        ))}
      </ol>
      <LiveChats after={viewer.eventCursor} list={viewer.chats.__id} />
    </main>
  )
}

function LiveChats({ after, list }: { after: string; list: string }) {
  const config = useMemo(
    () => ({
      subscription: graphql`
        subscription ChatsEventsSubscription($after: String, $lists: [ID!]!) {
          events(after: $after) {
            cursor
            ... on ChatCreated { chatEdge @prependEdge(connections: $lists) { cursor node { id title } } }
            ... on ChatDeleted { deletedChatId @deleteEdge(connections: $lists) }
          }
        }
      `,
      variables: { after, lists: [list] },
    }),
    [after, list],
  )
  useSubscription<ChatsEventsSubscription>(config)
  return null
}
