/**
 * @generated SignedSource<<c8623883688d35ef449a1b637727b324>>
 * @lightSyntaxTransform
 */

/* tslint:disable */
/* eslint-disable */
// @ts-nocheck

import type { ReaderFragment } from 'relay-runtime';
import type { FragmentRefs } from "relay-runtime";
export type HistoryRow_message$data = {
  readonly author: {
    readonly displayName: string;
  } | null | undefined;
  readonly deletedAt: string | null | undefined;
  readonly editedAt: string | null | undefined;
  readonly text: string | null | undefined;
  readonly " $fragmentType": "HistoryRow_message";
};
export type HistoryRow_message$key = {
  readonly " $data"?: HistoryRow_message$data;
  readonly " $fragmentSpreads": FragmentRefs<"HistoryRow_message">;
};

const node: ReaderFragment = {
  "argumentDefinitions": [],
  "kind": "Fragment",
  "metadata": null,
  "name": "HistoryRow_message",
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "text",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "editedAt",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "deletedAt",
      "storageKey": null
    },
    {
      "alias": null,
      "args": null,
      "concreteType": "User",
      "kind": "LinkedField",
      "name": "author",
      "plural": false,
      "selections": [
        {
          "alias": null,
          "args": null,
          "kind": "ScalarField",
          "name": "displayName",
          "storageKey": null
        }
      ],
      "storageKey": null
    }
  ],
  "type": "Message",
  "abstractKey": null
};

(node as any).hash = "cd165fc4f8da95623e92d6d37d46359e";

export default node;
