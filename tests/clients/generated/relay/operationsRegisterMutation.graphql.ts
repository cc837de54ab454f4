/**
 * @generated SignedSource<<f9cc82397f8e1ab1a3c81779af79c84c>>
 * @relayHash 9b6b098eb788d66bc7a89c4036adadc5
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID eaf48ed41fac695a6d9545651ac46fb02d23eaab498ace7028651a7a5752871c

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
    "id": "eaf48ed41fac695a6d9545651ac46fb02d23eaab498ace7028651a7a5752871c",
    "metadata": {},
    "name": "operationsRegisterMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "1bb5df5bcb8da788fc51deb4d0130245";

export default node;
