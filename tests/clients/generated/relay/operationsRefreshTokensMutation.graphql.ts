/**
 * @generated SignedSource<<a9148e240ad565079ccafdebd8c37818>>
 * @relayHash 136d94b9f2651fb7c02215a55f82a868
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 427fa46f46ed5b196e2f770a5c1f377967f8b256814618692b88b787c9237283

import type { ConcreteRequest } from 'relay-runtime';
export type RefreshTokensInput = {
  refreshToken: string;
};
export type operationsRefreshTokensMutation$variables = {
  input: RefreshTokensInput;
};
export type operationsRefreshTokensMutation$data = {
  readonly refreshTokens: {
    readonly retryAfterMs?: number;
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
},
v3 = {
  "kind": "InlineFragment",
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "retryAfterMs",
      "storageKey": null
    }
  ],
  "type": "RateLimitedError",
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
          (v2/*:: as any*/),
          (v3/*:: as any*/)
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
          (v2/*:: as any*/),
          (v3/*:: as any*/)
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "id": "427fa46f46ed5b196e2f770a5c1f377967f8b256814618692b88b787c9237283",
    "metadata": {},
    "name": "operationsRefreshTokensMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "99836923d4784fbce53f20d8300acab6";

export default node;
