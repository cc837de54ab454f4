import {
  AuthenticationError,
  ConflictError,
  NotFoundError,
  RateLimitedError,
  ValidationError,
} from '../../core/errors.ts'
import { toGlobalId } from '../../core/ids.ts'
import { builder } from '../../graphql/builder.ts'
import { type Context, viewerOf } from '../../graphql/context.ts'
import { type IssuedTokens, type LoggedIn, login, register } from './actions.ts'
import { changeEmail, updateProfile } from './profile-actions.ts'
import { ViewerType } from './schema.ts'
import {
  changePassword,
  logout,
  refreshTokens,
  revokeOtherSessions,
  revokeSession,
} from './session-actions.ts'
import { anonymous, type Viewer } from './viewer.ts'

/** The viewer's own account; fields that ask at the same moment share one statement. */
const AuthTokens = builder.objectRef<IssuedTokens>('AuthTokens').implement({
  description: 'What a client keeps after a login.',
  fields: (t) => ({
    accessToken: t.exposeString('accessToken', {
      description:
        'A JSON Web Token for the `Authorization: Bearer …` header and for `connection_init`. Treat it as opaque.',
    }),
    accessTokenExpiresAt: t.expose('accessTokenExpiresAt', {
      type: 'DateTime',
      description: 'When the access token ends: ten minutes from now unless configured otherwise.',
    }),
    refreshToken: t.exposeString('refreshToken', {
      description: 'For `refreshTokens`, once. Keep it as safe as a password.',
    }),
    refreshTokenExpiresAt: t.expose('refreshTokenExpiresAt', {
      type: 'DateTime',
      description:
        'When the refresh token ends, and with it the session: 30 days unless configured otherwise.',
    }),
  }),
})

const loginPayloadFields = (name: 'RegisterPayload' | 'LoginPayload', description: string) =>
  builder.objectRef<LoggedIn>(name).implement({
    description,
    fields: (t) => ({
      viewer: t.field({
        type: ViewerType,
        description: 'The one who is logged in now. Its fields can be read in this same answer.',
        resolve: ({ viewer }) => viewer,
      }),
      tokens: t.field({
        type: AuthTokens,
        description: 'The tokens of the new session.',
        resolve: ({ tokens }) => tokens,
      }),
    }),
  })

/** What is asked for below a login is asked by the one who has just logged in. */
function enter(context: Context, loggedIn: LoggedIn): LoggedIn {
  context.principal = loggedIn.viewer
  return loggedIn
}

const RegisterPayload = loginPayloadFields('RegisterPayload', 'A new account, logged in.')
const LoginPayload = loginPayloadFields('LoginPayload', 'A new session.')

const RefreshTokensPayload = builder.objectRef<LoggedIn>('RefreshTokensPayload').implement({
  description: 'The session goes on.',
  fields: (t) => ({
    tokens: t.field({
      type: AuthTokens,
      description: 'New tokens. The refresh token that was given is worth nothing from now on.',
      resolve: ({ tokens }) => tokens,
    }),
  }),
})

const LogoutPayload = builder.objectRef<{ success: boolean }>('LogoutPayload').implement({
  description: 'The session is over.',
  fields: (t) => ({
    success: t.exposeBoolean('success', { description: 'Always true: a session that is over cannot ask.' }),
  }),
})

const RevokeSessionPayload = builder
  .objectRef<{ revokedSessionId: string }>('RevokeSessionPayload')
  .implement({
    description: 'A session is over.',
    fields: (t) => ({
      revokedSessionId: t.exposeID('revokedSessionId', { description: 'Its id.' }),
    }),
  })

const ChangePasswordPayload = builder.objectRef<{ viewer: Viewer }>('ChangePasswordPayload').implement({
  description: 'The password is changed.',
  fields: (t) => ({
    viewer: t.field({
      type: ViewerType,
      description: 'The viewer, in the one session that is left.',
      resolve: ({ viewer }) => viewer,
    }),
  }),
})

