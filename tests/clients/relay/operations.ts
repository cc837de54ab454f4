import { graphql } from 'relay-runtime'

export const register = graphql`
  mutation operationsRegisterMutation($input: RegisterInput!) {
    register(input: $input) {
      __typename
      ... on RegisterPayload { viewer { id } tokens { accessToken accessTokenExpiresAt refreshToken } }
      ... on UserError { code reason }
    }
  }
`

export const refreshTokens = graphql`
  mutation operationsRefreshTokensMutation($input: RefreshTokensInput!) {
    refreshTokens(input: $input) {
      ... on RefreshTokensPayload { tokens { accessToken accessTokenExpiresAt refreshToken } }
      ... on RateLimitedError { retryAfterMs }
    }
  }
`

export const logout = graphql`
  mutation operationsLogoutMutation { logout { success } }
`

export const searchUsers = graphql`
  query operationsSearchUsersQuery($search: String!) {
    users(search: $search, first: 5) { edges { node { id username } } }
  }
`

export const createDirectChat = graphql`
  mutation operationsCreateDirectChatMutation($input: CreateDirectChatInput!) {
    createDirectChat(input: $input) {
      __typename
      ... on CreateDirectChatPayload { chat { id } }
      ... on UserError { code reason }
    }
  }
`

export const sendMessage = graphql`
  mutation operationsSendMessageMutation($input: SendMessageInput!, $lists: [ID!]!) {
    sendMessage(input: $input) {
      __typename
      ... on SendMessagePayload {
        deduplicated
        messageEdge @appendEdge(connections: $lists) { cursor node { id ...HistoryRow_message } }
      }
      ... on UserError { code reason }
    }
  }
`
