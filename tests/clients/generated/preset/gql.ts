/* eslint-disable */
import * as types from './graphql.ts';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "mutation CreateDirectChat($input: CreateDirectChatInput!) {\n  createDirectChat(input: $input) {\n    __typename\n    ... on CreateDirectChatPayload {\n      chat {\n        id\n        title\n        otherUser {\n          id\n          displayName\n        }\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": typeof types.CreateDirectChatDocument,
    "subscription Events($after: String) {\n  events(after: $after) {\n    __typename\n    cursor\n    ... on MessageEvent {\n      chat {\n        id\n      }\n      message {\n        ...MessageRow\n      }\n    }\n    ... on MessageAdded {\n      messageEdge {\n        cursor\n        node {\n          id\n        }\n      }\n    }\n  }\n}": typeof types.EventsDocument,
    "query History($chatId: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  viewer {\n    id\n    eventCursor\n  }\n  chat(id: $chatId) {\n    id\n    messages(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...MessageRow\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}": typeof types.HistoryDocument,
    "mutation Logout {\n  logout {\n    success\n  }\n}": typeof types.LogoutDocument,
    "fragment MessageRow on Message {\n  id\n  sequence\n  text\n  createdAt\n  editedAt\n  deletedAt\n  author {\n    id\n    displayName\n  }\n}": typeof types.MessageRowFragmentDoc,
    "mutation RefreshTokens($input: RefreshTokensInput!) {\n  refreshTokens(input: $input) {\n    __typename\n    ... on RefreshTokensPayload {\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n  }\n}": typeof types.RefreshTokensDocument,
    "mutation Register($input: RegisterInput!) {\n  register(input: $input) {\n    __typename\n    ... on RegisterPayload {\n      viewer {\n        id\n        user {\n          id\n          username\n        }\n      }\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": typeof types.RegisterDocument,
    "query SearchUsers($search: String!) {\n  users(search: $search, first: 5) {\n    edges {\n      node {\n        id\n        username\n        displayName\n      }\n    }\n  }\n}": typeof types.SearchUsersDocument,
    "mutation SendMessage($input: SendMessageInput!) {\n  sendMessage(input: $input) {\n    __typename\n    ... on SendMessagePayload {\n      deduplicated\n      message {\n        ...MessageRow\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": typeof types.SendMessageDocument,
    "fragment Tokens on AuthTokens {\n  accessToken\n  accessTokenExpiresAt\n  refreshToken\n}": typeof types.TokensFragmentDoc,
};
const documents: Documents = {
    "mutation CreateDirectChat($input: CreateDirectChatInput!) {\n  createDirectChat(input: $input) {\n    __typename\n    ... on CreateDirectChatPayload {\n      chat {\n        id\n        title\n        otherUser {\n          id\n          displayName\n        }\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": types.CreateDirectChatDocument,
    "subscription Events($after: String) {\n  events(after: $after) {\n    __typename\n    cursor\n    ... on MessageEvent {\n      chat {\n        id\n      }\n      message {\n        ...MessageRow\n      }\n    }\n    ... on MessageAdded {\n      messageEdge {\n        cursor\n        node {\n          id\n        }\n      }\n    }\n  }\n}": types.EventsDocument,
    "query History($chatId: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  viewer {\n    id\n    eventCursor\n  }\n  chat(id: $chatId) {\n    id\n    messages(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...MessageRow\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}": types.HistoryDocument,
    "mutation Logout {\n  logout {\n    success\n  }\n}": types.LogoutDocument,
    "fragment MessageRow on Message {\n  id\n  sequence\n  text\n  createdAt\n  editedAt\n  deletedAt\n  author {\n    id\n    displayName\n  }\n}": types.MessageRowFragmentDoc,
    "mutation RefreshTokens($input: RefreshTokensInput!) {\n  refreshTokens(input: $input) {\n    __typename\n    ... on RefreshTokensPayload {\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n  }\n}": types.RefreshTokensDocument,
    "mutation Register($input: RegisterInput!) {\n  register(input: $input) {\n    __typename\n    ... on RegisterPayload {\n      viewer {\n        id\n        user {\n          id\n          username\n        }\n      }\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": types.RegisterDocument,
    "query SearchUsers($search: String!) {\n  users(search: $search, first: 5) {\n    edges {\n      node {\n        id\n        username\n        displayName\n      }\n    }\n  }\n}": types.SearchUsersDocument,
    "mutation SendMessage($input: SendMessageInput!) {\n  sendMessage(input: $input) {\n    __typename\n    ... on SendMessagePayload {\n      deduplicated\n      message {\n        ...MessageRow\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}": types.SendMessageDocument,
    "fragment Tokens on AuthTokens {\n  accessToken\n  accessTokenExpiresAt\n  refreshToken\n}": types.TokensFragmentDoc,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation CreateDirectChat($input: CreateDirectChatInput!) {\n  createDirectChat(input: $input) {\n    __typename\n    ... on CreateDirectChatPayload {\n      chat {\n        id\n        title\n        otherUser {\n          id\n          displayName\n        }\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"): (typeof documents)["mutation CreateDirectChat($input: CreateDirectChatInput!) {\n  createDirectChat(input: $input) {\n    __typename\n    ... on CreateDirectChatPayload {\n      chat {\n        id\n        title\n        otherUser {\n          id\n          displayName\n        }\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "subscription Events($after: String) {\n  events(after: $after) {\n    __typename\n    cursor\n    ... on MessageEvent {\n      chat {\n        id\n      }\n      message {\n        ...MessageRow\n      }\n    }\n    ... on MessageAdded {\n      messageEdge {\n        cursor\n        node {\n          id\n        }\n      }\n    }\n  }\n}"): (typeof documents)["subscription Events($after: String) {\n  events(after: $after) {\n    __typename\n    cursor\n    ... on MessageEvent {\n      chat {\n        id\n      }\n      message {\n        ...MessageRow\n      }\n    }\n    ... on MessageAdded {\n      messageEdge {\n        cursor\n        node {\n          id\n        }\n      }\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query History($chatId: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  viewer {\n    id\n    eventCursor\n  }\n  chat(id: $chatId) {\n    id\n    messages(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...MessageRow\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}"): (typeof documents)["query History($chatId: ID!, $first: Int, $after: String, $last: Int, $before: String) {\n  viewer {\n    id\n    eventCursor\n  }\n  chat(id: $chatId) {\n    id\n    messages(first: $first, after: $after, last: $last, before: $before) {\n      edges {\n        cursor\n        node {\n          ...MessageRow\n        }\n      }\n      pageInfo {\n        hasNextPage\n        hasPreviousPage\n        startCursor\n        endCursor\n      }\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Logout {\n  logout {\n    success\n  }\n}"): (typeof documents)["mutation Logout {\n  logout {\n    success\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment MessageRow on Message {\n  id\n  sequence\n  text\n  createdAt\n  editedAt\n  deletedAt\n  author {\n    id\n    displayName\n  }\n}"): (typeof documents)["fragment MessageRow on Message {\n  id\n  sequence\n  text\n  createdAt\n  editedAt\n  deletedAt\n  author {\n    id\n    displayName\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation RefreshTokens($input: RefreshTokensInput!) {\n  refreshTokens(input: $input) {\n    __typename\n    ... on RefreshTokensPayload {\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n  }\n}"): (typeof documents)["mutation RefreshTokens($input: RefreshTokensInput!) {\n  refreshTokens(input: $input) {\n    __typename\n    ... on RefreshTokensPayload {\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n    ... on RateLimitedError {\n      retryAfterMs\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation Register($input: RegisterInput!) {\n  register(input: $input) {\n    __typename\n    ... on RegisterPayload {\n      viewer {\n        id\n        user {\n          id\n          username\n        }\n      }\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"): (typeof documents)["mutation Register($input: RegisterInput!) {\n  register(input: $input) {\n    __typename\n    ... on RegisterPayload {\n      viewer {\n        id\n        user {\n          id\n          username\n        }\n      }\n      tokens {\n        ...Tokens\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query SearchUsers($search: String!) {\n  users(search: $search, first: 5) {\n    edges {\n      node {\n        id\n        username\n        displayName\n      }\n    }\n  }\n}"): (typeof documents)["query SearchUsers($search: String!) {\n  users(search: $search, first: 5) {\n    edges {\n      node {\n        id\n        username\n        displayName\n      }\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "mutation SendMessage($input: SendMessageInput!) {\n  sendMessage(input: $input) {\n    __typename\n    ... on SendMessagePayload {\n      deduplicated\n      message {\n        ...MessageRow\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"): (typeof documents)["mutation SendMessage($input: SendMessageInput!) {\n  sendMessage(input: $input) {\n    __typename\n    ... on SendMessagePayload {\n      deduplicated\n      message {\n        ...MessageRow\n      }\n    }\n    ... on UserError {\n      code\n      reason\n    }\n  }\n}"];
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "fragment Tokens on AuthTokens {\n  accessToken\n  accessTokenExpiresAt\n  refreshToken\n}"): (typeof documents)["fragment Tokens on AuthTokens {\n  accessToken\n  accessTokenExpiresAt\n  refreshToken\n}"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;