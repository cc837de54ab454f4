/**
 * A name folded for search: compatibility-decomposed, marks dropped, lower case. "José" is found by
 * "jose", full-width letters by plain ones.
 */
export function searchKey(name: string): string {
  return name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}
