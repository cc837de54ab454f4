/** Operations that many tests share. */

const error = '... on UserError { code reason }'
const invalid = '... on ValidationError { issues { path message } }'

export const Register = `mutation Register($input: RegisterInput!) { register(input: $input) {
  __typename ${error} ${invalid}
  ... on RegisterPayload { viewer { email user { id username displayName } }
    tokens { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt } } } }`

export const Login = `mutation Login($input: LoginInput!) { login(input: $input) {
  __typename ${error} ${invalid}
  ... on LoginPayload { viewer { email user { id username } } tokens { accessToken refreshToken } } } }`

export const RefreshTokens = `mutation Refresh($input: RefreshTokensInput!) { refreshTokens(input: $input) {
  __typename ${error} ... on RefreshTokensPayload { tokens { accessToken refreshToken } } } }`

export const ChangePassword = `mutation ChangePassword($input: ChangePasswordInput!) { changePassword(input: $input) {
  __typename ${error} ${invalid} ... on ChangePasswordPayload { viewer { user { id } } } } }`

export const ChangeEmail = `mutation ChangeEmail($input: ChangeEmailInput!) { changeEmail(input: $input) {
  __typename ${error} ${invalid} ... on ChangeEmailPayload { viewer { email isEmailVerified } } } }`

export const UpdateProfile = `mutation UpdateProfile($input: UpdateProfileInput!) { updateProfile(input: $input) {
  __typename ${error} ${invalid}
  ... on UpdateProfilePayload { viewer { user { id username displayName bio } } } } }`

export const BlockUser = `mutation BlockUser($input: BlockUserInput!) { blockUser(input: $input) {
  __typename ${error} ${invalid} ... on BlockUserPayload { user { id viewerHasBlocked } } } }`

export const UnblockUser = `mutation UnblockUser($input: UnblockUserInput!) { unblockUser(input: $input) {
  __typename ${error} ${invalid} ... on UnblockUserPayload { user { id viewerHasBlocked } } } }`

export const CreateDirectChat = `mutation CreateDirectChat($input: CreateDirectChatInput!) {
  createDirectChat(input: $input) { __typename ${error} ${invalid}
    ... on CreateDirectChatPayload { created chat { id kind title memberCount lastActivityAt } } } }`

export const CreateGroupChat = `mutation CreateGroupChat($input: CreateGroupChatInput!) {
  createGroupChat(input: $input) { __typename ${error} ${invalid}
    ... on CreateGroupChatPayload { chat { id kind title memberCount viewerMembership { role } } } } }`

export const MarkChatRead = `mutation MarkChatRead($input: MarkChatReadInput!) {
  markChatRead(input: $input) { __typename ${error} ${invalid}
    ... on MarkChatReadPayload { chat { id unreadCount viewerMembership { lastReadSequence } } } } }`

/** A mutation of a chat by the name of its operation, whose input and payload are called after it. */
const onChat = (name: string, selection: string, errors = '') =>
  `mutation ${name}($input: ${name}Input!) { ${name.charAt(0).toLowerCase()}${name.slice(1)}(input: $input) {
  __typename ${error} ${errors} ... on ${name}Payload { ${selection} } } }`

const chatOf =
  'chat { id title historyVisibility memberCount unreadCount viewerMembership { role mutedUntil } }'

export const AddChatMembers = onChat('AddChatMembers', chatOf, invalid)

export const RemoveChatMember = onChat('RemoveChatMember', chatOf, invalid)

export const LeaveChat = onChat('LeaveChat', 'leftChatId')

export const SetChatMemberRole = onChat('SetChatMemberRole', chatOf)

export const RenameChat = onChat('RenameChat', chatOf, invalid)

export const SetChatHistoryVisibility = onChat('SetChatHistoryVisibility', chatOf)

export const DeleteChat = onChat('DeleteChat', 'deletedChatId')

export const MuteChat = onChat('MuteChat', `${chatOf} viewer { unreadCount }`)

export const ClearChat = onChat('ClearChat', `clearedCount ${chatOf}`)

const messageFields = `id sequence text sender clientMessageId createdAt editedAt deletedAt
  author { id username } chat { id }`

export const SendMessage = `mutation SendMessage($input: SendMessageInput!) { sendMessage(input: $input) {
  __typename ${error} ${invalid}
  ... on SendMessagePayload { deduplicated messageEdge { cursor node { id } } message { ${messageFields} } } } }`

export const EditMessage = `mutation EditMessage($input: EditMessageInput!) { editMessage(input: $input) {
  __typename ${error} ${invalid} ... on EditMessagePayload { message { ${messageFields} } } } }`

export const DeleteMessage = `mutation DeleteMessage($input: DeleteMessageInput!) { deleteMessage(input: $input) {
  __typename ${error} ... on DeleteMessagePayload { deletedMessageId message { ${messageFields} } } } }`

const reactionsOf = '{ message { id reactions { emoji count viewerHasReacted } } }'

