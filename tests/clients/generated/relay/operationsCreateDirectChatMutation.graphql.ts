/**
 * @generated SignedSource<<4c5b06b0145ac435d7ca39f5b4a4056d>>
 * @relayHash a762a88af9f7d8fc45c4fd2b8b65c2e9
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID c44d08d57d3088f8c0f39527253f4d3b4ec86635215be4fb85a9b85a6f5be2ee

import type { ConcreteRequest } from 'relay-runtime';
export type ErrorCode = "CONFLICT" | "EMAIL_TAKEN" | "FORBIDDEN" | "IDEMPOTENCY_KEY_REUSED" | "INVALID_CREDENTIALS" | "INVALID_REFRESH_TOKEN" | "NOT_FOUND" | "RATE_LIMITED" | "USERNAME_TAKEN" | "VALIDATION_FAILED" | "%future added value";
export type CreateDirectChatInput = {
  userId: string;
};
export type operationsCreateDirectChatMutation$variables = {
  input: CreateDirectChatInput;
};
export type operationsCreateDirectChatMutation$data = {
  readonly createDirectChat: {
    readonly __typename: string;
    readonly chat?: {
      readonly id: string;
    };
    readonly code?: ErrorCode;
    readonly reason?: string;
  };
};
export type operationsCreateDirectChatMutation = {
  response: operationsCreateDirectChatMutation$data;
  variables: operationsCreateDirectChatMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "input"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Variable",
        "name": "input",
        "variableName": "input"
      }
    ],
    "concreteType": null,
    "kind": "LinkedField",
    "name": "createDirectChat",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "__typename",
        "storageKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": [
          {
            "alias": null,
            "args": null,
            "concreteType": "Chat",
            "kind": "LinkedField",
            "name": "chat",
            "plural": false,
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "id",
                "storageKey": null
              }
            ],
            "storageKey": null
          }
        ],
        "type": "CreateDirectChatPayload",
        "abstractKey": null
      },
      {
        "kind": "InlineFragment",
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "code",
            "storageKey": null
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "reason",
            "storageKey": null
          }
        ],
        "type": "UserError",
        "abstractKey": "__isUserError"
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsCreateDirectChatMutation",
    "selections": (v1/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsCreateDirectChatMutation",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "id": "c44d08d57d3088f8c0f39527253f4d3b4ec86635215be4fb85a9b85a6f5be2ee",
    "metadata": {},
    "name": "operationsCreateDirectChatMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "91017f93b18fa0a09f7e69f02f6dad88";

export default node;
