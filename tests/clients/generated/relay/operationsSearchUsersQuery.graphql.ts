/**
 * @generated SignedSource<<1476e95f68ec86f7d35f567f9ad14afd>>
 * @relayHash 39a33f0958cf1bb631df3f4bc8c41ddc
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

// @relayRequestID 162e2668c52296f257efcfc5fd9c989dd7276590df3d6574828b59d324abe8f7

import type { ConcreteRequest } from 'relay-runtime';
export type operationsSearchUsersQuery$variables = {
  search: string;
};
export type operationsSearchUsersQuery$data = {
  readonly users: {
    readonly edges: ReadonlyArray<{
      readonly node: {
        readonly id: string;
        readonly username: string;
      };
    }>;
  };
};
export type operationsSearchUsersQuery = {
  response: operationsSearchUsersQuery$data;
  variables: operationsSearchUsersQuery$variables;
};

const node: ConcreteRequest = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "search"
  }
],
v1 = [
  {
    "alias": null,
    "args": [
      {
        "kind": "Literal",
        "name": "first",
        "value": 5
      },
      {
        "kind": "Variable",
        "name": "search",
        "variableName": "search"
      }
    ],
    "concreteType": "UserConnection",
    "kind": "LinkedField",
    "name": "users",
    "plural": false,
    "selections": [
      {
        "alias": null,
        "args": null,
        "concreteType": "UserEdge",
        "kind": "LinkedField",
        "name": "edges",
        "plural": true,
        "selections": [
          {
            "alias": null,
            "args": null,
            "concreteType": "User",
            "kind": "LinkedField",
            "name": "node",
            "plural": false,
            "selections": [
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "id",
                "storageKey": null
              },
              {
                "alias": null,
                "args": null,
                "kind": "ScalarField",
                "name": "username",
                "storageKey": null
              }
            ],
            "storageKey": null
          }
        ],
        "storageKey": null
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
    "name": "operationsSearchUsersQuery",
    "selections": (v1/*:: as any*/),
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsSearchUsersQuery",
    "selections": (v1/*:: as any*/)
  },
  "params": {
    "id": "162e2668c52296f257efcfc5fd9c989dd7276590df3d6574828b59d324abe8f7",
    "metadata": {},
    "name": "operationsSearchUsersQuery",
    "operationKind": "query",
    "text": null
  }
};
})();

(node as any).hash = "86af9066c528388411c116d3787ad5bb";

export default node;
