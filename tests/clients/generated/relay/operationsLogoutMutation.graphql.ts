/**
 * @generated SignedSource<<b74ee9c66bcc48f43d89f7fdadb5672f>>
 * @relayHash fa49b42bbb58340ddf9b550d9333d9a5
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 538c41b4f43d5905f2d3448f089c9852ae624c034d8d405ff6afc22237c582b8

import type { ConcreteRequest } from 'relay-runtime';
export type operationsLogoutMutation$variables = Record<PropertyKey, never>;
export type operationsLogoutMutation$data = {
  readonly logout: {
    readonly success: boolean;
  };
};
export type operationsLogoutMutation = {
  response: operationsLogoutMutation$data;
  variables: operationsLogoutMutation$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "alias": null,
    "args": null,
    "concreteType": "LogoutPayload",
    "kind": "LinkedField",
    "name": "logout",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "kind": "ScalarField",
        "name": "success",
        "storageKey": null
      }
    ],
    "storageKey": null
  }
];
return {
  "fragment": {
    "argumentDefinitions": [],
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsLogoutMutation",
    "selections": (v0/*:: as any*/),
    "type": "Mutation",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": [],
    "kind": "Operation",
    "name": "operationsLogoutMutation",
    "selections": (v0/*:: as any*/)
  },
  "params": {
    "id": "538c41b4f43d5905f2d3448f089c9852ae624c034d8d405ff6afc22237c582b8",
    "metadata": {},
    "name": "operationsLogoutMutation",
    "operationKind": "mutation",
    "text": null
  }
};
})();

(node as any).hash = "00d02d5d4095f5bb708407e4af8f6c79";

export default node;
