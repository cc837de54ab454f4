import { builder } from '../../graphql/builder.ts'

export const ErasedMessages = builder.enumType('ErasedMessages', {
  description: 'What becomes of the messages of an account that is erased.',
  values: {
    KEEP_ANONYMOUS: { description: 'They stay, without an author.' },
    ERASE: { description: 'They become tombstones, without an author and without their text.' },
  } as const,
})
