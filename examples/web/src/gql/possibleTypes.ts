export const possibleTypes = {
  "AddChatMembersResult": [
    "AddChatMembersPayload",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "ValidationError"
  ],
  "AddReactionResult": [
    "AddReactionPayload",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "ValidationError"
  ],
  "BlockUserResult": [
    "BlockUserPayload",
    "NotFoundError",
    "ValidationError"
  ],
  "ChangeEmailResult": [
    "AuthenticationError",
    "ChangeEmailPayload",
    "ConflictError",
    "RateLimitedError",
    "ValidationError"
  ],
  "ChangePasswordResult": [
    "AuthenticationError",
    "ChangePasswordPayload",
    "RateLimitedError",
    "ValidationError"
  ],
  "ChatActionEvent": [
    "ChatCleared",
    "ChatHistoryVisibilityChanged",
    "ChatRenamed",
    "MemberAdded",
    "MemberRemoved",
    "MemberRoleChanged"
  ],
  "ChatEvent": [
    "AccountErased",
    "ChatCleared",
    "ChatCreated",
    "ChatHistoryVisibilityChanged",
    "ChatMuted",
    "ChatRead",
    "ChatRenamed",
    "MemberAdded",
    "MemberRemoved",
    "MemberRoleChanged",
    "MessageAdded",
    "MessageDeleted",
    "MessageEdited",
    "ReactionAdded",
    "ReactionRemoved"
  ],
  "ClearChatResult": [
    "ClearChatPayload",
    "ForbiddenError",
    "NotFoundError"
  ],
  "CreateDirectChatResult": [
    "CreateDirectChatPayload",
    "ForbiddenError",
    "NotFoundError",
    "ValidationError"
  ],
  "CreateGroupChatResult": [
    "CreateGroupChatPayload",
    "NotFoundError",
    "ValidationError"
  ],
  "DeleteAccountResult": [
    "AuthenticationError",
    "DeleteAccountPayload",
    "RateLimitedError"
  ],
  "DeleteChatResult": [
    "DeleteChatPayload",
    "ForbiddenError",
    "NotFoundError"
  ],
  "DeleteMessageResult": [
    "DeleteMessagePayload",
    "ForbiddenError",
    "NotFoundError"
  ],
  "EditMessageResult": [
    "ConflictError",
    "EditMessagePayload",
    "ForbiddenError",
    "NotFoundError",
    "ValidationError"
  ],
  "Event": [
    "AccountErased",
    "CaughtUp",
    "ChatCleared",
    "ChatCreated",
    "ChatDeleted",
    "ChatHistoryVisibilityChanged",
    "ChatMuted",
    "ChatRead",
    "ChatRenamed",
    "MemberAdded",
    "MemberRemoved",
    "MemberRoleChanged",
    "MessageAdded",
    "MessageDeleted",
    "MessageEdited",
    "ReactionAdded",
    "ReactionRemoved",
    "UserUpdated"
  ],
  "LeaveChatResult": [
    "ForbiddenError",
    "LeaveChatPayload",
    "NotFoundError"
  ],
  "LoginResult": [
    "AuthenticationError",
    "LoginPayload",
    "RateLimitedError",
    "ValidationError"
  ],
  "MarkChatReadResult": [
    "MarkChatReadPayload",
    "NotFoundError",
    "ValidationError"
  ],
  "MessageEvent": [
    "MessageAdded",
    "MessageDeleted",
    "MessageEdited",
    "ReactionAdded",
    "ReactionRemoved"
  ],
  "MuteChatResult": [
    "MuteChatPayload",
    "NotFoundError"
  ],
  "Node": [
    "Chat",
    "ChatMember",
    "DataExport",
    "Message",
    "Session",
    "User",
    "Viewer"
  ],
  "RefreshTokensResult": [
    "AuthenticationError",
    "RateLimitedError",
    "RefreshTokensPayload"
  ],
  "RegisterResult": [
    "ConflictError",
    "RateLimitedError",
    "RegisterPayload",
    "ValidationError"
  ],
  "RemoveChatMemberResult": [
    "ForbiddenError",
    "NotFoundError",
    "RemoveChatMemberPayload",
    "ValidationError"
  ],
  "RemoveReactionResult": [
    "NotFoundError",
    "RemoveReactionPayload",
    "ValidationError"
  ],
  "RenameChatResult": [
    "ForbiddenError",
    "NotFoundError",
    "RenameChatPayload",
    "ValidationError"
  ],
  "RequestDataExportResult": [
    "RateLimitedError",
    "RequestDataExportPayload"
  ],
  "RevokeSessionResult": [
    "NotFoundError",
    "RevokeSessionPayload"
  ],
  "SendMessageResult": [
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "SendMessagePayload",
    "ValidationError"
  ],
  "SetChatHistoryVisibilityResult": [
    "ForbiddenError",
    "NotFoundError",
    "SetChatHistoryVisibilityPayload"
  ],
  "SetChatMemberRoleResult": [
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "SetChatMemberRolePayload"
  ],
  "SetTypingResult": [
    "ForbiddenError",
    "NotFoundError",
    "SetTypingPayload"
  ],
  "UnblockUserResult": [
    "NotFoundError",
    "UnblockUserPayload",
    "ValidationError"
  ],
  "UpdateProfileResult": [
    "ConflictError",
    "UpdateProfilePayload",
    "ValidationError"
  ],
  "UserError": [
    "AuthenticationError",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "RateLimitedError",
    "ValidationError"
  ]
}
