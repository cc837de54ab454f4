import { z } from 'zod'
import { lineOfText } from '../../core/parse.ts'

/** How many people one call may add: what fits into a request of 100 KB with room to spare. */
export const maxMembersPerCall = 500
/** How many a group can have: each of its messages goes to all of them. */
export const maxMembers = 5000

const title = lineOfText('The title', { min: 1, max: 255 })
const historyVisibility = z.enum(['FULL', 'FROM_JOIN'])

export const createGroupChatInput = z.object({
  title,
  historyVisibility: historyVisibility.nullish(),
  memberIds: z
    .array(z.string())
    .max(maxMembersPerCall, `A chat can be created with at most ${maxMembersPerCall} members.`)
    .nullish(),
})

export const renameChatInput = z.object({ chatId: z.string(), title })

export const addChatMembersInput = z.object({
  chatId: z.string(),
  userIds: z
    .array(z.string())
    .min(1, 'Name somebody to add.')
    .max(maxMembersPerCall, `At most ${maxMembersPerCall} people can be added at a time.`),
})