const viewerPayload = (name: 'ChangeEmailPayload' | 'UpdateProfilePayload', description: string) =>
  builder.objectRef<{ viewer: Viewer }>(name).implement({
    description,
    fields: (t) => ({
      viewer: t.field({
        type: ViewerType,
        description: 'The viewer, as they are now.',
        resolve: ({ viewer }) => viewer,
      }),
    }),
  })

const ChangeEmailPayload = viewerPayload('ChangeEmailPayload', 'The email address is changed.')
const UpdateProfilePayload = viewerPayload('UpdateProfilePayload', 'The profile is as it was asked for.')

const RevokeOtherSessionsPayload = builder
  .objectRef<{ revokedCount: number }>('RevokeOtherSessionsPayload')
  .implement({
    description: 'The other sessions are over.',
    fields: (t) => ({
      revokedCount: t.exposeInt('revokedCount', { description: 'How many there were.' }),
    }),
  })

builder.mutationFields((t) => ({
  register: t.fieldWithInput({
    type: RegisterPayload,
    skipTypeScopes: true,
    description:
      'Makes an account and logs in. Every problem of the input is reported at once. At most 20 at a time from one address, then one a minute.',
    typeOptions: { name: 'RegisterInput', description: 'A new account.' },
    errors: {
      types: [ValidationError, ConflictError, RateLimitedError],
      union: { name: 'RegisterResult', description: 'A new account, or why there is none.' },
    },
    input: {
      username: t.input.string({
        required: true,
        description: '3 to 80 letters (A to Z), digits and underscores; unique whatever its case.',
      }),
      email: t.input.string({
        required: true,
        description: 'At most 120 characters; unique whatever its case. Never shown to others.',
      }),
      password: t.input.string({
        required: true,
        description:
          '8 to 128 characters with an upper-case letter, a lower-case letter and a digit; none of the most common passwords, nor the username or the email.',
      }),
      displayName: t.input.string({
        description: 'The name to show, 1 to 80 characters. Default: the username.',
      }),
      deviceName: t.input.string({
        description: 'What the session is listed as, such as "Pixel 9": 1 to 80 characters.',
      }),
    },
    resolve: async (_root, { input }, context) =>
      enter(context, await register(context.store, context.auth, input, context)),
  }),
  login: t.fieldWithInput({
    type: LoginPayload,
    skipTypeScopes: true,
    description:
      'Starts a session. An unknown account and a wrong password give the same answer, and are limited alike: ten failures in a row from one address, then one attempt every 30 seconds.',
    typeOptions: { name: 'LoginInput', description: 'Who logs in, and from where.' },
    errors: {
      types: [ValidationError, AuthenticationError, RateLimitedError],
      union: { name: 'LoginResult', description: 'A new session, or why there is none.' },
    },
    input: {
      identifier: t.input.string({
        required: true,
        description: 'The username or the email, whatever its case.',
      }),
      password: t.input.string({ required: true, description: 'The password.' }),
      deviceName: t.input.string({
        description: 'What the session is listed as, such as "Pixel 9": 1 to 80 characters.',
      }),
    },
    resolve: async (_root, { input }, context) =>
      enter(context, await login(context.store, context.auth, input, context)),
  }),
  refreshTokens: t.fieldWithInput({
    type: RefreshTokensPayload,
    skipTypeScopes: true,
    description:
      'New tokens for a session whose access token ends. Each refresh token works once; a client that lost the answer may ask again within 30 seconds, as long as nobody has used the new one, and gets the same refresh token. A used token that comes back otherwise ends the session: somebody else has it. Tabs that share tokens must therefore refresh one at a time.',
    typeOptions: { name: 'RefreshTokensInput', description: 'What a session goes on with.' },
    errors: {
      types: [AuthenticationError, RateLimitedError],
      union: { name: 'RefreshTokensResult', description: 'New tokens, or why there are none.' },
    },
    input: {
      refreshToken: t.input.string({
        required: true,
        description: 'The newest refresh token of the session.',
      }),
    },
    resolve: (_root, { input }, context) =>
      refreshTokens(context.store, context.auth, context.logger, input, context),
  }),
  logout: t.field({
    type: LogoutPayload,
    description:
      'Ends the current session: its tokens are refused from now on, and its sockets close with code 4403.',
    resolve: async (_root, _args, context) => {
      await logout(context.store, context.auth, viewerOf(context))
      context.principal = anonymous
      return { success: true }
    },
  }),
  revokeSession: t.fieldWithInput({
    type: RevokeSessionPayload,
    description:
      'Ends one session of the viewer: its tokens are refused from now on, and its sockets close with code 4403.',
    typeOptions: { name: 'RevokeSessionInput', description: 'Which session.' },
    errors: {
      types: [NotFoundError],
      union: { name: 'RevokeSessionResult', description: 'The session is over, or why not.' },
    },
    input: { sessionId: t.input.id({ required: true, description: 'The id of the session.' }) },
    resolve: async (_root, { input }, context) => {
      const viewer = viewerOf(context)
      const revokedSessionId = await revokeSession(context.store, context.auth, viewer, input)
      if (revokedSessionId === toGlobalId('Session', viewer.sessionId)) context.principal = anonymous
      return { revokedSessionId }
    },
  }),
  changePassword: t.fieldWithInput({
    type: ChangePasswordPayload,
    description: 'A new password. Every other session of the viewer ends at once, wherever it is.',
    typeOptions: {
      name: 'ChangePasswordInput',
      description: 'The password that is, and the one that shall be.',
    },
    errors: {
      types: [ValidationError, AuthenticationError, RateLimitedError],
      union: { name: 'ChangePasswordResult', description: 'The password is changed, or why not.' },
    },
    input: {
      currentPassword: t.input.string({ required: true, description: 'The password as it is now.' }),
      newPassword: t.input.string({
        required: true,
        description: 'The new one, by the same rules as at registration.',
      }),
    },
    resolve: async (_root, { input }, context) => {
      const viewer = viewerOf(context)
      await changePassword(context.store, context.auth, viewer, input)
      return { viewer }
    },
  }),
  changeEmail: t.fieldWithInput({
    type: ChangeEmailPayload,
    description:
      'A new email address, to log in with and to be found by from now on. It counts as not verified. Nobody else is told.',
    typeOptions: { name: 'ChangeEmailInput', description: 'The new address, and who asks.' },
    errors: {
      types: [ValidationError, AuthenticationError, ConflictError, RateLimitedError],
      union: { name: 'ChangeEmailResult', description: 'The email address is changed, or why not.' },
    },
    input: {
      password: t.input.string({ required: true, description: 'The password of the account.' }),
      email: t.input.string({
        required: true,
        description: 'The new address, by the same rules as at registration.',
      }),
    },
    resolve: async (_root, { input }, context) => {
      const viewer = viewerOf(context)
      await changeEmail(context.store, context.auth, viewer, input)
      return { viewer }
    },
  }),
  updateProfile: t.fieldWithInput({
    type: UpdateProfilePayload,
    description:
      'Changes what others see of the viewer. What is not given stays. The other devices of the viewer and everyone who shares a chat with them get `UserUpdated`, unless nothing is different.',
    typeOptions: { name: 'UpdateProfileInput', description: 'What shall be different.' },
    errors: {
      types: [ValidationError, ConflictError],
      union: { name: 'UpdateProfileResult', description: 'The profile is changed, or why not.' },
    },
    input: {
      username: t.input.string({
        description:
          'The new username, by the same rules as at registration. Null leaves it as it is. The old one is free for others at once.',
      }),
      displayName: t.input.string({
        description: 'The new name to show, 1 to 80 characters. Null leaves it as it is.',
      }),
      bio: t.input.string({
        description:
          'A few words about themselves: at most 500 characters, line breaks allowed. Null, or blank text, clears it.',
      }),
    },
    resolve: async (_root, { input }, context) => {
      const viewer = viewerOf(context)
      await updateProfile(context.store, viewer, input)
      return { viewer }
    },
  }),
  revokeOtherSessions: t.field({
    type: RevokeOtherSessionsPayload,
    description: 'Ends every session of the viewer but the one that asks.',
    resolve: async (_root, _args, context) => ({
      revokedCount: await revokeOtherSessions(context.store, context.auth, viewerOf(context)),
    }),
  }),
}))
