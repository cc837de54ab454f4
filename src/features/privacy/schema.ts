import { AuthenticationError, RateLimitedError } from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import type { DataExport } from '../../db/generated/prisma/client.ts'
import { builder } from '../../graphql/builder.ts'
import { viewerOf } from '../../graphql/context.ts'
import { globalId, Node, nodeLoader } from '../../graphql/node.ts'
import { pageCost } from '../../graphql/pages.ts'
import { usernameReservedDays } from '../auth/reserved-usernames.ts'
import { ViewerType } from '../auth/schema.ts'
import { anonymous } from '../auth/viewer.ts'
import { deleteAccount } from './erasure.ts'
import { linkMinutes } from './export-links.ts'
import { keptDays } from './exporter.ts'
import { exportsPerDay, findDataExports, listDataExports, requestDataExport } from './exports.ts'

export const ErasedMessages = builder.enumType('ErasedMessages', {
  description: 'What becomes of the messages of an account that is erased.',
  values: {
    KEEP_ANONYMOUS: { description: 'They stay, without an author.' },
    ERASE: { description: 'They become tombstones, without an author and without their text.' },
  } as const,
})

const DataExportStatus = builder.enumType('DataExportStatus', {
  description: 'How far an export is.',
  values: {
    PENDING: { description: 'It is being built, or waits for its turn. Ask again in a while.' },
    READY: { description: 'It can be downloaded.' },
    FAILED: { description: 'It could not be built. Request another.' },
  } as const,
})

const DataExportType = builder.prismaObject('DataExport', {
  description: 'All that the server keeps about the viewer, as one JSON document. Nobody else sees it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: 'The global id.', resolve: globalId('DataExport') }),
    status: t.expose('status', { type: DataExportStatus, description: 'How far it is.' }),
    requestedAt: t.expose('requestedAt', { type: 'DateTime', description: 'When it was asked for.' }),
    readyAt: t.expose('readyAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it can be downloaded. The document itself says what moment it shows.',
    }),
    expiresAt: t.expose('expiresAt', {
      type: 'DateTime',
      nullable: true,
      description: `When it is deleted: ${keptDays} days after it became \`READY\` or \`FAILED\`, or as soon as a newer one is \`READY\`. Null while it is \`PENDING\`.`,
    }),
    sizeBytes: t.float({
      nullable: true,
      description:
        'The size of the document in bytes, a whole number; a `Float`, since an `Int` ends at two gigabytes. Null unless it is `READY`.',
      resolve: ({ size }) => (size === null ? null : Number(size)),
    }),
    downloadUrl: t.string({
      nullable: true,
      description: `Where to download it: a path on this server, which does not know under what name clients reach it. Whoever has the link has the document, for ${linkMinutes} minutes from now or until the session that asked ends. Null unless it is \`READY\`.`,
      resolve: ({ id, userId, status }, _args, { principal, dataExports }) =>
        status === 'READY' && principal.kind === 'user'
          ? dataExports.links.sign({ exportId: id, userId, sessionId: principal.sessionId })
          : null,
    }),
  }),
})

const DataExportConnection = builder.connectionObject(
  { type: DataExportType, name: 'DataExportConnection', description: 'A page of exports.' },
  { name: 'DataExportEdge', description: 'An export in a page.' },
)

nodeLoader('DataExport', (context, ids) => findDataExports(context.store, viewerOf(context), ids))

builder.objectField(ViewerType, 'dataExports', (t) =>
  t.connection(
    {
      type: DataExportType,
      complexity: pageCost(),
      description:
        'The exports that the viewer requested and that are not gone, newest first. At most one of them is `READY`. Pages of 20 unless asked otherwise.',
      resolve: (viewer, args, context) => listDataExports(context.store, viewer, args),
    },
    DataExportConnection,
  ),
)

const RequestDataExportPayload = builder
  .objectRef<{ dataExport: DataExport }>('RequestDataExportPayload')
  .implement({
    description: 'An export is on its way.',
    fields: (t) => ({
      dataExport: t.field({
        type: DataExportType,
        description: 'The export. Read it again by its id until it is `READY`: seconds, as a rule.',
        resolve: ({ dataExport }) => dataExport,
      }),
    }),
  })

builder.mutationField('requestDataExport', (t) =>
  t.field({
    type: RequestDataExportPayload,
    description: `Begins an export of all that the server keeps about the viewer; where one is being built already, that one is returned. At most ${exportsPerDay} are begun within 24 hours. The one before stays until the new one is \`READY\`.`,
    errors: {
      types: [RateLimitedError],
      union: { name: 'RequestDataExportResult', description: 'The export, or why there is none.' },
    },
    resolve: async (_root, _args, context) => ({
      dataExport: await requestDataExport(context.store, context.dataExports, viewerOf(context)),
    }),
  }),
)

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
    description: `Erases the viewer's account for good. At once nobody can log in to it, and every session and socket ends. By the time of the answer, or within moments where other accounts are being erased, the profile, email, blocks, memberships and exports are gone, and messages have no author. After that, in the background, messages become tombstones if asked for. A group without an owner passes to its longest-standing admin, else member; a chat with nobody left in it is deleted; a direct chat stays for the other side to read. Nobody can take the username for ${usernameReservedDays} days. There is no way back.`,
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
      await deleteAccount(context.store, context.auth, context.logger, viewer, input)
      context.eraser.wake()
      context.principal = anonymous
      return { deletedUserId: toGlobalId('User', viewer.userId) }
    },
  }),
)
