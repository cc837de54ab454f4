import { z } from 'zod'
import { codePointLength, hasForbiddenCharacter, isBlank } from '../../core/parse.ts'

/** The longest message, in Unicode code points. */
const longestText = 5000
const longestClientMessageId = 64

const text = z
  .string()
  .refine((value) => !isBlank(value), 'The text must not be empty or blank.')
  .refine(
    (value) => codePointLength(value) <= longestText,
    `The text must have at most ${longestText} characters.`,
  )
  .refine((value) => !hasForbiddenCharacter(value), {
    message: 'The text must not contain control characters other than tab and newline.',
  })

export const sendMessageInput = z.object({
  chatId: z.string(),
  clientMessageId: z
    .string()
    .refine((id) => codePointLength(id) >= 1 && codePointLength(id) <= longestClientMessageId, {
      message: `The client message id must have 1 to ${longestClientMessageId} characters.`,
    })
    .refine((id) => !hasForbiddenCharacter(id), 'The client message id must not contain control characters.'),
  text,
  replyToId: z.string().nullish(),
  sender: z
    .enum(['USER', 'BOT', 'SYSTEM'])
    .refine((sender) => sender !== 'SYSTEM', 'SYSTEM messages are written by the server alone.')
    .nullish(),
})

export const editMessageInput = z.object({ messageId: z.string(), text })
