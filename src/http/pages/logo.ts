/** Two people talking: the mark of the pages. */
export const logo =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">' +
  '<path fill="#6366f1" d="M6 3h15a4 4 0 0 1 4 4v7a4 4 0 0 1-4 4h-9l-6 5v-5a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z"/>' +
  '<path fill="#14b8a6" d="M28 11.5a4 4 0 0 1 2 3.5v6a4 4 0 0 1-4 4v4.5L20.5 25H14a4 4 0 0 1-3.4-1.900l3-2.600H21a6 6 0 0 0 6-6v-3z"/>' +
  '</svg>'

export const favicon = `data:image/svg+xml,${encodeURIComponent(logo)}`
