import { z } from 'zod'
import { lineOfText } from '../../core/parse.ts'

/** How many people one call may add: what fits into a request of 100 KB with room to spare. */
const maxMembersPerCall = 500

export const createGroupChatInput = z.object({
  title: lineOfText('The title', { min: 1, max: 255 }),
  memberIds: z
    .array(z.string())
    .max(maxMembersPerCall, `A chat can be created with at most ${maxMembersPerCall} members.`)
    .nullish(),
})
