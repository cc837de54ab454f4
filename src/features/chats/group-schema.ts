import { ConflictError, ForbiddenError, NotFoundError, ValidationError } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { ViewerType } from '../auth/schema.ts'
import {
  addChatMembers,
  deleteChat,
  leaveChat,
  muteChat,
  removeChatMember,
  renameChat,
  setChatHistoryVisibility,
  setChatMemberRole,
} from './group-actions.ts'
import { chatPayload } from './mutation-schema.ts'
import { ChatRole, HistoryVisibility } from './schema.ts'
import { maxMembers, maxMembersPerCall } from './validation.ts'

const members = maxMembers.toLocaleString('en')
const chatId = 'The id of the chat.'

const AddChatMembersPayload = chatPayload('AddChatMembersPayload', 'They are in it.')
const RemoveChatMemberPayload = chatPayload('RemoveChatMemberPayload', 'They are not in it any more.')
const SetChatMemberRolePayload = chatPayload('SetChatMemberRolePayload', 'They have the role.')
const RenameChatPayload = chatPayload('RenameChatPayload', 'It has the title.')
const SetChatHistoryVisibilityPayload = chatPayload(
  'SetChatHistoryVisibilityPayload',
  'So it is from now on.',
)
const MuteChatPayload = chatPayload('MuteChatPayload', 'It is muted, or not any more.')
builder.objectField(MuteChatPayload, 'viewer', (t) =>
  t.field({
    type: ViewerType,
    description: 'The viewer, whose `unreadCount` may have changed.',
    resolve: (_payload, _args, context) => viewerOf(context),
  }),
)

/** What is left to tell of a chat that the viewer has no more. */
const gonePayload = <Field extends string>(name: string, field: Field, description: string) =>
  builder.objectRef<{ chatId: string }>(name).implement({
    description,
    fields: (t) => ({
      [field]: t.id({
        description: 'The id that it had, for clients that drop it from their lists.',
        resolve: ({ chatId: id }) => toGlobalId('Chat', id),
      }),
    }),
  })

const LeaveChatPayload = gonePayload('LeaveChatPayload', 'leftChatId', 'The viewer is not in it any more.')
const DeleteChatPayload = gonePayload('DeleteChatPayload', 'deletedChatId', 'It is gone, for everyone.')

