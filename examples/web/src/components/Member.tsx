import { useApolloClient } from '@apollo/client/react'
import {
  type ChatRole,
  type ChatRowFragment,
  type MemberRowFragment,
  RemoveChatMemberDocument,
  SetChatMemberRoleDocument,
} from '../gql/graphql.ts'
import { useAsking } from '../live/useAsking.ts'
import { nameOf } from '../words.ts'
import { Avatar } from './Avatar.tsx'
import { IconButton } from './Icon.tsx'

const roles: Record<ChatRole, string> = { MEMBER: 'Member', ADMIN: 'Admin', OWNER: 'Owner' }

interface MemberProps {
  readonly member: MemberRowFragment
  readonly chat: ChatRowFragment
  readonly isViewer: boolean
  readonly onRemoved: () => void
}

/** Somebody in a group. The owner gives roles, and removes everybody else; admins remove members without a role. */
export function Member({ member, chat, isViewer, onRemoved }: MemberProps) {
  const apollo = useApolloClient()
  const { ask, isBusy, problem } = useAsking()
  const { user, role } = member
  const { role: own } = chat.viewerMembership
  const name = nameOf(user)
  const isManaged = !isViewer && own === 'OWNER'
  const isRemovable = isManaged || (!isViewer && own === 'ADMIN' && role === 'MEMBER')
  const whom = { chatId: chat.id, userId: user.id }

  function give(next: ChatRole): void {
    if (isBusy) return
    if (next === 'OWNER' && !confirm(`Hand the group over to ${name}? You will be an admin.`)) return
    void ask(apollo.mutate({ mutation: SetChatMemberRoleDocument, variables: { ...whom, role: next } }))
  }

  async function remove(): Promise<void> {
    if (isBusy || !confirm(`Remove ${name} from the group?`)) return
    if (await ask(apollo.mutate({ mutation: RemoveChatMemberDocument, variables: whom }))) onRemoved()
  }

  return (
    <li>
      <div className="row">
        <Avatar id={user.id} name={name} />
        <span className="grow">
          <span className="line">
            <strong className="clip">{name}</strong>
            {isViewer && <span className="soft">you</span>}
          </span>
          <span className="soft clip">@{user.username}</span>
        </span>
        {isManaged ? (
          <select
            aria-label={`Role of ${name}`}
            value={role}
            aria-disabled={isBusy}
            onChange={({ target }) => give(target.value as ChatRole)}
          >
            {Object.entries(roles).map(([value, word]) => (
              <option key={value} value={value}>
                {word}
              </option>
            ))}
          </select>
        ) : (
          role !== 'MEMBER' && <span className="role">{roles[role]}</span>
        )}
        {isRemovable && <IconButton icon="delete" label={`Remove ${name}`} onClick={() => void remove()} />}
      </div>
      <div role="alert">{problem !== null && <p className="problem">{problem}</p>}</div>
    </li>
  )
}
