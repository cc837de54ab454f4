import { useApolloClient } from '@apollo/client/react'
import {
  AddReactionDocument,
  DeleteMessageDocument,
  type MessageRowFragment,
  RemoveReactionDocument,
} from '../gql/graphql.ts'
import { useAsking } from './useAsking.ts'

/** What one does with a message at once. */
export interface Acting {
  readonly react: (emoji: string, wanted: boolean) => void
  readonly remove: () => void
  /** Why the last one did not work. */
  readonly problem: string | null
}

/** Shown once the server has it: its answer is the message as it is then. */
export function useActing({ id: messageId }: MessageRowFragment): Acting {
  const apollo = useApolloClient()
  const { ask, problem } = useAsking()
  return {
    problem,
    react(emoji, wanted) {
      const mutation = wanted ? AddReactionDocument : RemoveReactionDocument
      void ask(
        apollo.mutate<object, { messageId: string; emoji: string }>({
          mutation,
          variables: { messageId, emoji },
        }),
      )
    },
    remove() {
      void ask(apollo.mutate({ mutation: DeleteMessageDocument, variables: { messageId } }))
    },
  }
}
