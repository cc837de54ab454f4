/**
 * @generated SignedSource<<b7f29e3b2954a6ef962094cc87aa0923>>
 * @relayHash d07d688ff48b4e251f33f6b50e02bc02
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 430fa96907efbbafa5c813b26b752fb18fa15f71560429b64d85d65fd2638a45

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
            "alias": "reason",
            "args": null,
            "kind": "ScalarField",
            "name": "message",
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
    "id": "430fa96907efbbafa5c813b26b752fb18fa15f71560429b64d85d65fd2638a45",
    "metadata": {},
    "name": "operationsCreateDirectChatMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "f3412807259fd20ddfa884fe27022a23";

export default node;
