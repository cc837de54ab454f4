import { AuthenticationError, RateLimitedError } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { usernameReservedDays } from '../auth/reserved-usernames.ts'
import { deleteAccount } from './erasure.ts'

export const ErasedMessages = builder.enumType('ErasedMessages', {
  description: 'What becomes of the messages of an account that is erased.',
  values: {
    KEEP_ANONYMOUS: { description: 'They stay, without an author.' },
    ERASE: { description: 'They become tombstones, without an author and without their text.' },
  } as const,
})

const DeleteAccountPayload = builder.objectRef<{ deletedUserId: string }>('DeleteAccountPayload').implement({
  description: 'The account is gone.',
  fields: (t) => ({
    deletedUserId: t.exposeID('deletedUserId', {
      description: 'The id that its `User` had. Nothing answers to it any more.',
    }),
  }),
})

builder.mutationField('deleteAccount', (t) =>
  t.fieldWithInput({
    type: DeleteAccountPayload,
    description: `Erases the viewer's account for good. At once: every session and socket ends, the profile, email, sessions, blocks, memberships and exports are gone, messages have no author. Within moments, in the background: messages become tombstones if asked for. A group without an owner passes to its longest-standing admin, else member; a chat with nobody left in it is deleted; a direct chat stays for the other side to read. Nobody can take the username for ${usernameReservedDays} days. There is no way back.`,
    typeOptions: {
      name: 'DeleteAccountInput',
      description: 'The proof, and what shall become of the words.',
    },
    errors: {
      types: [AuthenticationError, RateLimitedError],
      union: { name: 'DeleteAccountResult', description: 'The account is gone, or why not.' },
    },
    input: {
      password: t.input.string({ required: true, description: 'The password of the account.' }),
      messages: t.input.field({
        type: ErasedMessages,
        required: true,
        description: 'What shall become of the messages, and of the titles that the viewer gave to groups.',
      }),
    },
    resolve: async (_root, { input }, context) => {
      const viewer = viewerOf(context)
      await deleteAccount(context.store, context.auth, viewer, input)
      context.eraser.wake()
      return { deletedUserId: toGlobalId('User', viewer.userId) }
    },
  }),
)
