import { useApolloClient } from '@apollo/client/react'
import { type FormEvent, useRef, useState } from 'react'
import { reasonOf } from '../failure.ts'
import {
  CreateDirectChatDocument,
  type CreateDirectChatMutation,
  CreateGroupChatDocument,
  type PersonFragment,
} from '../gql/graphql.ts'
import { addChat } from '../live/lists.ts'
import { useLostGroup } from '../live/useLostGroup.ts'
import { openChat } from '../route.ts'
import { Dialog } from './Dialog.tsx'
import { Field } from './Field.tsx'
import { People } from './People.tsx'

type Result = CreateDirectChatMutation['createDirectChat']
type Made = Extract<Result, { __typename: 'CreateDirectChatPayload' }>['chatEdge']

/** Finds people; with one of them it makes a direct chat, with a title a group. */
export function NewChat({ onClose }: { onClose: () => void }) {
  const apollo = useApolloClient()
  const [chosen, setChosen] = useState<readonly PersonFragment[]>([])
  const [title, setTitle] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setBusy] = useState(false)
  // Faster than the button is drawn anew.
  const asked = useRef(false)
  const lost = useLostGroup((chatId) => {
    openChat(chatId)
    onClose()
  })

  function show(edge: Made): void {
    addChat(apollo.cache, edge.node, edge.cursor)
    openChat(edge.node.id)
    onClose()
  }

  async function begin(event: FormEvent): Promise<void> {
    event.preventDefault()
    if (asked.current || lost.isSought) return
    asked.current = true
    const [first] = chosen
    const isDirect = chosen.length === 1 && first !== undefined && title.trim() === ''
    const known = lost.knownChats()
    setBusy(true)
    setProblem(null)
    try {
      if (isDirect) {
        const { data } = await apollo.mutate({
          mutation: CreateDirectChatDocument,
          variables: { userId: first.id },
        })
        const result = data?.createDirectChat
        if (result?.__typename === 'CreateDirectChatPayload') show(result.chatEdge)
        else if (result) setProblem(reasonOf(result))
      } else {
        const memberIds = chosen.map(({ id }) => id)
        const { data } = await apollo.mutate({
          mutation: CreateGroupChatDocument,
          variables: { title, memberIds },
        })
        const result = data?.createGroupChat
        if (result?.__typename === 'CreateGroupChatPayload') show(result.chatEdge)
        else if (result) setProblem(reasonOf(result))
      }
    } catch {
      // A direct chat is there once however often it is asked for; of groups each is another.
      if (isDirect) setProblem('The server cannot be reached. Try again in a moment.')
      else lost.seek(title.trim(), known)
    } finally {
      asked.current = false
      setBusy(false)
    }
  }

  const isGroup = chosen.length > 1 || title.trim() !== ''
  return (
    <Dialog title="New chat" onClose={onClose}>
      <form onSubmit={begin}>
        <People chosen={chosen} onChange={setChosen} />
        <Field
          label="Title"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          hint={chosen.length > 1 ? 'A group needs one' : 'Only for a group: with one person, leave it empty'}
          autoComplete="off"
          problem={problem ?? lost.problem}
        />
        <div className="actions">
          <button
            type="submit"
            className="main"
            disabled={isBusy || lost.isSought || (chosen.length === 0 && !isGroup)}
          >
            {isGroup ? 'Create group' : 'Start chat'}
          </button>
        </div>
      </form>
    </Dialog>
  )
}
