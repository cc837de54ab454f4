import { useApolloClient } from '@apollo/client/react'
import { type FormEvent, useRef, useState } from 'react'
import {
  AddChatMembersDocument,
  type ConversationQuery,
  LeaveChatDocument,
  MoreMembersDocument,
  type PersonFragment,
  RenameChatDocument,
} from '../gql/graphql.ts'
import { useAsking } from '../live/useAsking.ts'
import { openChat } from '../route.ts'
import { titleOf } from '../words.ts'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'
import { Member } from './Member.tsx'
import { People } from './People.tsx'

type Chat = NonNullable<ConversationQuery['chat']>

/** Who is in a group, and what one may do with it: what the role does not allow is not offered. */
export function Group({ chat, viewerId, onClose }: { chat: Chat; viewerId: string; onClose: () => void }) {
  const { role } = chat.viewerMembership
  const isManager = role !== 'MEMBER'
  return (
    <Dialog title={titleOf(chat)} onClose={onClose}>
      {isManager && <Rename chat={chat} />}
      <Members chat={chat} viewerId={viewerId} />
      {isManager && <AddPeople chat={chat} />}
      <Leave chat={chat} />
    </Dialog>
  )
}

function Rename({ chat }: { chat: Chat }) {
  const apollo = useApolloClient()
  const { ask, isBusy, problem } = useAsking()
  const [entered, setEntered] = useState<string | null>(null)
  const title = entered ?? chat.title ?? ''
  async function save(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isBusy || title === chat.title) return
    const variables = { chatId: chat.id, title }
    // From then on it shows what the group is called, whoever renames it next.
    if (await ask(apollo.mutate({ mutation: RenameChatDocument, variables }))) setEntered(null)
  }
  return (
    <form className="beside-button" onSubmit={save}>
      <Field
        label="Name of the group"
        value={title}
        onChange={(event) => setEntered(event.target.value)}
        autoComplete="off"
        problem={problem}
      />
      <button type="submit" aria-disabled={isBusy || title === chat.title}>
        Rename
      </button>
    </form>
  )
}

function Members({ chat, viewerId }: { chat: Chat; viewerId: string }) {
  const apollo = useApolloClient()
  const { ask, isBusy, problem } = useAsking()
  const heading = useRef<HTMLHeadingElement>(null)
  const { edges, pageInfo } = chat.members
  async function showMore(): Promise<void> {
    if (isBusy) return
    const variables = { chatId: chat.id, after: pageInfo.endCursor }
    await ask(apollo.query({ query: MoreMembersDocument, variables, fetchPolicy: 'network-only' }))
  }
  return (
    <section>
      <h3 ref={heading} tabIndex={-1}>
        {chat.memberCount === 1 ? '1 member' : `${chat.memberCount.toLocaleString()} members`}
      </h3>
      <ul className="members" aria-label="Members">
        {edges.map(({ node }) => (
          <Member
            key={node.id}
            member={node}
            chat={chat}
            isViewer={node.user.id === viewerId}
            onRemoved={() => heading.current?.focus()}
          />
        ))}
        {pageInfo.hasNextPage && (
          <li>
            <button type="button" className="link" aria-disabled={isBusy} onClick={() => void showMore()}>
              More members
            </button>
          </li>
        )}
      </ul>
      <Problem problem={problem} />
    </section>
  )
}

function AddPeople({ chat }: { chat: Chat }) {
  const apollo = useApolloClient()
  const { ask, isBusy, problem } = useAsking()
  const [chosen, setChosen] = useState<readonly PersonFragment[]>([])
  const present = new Set(chat.members.edges.map(({ node }) => node.user.id))
  async function add(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (isBusy || chosen.length === 0) return
    const variables = { chatId: chat.id, userIds: chosen.map(({ id }) => id) }
    if (await ask(apollo.mutate({ mutation: AddChatMembersDocument, variables }))) setChosen([])
  }
  return (
    <details>
      <summary>Add people</summary>
      <form onSubmit={add}>
        <People chosen={chosen} onChange={setChosen} without={present} />
        <Problem problem={problem} />
        <div className="actions">
          <button type="submit" className="main" aria-disabled={isBusy || chosen.length === 0}>
            Add
          </button>
        </div>
      </form>
    </details>
  )
}

const warnings = {
  OWNER: 'Leave this group? It goes to whoever has been an admin for longest, or else a member.',
  ADMIN: 'Leave this group?',
  MEMBER: 'Leave this group?',
}

function Leave({ chat }: { chat: Chat }) {
  const apollo = useApolloClient()
  const { ask, isBusy, problem } = useAsking()
  async function leave(): Promise<void> {
    if (isBusy || !confirm(warnings[chat.viewerMembership.role])) return
    const variables = { chatId: chat.id }
    // Its event takes it out of the list.
    if (await ask(apollo.mutate({ mutation: LeaveChatDocument, variables }))) openChat(null)
  }
  return (
    <div className="actions">
      <Problem problem={problem} />
      <button type="button" className="danger" aria-disabled={isBusy} onClick={() => void leave()}>
        Leave group
      </button>
    </div>
  )
}

function Problem({ problem }: { problem: string | null }) {
  return <div role="alert">{problem !== null && <p className="problem">{problem}</p>}</div>
}
