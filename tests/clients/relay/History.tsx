import { useMemo } from 'react'
import { useFragment, useLazyLoadQuery, usePaginationFragment, useSubscription } from 'react-relay'
import { graphql } from 'relay-runtime'
import type { History_chat$key } from '../generated/relay/History_chat.graphql.ts'
import type { HistoryEventsSubscription } from '../generated/relay/HistoryEventsSubscription.graphql.ts'
import type { HistoryPageQuery } from '../generated/relay/HistoryPageQuery.graphql.ts'
import type { HistoryQuery, HistoryQuery$variables } from '../generated/relay/HistoryQuery.graphql.ts'
import type { HistoryRow_message$key } from '../generated/relay/HistoryRow_message.graphql.ts'

export function History({ page, isLive }: { page: HistoryQuery$variables; isLive: boolean }) {
  const { viewer, chat } = useLazyLoadQuery<HistoryQuery>(
    graphql`
      query HistoryQuery($chatId: ID!, $first: Int!, $after: String!) {
        viewer { eventCursor }
        chat(id: $chatId) { ...History_chat @arguments(first: $first, after: $after) }
      }
    `,
    page,
  )
  if (!viewer || !chat) return <p>No such chat</p>
  return <Messages chat={chat} after={isLive ? viewer.eventCursor : null} />
}

/** Live from `after` on. */
function Messages({ chat, after }: { chat: History_chat$key; after: string | null }) {
  const { data, loadPrevious, loadNext, hasPrevious, hasNext } = usePaginationFragment<
    HistoryPageQuery,
    History_chat$key
  >(
    graphql`
      fragment History_chat on Chat
      @refetchable(queryName: "HistoryPageQuery")
      @argumentDefinitions(
        first: { type: "Int" }
        after: { type: "String" }
        last: { type: "Int" }
        before: { type: "String" }
      ) {
        messages(first: $first, after: $after, last: $last, before: $before) @connection(key: "History_messages") {
          __id
          edges { node { id ...HistoryRow_message } }
        }
      }
    `,
    chat,
  )
  const { __id: list, edges } = data.messages
  return (
    <main data-list={hasNext ? '' : list}>
      <button type="button" id="older" disabled={!hasPrevious} onClick={() => loadPrevious(5)} />
      <button type="button" id="newer" disabled={!hasNext} onClick={() => loadNext(5)} />
      <ol>
        {edges.map(({ node }) => (
          <Row key={node.id} message={node} />
        ))}
      </ol>
      {after !== null && <Live after={after} lists={hasNext ? '' : list} />}
    </main>
  )
}

function Row({ message }: { message: HistoryRow_message$key }) {
  const { text } = useFragment(
    graphql`
      fragment HistoryRow_message on Message { text editedAt deletedAt author { displayName } }
    `,
    message,
  )
  return <li>{text}</li>
}

/** A list that does not reach to the newest message takes none at its end. */
function Live({ after, lists }: { after: string; lists: string }) {
  const config = useMemo(
    () => ({
      subscription: graphql`
        subscription HistoryEventsSubscription($after: String, $lists: [ID!]!) {
          events(after: $after) {
            cursor
            ... on MessageEvent { message { id ...HistoryRow_message } }
            ... on MessageAdded { messageEdge @appendEdge(connections: $lists) { cursor node { id } } }
          }
        }
      `,
      variables: { after, lists: lists === '' ? [] : [lists] },
    }),
    [after, lists],
  )
  useSubscription<HistoryEventsSubscription>(config)
  return null
}
