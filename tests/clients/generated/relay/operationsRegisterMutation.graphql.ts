/**
 * @generated SignedSource<<b895f413b058de33e2523bd18ec3f76d>>
 * @relayHash e701fcaad384e9083e13939fbb0fdd22
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 3566c341b5c492bd69c30c9b021aeb3f33401a62c9e2f61e8046a7bda9b05fa1

import type { ConcreteRequest } from 'relay-runtime';
export type ErrorCode = "CONFLICT" | "EMAIL_TAKEN" | "FORBIDDEN" | "IDEMPOTENCY_KEY_REUSED" | "INVALID_CREDENTIALS" | "INVALID_REFRESH_TOKEN" | "NOT_FOUND" | "RATE_LIMITED" | "USERNAME_TAKEN" | "VALIDATION_FAILED" | "%future added value";
export type RegisterInput = {
  deviceName?: string | null | undefined;
  displayName?: string | null | undefined;
  email: string;
  password: string;
  username: string;
};
export type operationsRegisterMutation$variables = {
  input: RegisterInput;
};
export type operationsRegisterMutation$data = {
  readonly register: {
    readonly __typename: string;
    readonly code?: ErrorCode;
    readonly reason?: string;
    readonly tokens?: {
      readonly accessToken: string;
      readonly accessTokenExpiresAt: string;
      readonly refreshToken: string;
    };
    readonly viewer?: {
      readonly id: string;
    };
  };
};
export type operationsRegisterMutation = {
  response: operationsRegisterMutation$data;
  variables: operationsRegisterMutation$variables;
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
    "name": "register",
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
            "concreteType": "Viewer",
            "kind": "LinkedField",
            "name": "viewer",
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
          },
          {
            "alias": null,
            "args": null,
            "concreteType": "AuthTokens",
            "kind": "LinkedField",
            "name": "tokens",
            "plural": false,
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "accessToken",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "accessTokenExpiresAt",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "refreshToken",
                "storageKey": null
              }
            ],
            "storageKey": null
          }
        ],
        "type": "RegisterPayload",
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
    "name": "operationsRegisterMutation",
    "selections": (v1/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsRegisterMutation",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "id": "3566c341b5c492bd69c30c9b021aeb3f33401a62c9e2f61e8046a7bda9b05fa1",
    "metadata": {},
    "name": "operationsRegisterMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "50af417f8d0be4fb205f9ef20910c881";

export default node;