export const AddReaction = `mutation AddReaction($input: AddReactionInput!) { addReaction(input: $input) {
  __typename ${error} ${invalid} ... on AddReactionPayload ${reactionsOf} } }`

export const RemoveReaction = `mutation RemoveReaction($input: RemoveReactionInput!) { removeReaction(input: $input) {
  __typename ${error} ${invalid} ... on RemoveReactionPayload ${reactionsOf} } }`

export const ChatMessages = `query ChatMessages($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  chat(id: $id) { messages(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { ${messageFields} } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`

export const EventCursor = '{ viewer { eventCursor } }'

export const Events = `subscription Events($after: String) { events(after: $after) {
  __typename cursor occurredAt
  ... on MessageAdded { chat { id } message { id sequence text editedAt } }
  ... on MessageEdited { chat { id } message { id sequence text editedAt } }
  ... on MessageDeleted { chat { id } message { id sequence text editedAt } deletedMessageId }
  ... on ChatCreated { chat { id kind title } }
  ... on ChatRead { chat { id } user { id } lastReadSequence }
  ... on UserUpdated { user { id username displayName bio } }
  ... on ChatRenamed { chat { id title } actor { id } }
  ... on ChatHistoryVisibilityChanged { chat { id historyVisibility } actor { id } }
  ... on ChatDeleted { deletedChatId reason }
  ... on ChatCleared { chat { id unreadCount } clearedThroughSequence author { id } actor { id } }
  ... on ChatMuted { chat { id } member { id mutedUntil } }
  ... on MemberAdded { chat { id } chatEdge { cursor } member { id role } memberEdge { cursor } user { id } actor { id } }
  ... on MemberRemoved { chat { id } user { id } removedMemberId actor { id } }
  ... on MemberRoleChanged { chat { id } member { id role } user { id } actor { id } } } }`

export const MessageAdded = `subscription MessageAdded($chatId: ID, $after: String) {
  messageAdded(chatId: $chatId, after: $after) { cursor chat { id } message { id sequence text } } }`

export const RequestDataExport = `mutation RequestDataExport { requestDataExport { __typename ${error}
  ... on RequestDataExportPayload { dataExport { id status requestedAt readyAt expiresAt sizeBytes downloadUrl } }
  ... on RateLimitedError { retryAfterMs } } }`

export const Logout = 'mutation Logout { logout { success } }'

export const Me = '{ viewer { email user { id username isViewer } } }'

const page = '$first: Int, $after: String, $last: Int, $before: String'
const pageArgs = 'first: $first, after: $after, last: $last, before: $before'
const pageInfo = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'

export const SearchUsers = `query SearchUsers($search: String!, ${page}) {
  users(search: $search, ${pageArgs}) {
    edges { cursor node { id username displayName bio kind createdAt isViewer } } ${pageInfo} } }`

export const UserByUsername = `query UserByUsername($username: String!) {
  user(username: $username) { id username displayName bio kind createdAt isViewer } }`

export const ViewerChats = `query ViewerChats(${page}) {
  viewer { unreadCount chats(${pageArgs}) {
    edges { cursor node { id kind title lastActivityAt unreadCount lastMessage { id text author { id } } } }
    ${pageInfo} } } }`

export const SearchMessages = `query SearchMessages(
  $query: String!, $chatId: ID, $authorId: ID, $first: Int, $after: String) {
  searchMessages(query: $query, chatId: $chatId, authorId: $authorId, first: $first, after: $after) {
    edges { cursor highlights { start length } node { ${messageFields} } } ${pageInfo} } }`

export const ViewerMessages = `query ViewerMessages(${page}) {
  viewer { messages(${pageArgs}) { edges { cursor node { ${messageFields} } } ${pageInfo} } } }`

export const UserMessages = `query UserMessages($username: String!, ${page}) {
  user(username: $username) { messages(${pageArgs}) { edges { cursor node { ${messageFields} } } ${pageInfo} } } }`

export const ChatMembers = `query ChatMembers($id: ID!, ${page}) {
  chat(id: $id) { memberCount members(${pageArgs}) {
    edges { cursor node { id role lastReadSequence mutedUntil user { id username } } } ${pageInfo} } } }`

export const NodeById = `query NodeById($id: ID!) { node(id: $id) { __typename id } }`

export const NodesById = `query NodesById($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`

export const SetTyping = `mutation SetTyping($input: SetTypingInput!) { setTyping(input: $input) {
  __typename ${error} ... on SetTypingPayload { isTyping expiresAt chat { id } } } }`

export const TypingIn = `subscription TypingIn($chatId: ID) { typing(chatId: $chatId) {
  isTyping expiresAt chat { id } user { id username } } }`

export const PresenceOf = `subscription PresenceOf($userIds: [ID!]!) { presence(userIds: $userIds) {
  user { id username presence { status lastSeenAt } } presence { status lastSeenAt } } }`
