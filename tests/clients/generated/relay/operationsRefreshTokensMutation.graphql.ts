/**
 * @generated SignedSource<<5f9b6d0c15b33fe341fd8833d19e5ba0>>
 * @relayHash b92d58976ea376ca42d46510072b500e
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID f397c5853bdefc06eb4627279484c691616c8ac477e639bda0bf12ba4b9cbaad

import type { ConcreteRequest } from 'relay-runtime';
export type RefreshTokensInput = {
  refreshToken: string;
};
export type operationsRefreshTokensMutation$variables = {
  input: RefreshTokensInput;
};
export type operationsRefreshTokensMutation$data = {
  readonly refreshTokens: {
    readonly tokens?: {
      readonly accessToken: string;
      readonly accessTokenExpiresAt: string;
      readonly refreshToken: string;
    };
  };
};
export type operationsRefreshTokensMutation = {
  response: operationsRefreshTokensMutation$data;
  variables: operationsRefreshTokensMutation$variables;
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
    "kind": "Variable",
    "name": "input",
    "variableName": "input"
  }
],
v2 = {
  "kind": "InlineFragment",
  "selections": [
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
  "type": "RefreshTokensPayload",
  "abstractKey": null
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsRefreshTokensMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "refreshTokens",
        "plural": false,
        "selections": [
          (v2/*:: as any*/)
        ],
        "storageKey": null
      }
    ],
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsRefreshTokensMutation",
    "selections": [
      {
        "alias": null,
        "args": (v1/*:: as any*/),
        "concreteType": null,
        "kind": "LinkedField",
        "name": "refreshTokens",
        "plural": false,
        "selections": [
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "__typename",
            "storageKey": null
          },
          (v2/*:: as any*/)
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "id": "f397c5853bdefc06eb4627279484c691616c8ac477e639bda0bf12ba4b9cbaad",
    "metadata": {},
    "name": "operationsRefreshTokensMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "d21223a4c6d1d4d9a02c8507aa82a403";

export default node;