builder.mutationFields((t) => ({
  addChatMembers: t.fieldWithInput({
    type: AddChatMembersPayload,
    description: `Adds people to a group; its owner and admins do. Who is in it already stays as they are. What was said before they see or not, as the group's \`historyVisibility\` says, and none of it counts as unread. A group has at most ${members} members: with more it is \`CONFLICT\`. Everyone in it gets a \`MemberAdded\` for each, and each of the new ones from their own on.`,
    typeOptions: { name: 'AddChatMembersInput', description: 'Whom, and where.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError, ConflictError],
      union: { name: 'AddChatMembersResult', description: 'The chat, or why nobody was added.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      userIds: t.input.idList({
        required: true,
        description: `Ids of the users, 1 to ${maxMembersPerCall}. Nobody whom the viewer has blocked or who has blocked the viewer. All are added, or none.`,
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await addChatMembers(context.store, viewerOf(context), input),
    }),
  }),
  removeChatMember: t.fieldWithInput({
    type: RemoveChatMemberPayload,
    description:
      'Removes somebody from a group: its owner whomever, its admins members without a role. They see and hear nothing of it from that moment on; what they said stays.',
    typeOptions: { name: 'RemoveChatMemberInput', description: 'Whom, and where.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError],
      union: { name: 'RemoveChatMemberResult', description: 'The chat, or why nobody was removed.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      userId: t.input.id({
        required: true,
        description: 'The id of the member. Not the viewer, who leaves with `leaveChat`.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await removeChatMember(context.store, viewerOf(context), input),
    }),
  }),
  leaveChat: t.fieldWithInput({
    type: LeaveChatPayload,
    description:
      'Leaves a group. If its owner leaves, the admin, else the member, who has been in it longest is its owner; when the last one leaves it is deleted. A direct chat can be left only once its other side has erased their account: mute it, or block the other side.',
    typeOptions: { name: 'LeaveChatInput', description: 'Which chat.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'LeaveChatResult', description: 'What was left, or why not.' },
    },
    input: { chatId: t.input.id({ required: true, description: chatId }) },
    resolve: async (_root, { input }, context) => {
      const id = await leaveChat(context.store, viewerOf(context), input)
      // Whoever is the last to go leaves something to clear up.
      context.purger.wake()
      return { chatId: id }
    },
  }),
  setChatMemberRole: t.fieldWithInput({
    type: SetChatMemberRolePayload,
    description:
      'Gives a member of a group another role; its owner does. A group has one owner: making somebody else the owner hands it over, and the viewer is an admin from then on. The same role again changes nothing.',
    typeOptions: { name: 'SetChatMemberRoleInput', description: 'Whose role, where, and which.' },
    errors: {
      types: [NotFoundError, ForbiddenError, ConflictError],
      union: { name: 'SetChatMemberRoleResult', description: 'The chat, or why nothing changed.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      userId: t.input.id({ required: true, description: 'The id of the member.' }),
      role: t.input.field({
        type: ChatRole,
        required: true,
        description:
          "The role. The owner's own changes only by handing the group over: anything else is `CONFLICT`.",
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await setChatMemberRole(context.store, viewerOf(context), input),
    }),
  }),
  renameChat: t.fieldWithInput({
    type: RenameChatPayload,
    description:
      'Gives a group another title; its owner and admins do. The same title again changes nothing.',
    typeOptions: { name: 'RenameChatInput', description: 'Which chat, and its title.' },
    errors: {
      types: [ValidationError, NotFoundError, ForbiddenError],
      union: { name: 'RenameChatResult', description: 'The chat, or why it keeps its title.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      title: t.input.string({ required: true, description: '1 to 255 characters on one line.' }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await renameChat(context.store, viewerOf(context), input),
    }),
  }),
  setChatHistoryVisibility: t.fieldWithInput({
    type: SetChatHistoryVisibilityPayload,
    description:
      'Says what those see of a group who join from now on; its owner does. Who is in it keeps what they see.',
    typeOptions: { name: 'SetChatHistoryVisibilityInput', description: 'Which chat, and how much.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'SetChatHistoryVisibilityResult', description: 'The chat, or why nothing changed.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      historyVisibility: t.input.field({
        type: HistoryVisibility,
        required: true,
        description: 'What they see.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await setChatHistoryVisibility(context.store, viewerOf(context), input),
    }),
  }),
  deleteChat: t.fieldWithInput({
    type: DeleteChatPayload,
    description:
      'Deletes a group for everyone; its owner does. Its members get `ChatDeleted`, and what was said in it is taken from the database in the background. A direct chat cannot be deleted: `clearChat` takes back what the viewer said there.',
    typeOptions: { name: 'DeleteChatInput', description: 'Which chat.' },
    errors: {
      types: [NotFoundError, ForbiddenError],
      union: { name: 'DeleteChatResult', description: 'What was deleted, or why not.' },
    },
    input: { chatId: t.input.id({ required: true, description: chatId }) },
    resolve: async (_root, { input }, context) => {
      const id = await deleteChat(context.store, viewerOf(context), input)
      context.purger.wake()
      return { chatId: id }
    },
  }),
  muteChat: t.fieldWithInput({
    type: MuteChatPayload,
    description:
      "Mutes a chat for the viewer until some time, or unmutes it. A muted chat counts for nothing in `viewer.unreadCount`; its events come as ever. Only the viewer's own devices hear of it, by `ChatMuted`.",
    typeOptions: { name: 'MuteChatInput', description: 'Which chat, and until when.' },
    errors: {
      types: [NotFoundError],
      union: { name: 'MuteChatResult', description: 'The chat, or why nothing changed.' },
    },
    input: {
      chatId: t.input.id({ required: true, description: chatId }),
      until: t.input.field({
        type: 'DateTime',
        description: 'Until when; a time in the far future is for good. Null, or a time gone by, unmutes.',
      }),
    },
    resolve: async (_root, { input }, context) => ({
      chat: await muteChat(context.store, viewerOf(context), {
        chatId: input.chatId,
        until: input.until ?? null,
      }),
    }),
  }),
}))
