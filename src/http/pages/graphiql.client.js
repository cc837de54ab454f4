// @ts-check

/**
 * What GraphiQL lacks for a server with logins: it keeps the session of a login, sends it with every
 * request and subscription, and fills ids from earlier answers into the variables of later tabs.
 * Served as it is: plain JavaScript for the browser.
 */
;(() => {
  /** @type {any} What the other scripts of the page define: YogaGraphiQL, graphqlWs and monaco. */
  const page = globalThis
  const config = JSON.parse(element('config').textContent ?? '')
  const endpoint = new URL(config.endpoint, location.href)

  /** @param {string} id */
  function element(id) {
    const found = document.getElementById(id)
    if (found === null) throw new Error(`The page has no #${id}.`)
    return found
  }

  // ------------------------------------------------------------------ storage

  /**
   * GraphiQL's own state, under names of ours: another GraphiQL that ran on the same origin, as many do
   * on localhost, would otherwise leave its tabs here.
   */
  const prefix = 'parley:'
  const storage = {
    /** @param {string} key @returns {string | null} */
    getItem(key) {
      if (key === 'graphiql:headers') return headersOfOpenTab()
      const value = localStorage.getItem(prefix + key)
      return key === 'graphiql:tabState' ? mapTabs(value, (tab) => tabHeaders()[tab.id] ?? null) : value
    },
    /** @param {string} key @param {string} value */
    setItem(key, value) {
      if (key === 'graphiql:headers') return
      if (key !== 'graphiql:tabState') return localStorage.setItem(prefix + key, value)
      /** @type {Record<string, unknown>} */
      const headers = {}
      const others = mapTabs(value, (tab) => {
        headers[tab.id] = tab.headers
        return null
      })
      sessionStorage.setItem(`${prefix}tabHeaders`, JSON.stringify(headers))
      localStorage.setItem(prefix + key, others ?? value)
    },
    /** @param {string} key */
    removeItem(key) {
      localStorage.removeItem(prefix + key)
    },
    clear() {
      for (const key of Object.keys(localStorage)) if (key.startsWith(prefix)) localStorage.removeItem(key)
      sessionStorage.removeItem(`${prefix}tabHeaders`)
    },
    get length() {
      return Object.keys(localStorage).filter((key) => key.startsWith(prefix)).length
    },
  }

  /** Headers may be secrets. They are kept as the session is: over a reload, for this browser tab only. */
  function tabHeaders() {
    return readJson(sessionStorage, 'tabHeaders') ?? {}
  }

  /** GraphiQL would save them a moment apart from its tabs, and open a tab more for headers that fit none. */
  function headersOfOpenTab() {
    const { tabs, activeTabIndex } = readJson(localStorage, 'graphiql:tabState') ?? {}
    return tabHeaders()[tabs?.[activeTabIndex]?.id] ?? null
  }

  /**
   * The state of GraphiQL's tabs with other headers.
   * @param {string | null} json @param {(tab: any) => unknown} headersOf
   */
  function mapTabs(json, headersOf) {
    try {
      const state = JSON.parse(json ?? 'null')
      if (!Array.isArray(state?.tabs)) return json
      const tabs = state.tabs.map((/** @type {any} */ tab) => ({ ...tab, headers: headersOf(tab) }))
      return JSON.stringify({ ...state, tabs })
    } catch {
      return json
    }
  }

  /** @param {Storage} where @param {string} key */
  function readJson(where, key) {
    try {
      return JSON.parse(where.getItem(prefix + key) ?? 'null')
    } catch {
      return null
    }
  }

  // ------------------------------------------------------------------ session

  /** @typedef {{ accessToken: string, expiresAt: number | null, refreshToken: string | null, username: string | null }} Session */

  /** @type {Session | null} For this browser tab only: two tabs can be two people. */
  let session = readJson(sessionStorage, 'session')

  /** Whether the last session ended by itself. */
  let hasEnded = false

  /** @param {Session | null} next */
  function setSession(next) {
    session = next
    hasEnded = false
    if (next === null) sessionStorage.removeItem(`${prefix}session`)
    else sessionStorage.setItem(`${prefix}session`, JSON.stringify(next))
    showSession()
  }

  /** @param {any} tokens @param {string | null} username */
  function adoptTokens(tokens, username) {
    if (typeof tokens?.accessToken !== 'string') return false
    const expiresAt = Date.parse(tokens.accessTokenExpiresAt)
    setSession({
      accessToken: tokens.accessToken,
      expiresAt: Number.isNaN(expiresAt) ? null : expiresAt,
      refreshToken: tokens.refreshToken ?? null,
      username,
    })
    return true
  }

  /** @type {Promise<boolean> | null} A refresh token works once: requests at a time share one refresh. */
  let refreshing = null

  /** Whether the session has a fresh access token now. One that cannot go on is over. */
  function refresh() {
    refreshing ??= requestTokens().finally(() => {
      refreshing = null
    })
    return refreshing
  }

  async function requestTokens() {
    const { refreshToken = null, username = null } = session ?? {}
    if (refreshToken !== null) {
      const query = `mutation RefreshTokens($input: RefreshTokensInput!) {
        refreshTokens(input: $input) {
          ... on RefreshTokensPayload { tokens { accessToken accessTokenExpiresAt refreshToken } }
        }
      }`
      const result = await post({ query, variables: { input: { refreshToken } } }, {})
      if (adoptTokens(result.data?.refreshTokens?.tokens, username)) return true
    }
    setSession(null)
    hasEnded = true
    return false
  }

  /**
   * What to send as `authorization`; the headers editor wins over the session.
   * @param {Record<string, string>} headers @returns {Promise<string | null>}
   */
  async function authorization(headers) {
    const own = ownAuthorization(headers)
    if (own !== null) return own
    const aboutToExpire = session?.expiresAt != null && session.expiresAt < Date.now() + 5_000
    if (aboutToExpire) await refresh()
    return session === null ? null : `Bearer ${session.accessToken}`
  }

  /** @param {Record<string, string>} headers */
  function ownAuthorization(headers) {
    const entry = Object.entries(headers).find(([name]) => name.toLowerCase() === 'authorization')
    return entry === undefined || entry[1] === '' ? null : entry[1]
  }

  async function signOut() {
    const headers = { authorization: `Bearer ${session?.accessToken}` }
    setSession(null)
    hint('')
    await post({ query: 'mutation LogOut { logout { success } }' }, headers).catch(() => {})
  }

  // ------------------------------------------------------------------ status bar

  /** @param {string} text */
  function hint(text) {
    element('hint').textContent = text
  }

  function showSession() {
    element('session').textContent =
      session === null ? 'Not signed in' : `Signed in as ${session.username ?? 'yourself'}`
    element('session').classList.toggle('on', session !== null)
    element('sign-out').hidden = session === null
  }

  // ------------------------------------------------------------------ ids from answers

  /**
   * What later tabs need, as seen in answers; and every value that the page has filled in, so that it
   * may replace it again, but never what somebody typed.
   * @type {{ values: Record<string, string>, filled: string[] }}
   */
  const seen = readJson(localStorage, 'seen') ?? { values: {}, filled: [] }

  /** @param {string} name @param {unknown} value */
  function see(name, value) {
    if (typeof value !== 'string' || seen.values[name] === value) return
    seen.values[name] = value
    saveSeen()
  }

  function saveSeen() {
    seen.filled = seen.filled.slice(-50)
    storage.setItem('seen', JSON.stringify(seen))
  }

  /** @param {any} data */
  function seeIds(data) {
    see('userId', data.user?.id)
    see('userId', data.users?.edges?.find((/** @type {any} */ edge) => !edge.node.isViewer)?.node.id)
    const chats = data.viewer?.chats?.edges?.map((/** @type {any} */ edge) => edge.node.id) ?? []
    // Somebody else's chat, or one of a database that is gone, gives way to one of the viewer's own.
    if (!chats.includes(seen.values['chatId'])) see('chatId', chats[0])
    see('chatId', (data.createDirectChat ?? data.createGroupChat)?.chat?.id)
  }

  /**
   * JSON with the known ids where a variable of that name is empty, or was filled in by us before.
   * @param {string} json @param {Record<string, string>} values
   */
  function fill(json, values) {
    return json.replace(/("(\w+)"\s*:\s*)"([^"\\]*)"/g, (whole, start, name, old) => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined
      if (value === undefined || (old !== '' && !seen.filled.includes(old))) return whole
      // A message's id stays until somebody empties it: sending twice shows what it is good for.
      if (name !== 'clientMessageId' && !seen.filled.includes(value)) seen.filled.push(value)
      return `${start}"${value}"`
    })
  }

  /** @param {Record<string, string>} [values] */
  function fillEditor(values = withNewMessageId()) {
    const models = page.monaco?.editor.getModels() ?? []
    const model = models.find((/** @type {any} */ candidate) => candidate.uri.path.endsWith('variables.json'))
    if (model === undefined) return
    const text = model.getValue()
    const next = fill(text, values)
    if (next === text) return
    model.setValue(next)
    saveSeen()
  }

  function withNewMessageId() {
    const bytes = crypto.getRandomValues(new Uint8Array(12))
    const clientMessageId = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return { ...seen.values, clientMessageId }
  }

  // ------------------------------------------------------------------ requests

  /** @param {object} body @param {Record<string, string>} headers */
  async function post(body, headers) {
    const accept = 'application/graphql-response+json, application/json;q=0.9'
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...headers },
      body: JSON.stringify(body),
    })
    return response.json()
  }

  /** @param {any} result */
  function isUnauthenticated(result) {
    return result.errors?.some((/** @type {any} */ error) => error.extensions?.code === 'UNAUTHENTICATED')
  }

  /** @param {any} payload @param {Record<string, string>} headers */
  async function request(payload, headers) {
    const others = Object.fromEntries(
      Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
    )
    const send = async () => {
      const token = await authorization(headers)
      return post(payload, token === null ? others : { ...others, authorization: token })
    }
    const result = await send()
    // Refused before anything ran, so it may be sent again: the token was revoked, or a clock is wrong.
    const stale = isUnauthenticated(result) && session !== null && ownAuthorization(headers) === null
    return stale && (await refresh()) ? send() : result
  }

  /** @param {any} result @param {Record<string, string>} headers */
  function learn(result, headers) {
    const data = result.data ?? {}
    hint(adviceOn(result, headers))
    const login = data.login ?? data.register
    if (adoptTokens(login?.tokens, login?.viewer?.user?.username ?? null)) {
      hint('Every tab now uses this login.')
    }
    if (data.refreshTokens?.tokens) adoptTokens(data.refreshTokens.tokens, session?.username ?? null)
    if (data.logout?.success && ownAuthorization(headers) === null) setSession(null)
    seeIds(data)
    fillEditor()
  }

  /** @param {any} result @param {Record<string, string>} headers */
  function adviceOn(result, headers) {
    if (isUnauthenticated(result)) {
      if (ownAuthorization(headers) !== null) {
        return 'The authorization header in the headers editor was refused: correct it or take it out.'
      }
      return hasEnded
        ? 'Your session is over: log in again with the first tab.'
        : 'Log in first: run the first tab.'
    }
    if (result.data?.viewer === null) return 'Nobody is signed in: run the first tab.'
    const codes = Object.values(result.data ?? {}).map((value) => value?.code)
    if (codes.includes('IDEMPOTENCY_KEY_REUSED')) {
      return 'That clientMessageId is taken by another text: empty it, and the page makes up a new one.'
    }
    if (codes.includes('NOT_FOUND') || result.data?.chat === null) {
      return 'Not found, or not yours: run the tabs before this one, they fill in the ids.'
    }
    return ''
  }

  // ------------------------------------------------------------------ subscriptions

  /**
   * An observable, which is one of the things GraphiQL takes from a fetcher.
   * @param {any} payload @param {Record<string, string>} headers
   */
  function subscription(payload, headers) {
    return {
      /** @param {any} sink */
      subscribe(sink) {
        const client = connect(headers)
        let received = 0
        /** @param {readonly any[]} errors */
        const fail = (errors) => {
          hint(adviceOn({ errors }, headers))
          sink.next({ errors })
          sink.complete()
          client.dispose()
        }
        const stop = client.subscribe(payload, {
          next(/** @type {any} */ result) {
            received++
            hint(`Subscribed: ${received} received, the latest is shown.`)
            sink.next(result)
          },
          error: (/** @type {any} */ error) => fail(Array.isArray(error) ? error : [describe(error)]),
          complete() {
            hint('')
            sink.complete()
            client.dispose()
          },
        })
        return { unsubscribe: stop }
      },
    }
  }

  /** @param {any} error A socket that closed for good, or anything else. */
  function describe(error) {
    const closed = typeof error?.code === 'number'
    const message = closed ? `The socket was closed: ${error.code} ${error.reason}` : String(error)
    const refused = closed && error.code === 4403
    return refused ? { message, extensions: { code: 'UNAUTHENTICATED' } } : { message }
  }

  /** @param {Record<string, string>} headers */
  function connect(headers) {
    let refused = false
    const url = new URL(endpoint)
    url.protocol = url.protocol.replace('http', 'ws')
    return page.graphqlWs.createClient({
      url: url.href,
      async connectionParams() {
        if (refused) await refresh()
        const token = await authorization(headers)
        return token === null ? {} : { authorization: token }
      },
      on: {
        connected: () => hint('Subscribed: waiting for something to happen.'),
        closed(/** @type {any} */ event) {
          refused = event.code === 4403
        },
      },
      // A token from the headers editor does not get better; the session's is refreshed first.
      shouldRetry: (/** @type {any} */ event) =>
        event.code !== 4403 || (session !== null && ownAuthorization(headers) === null),
    })
  }

  // ------------------------------------------------------------------ GraphiQL

  /** @param {any} params @param {any} [options] */
  function fetcher({ query, variables, operationName }, options = {}) {
    const headers = options.headers ?? {}
    // The schema is the same for everyone; a token that is over must not keep it away.
    if (operationName === 'IntrospectionQuery') return post({ query, operationName }, {}).finally(fillEditor)
    const values = withNewMessageId()
    fillEditor(values)
    const filled = JSON.parse(fill(JSON.stringify(variables ?? {}), values))
    const operation = chooseOperation(query, operationName)
    const payload = { query, operationName: operation?.name, variables: filled }
    hint('')
    if (operation?.type === 'subscription') {
      return subscription(payload, headers)
    }
    return request(payload, headers).then((result) => {
      learn(result, headers)
      return result
    })
  }

  /**
   * GraphiQL finds out what is in an editor a moment after the text has changed: whoever opens a tab and runs it at once
   * sends the new text with the name of the operation before.
   * @param {string} query @param {string | undefined} name
   */
  function chooseOperation(query, name) {
    const operations = operationsOf(query)
    const named = operations.find((operation) => operation.name === name)
    return named ?? (operations.length === 1 ? operations[0] : { type: undefined, name })
  }

  /** @param {string} query */
  function operationsOf(query) {
    const text = query.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*/g, ' ')
    /** @type {{ type: string, name?: string }[]} */
    const operations = []
    let depth = 0
    /** What kind of definition we are in: its first word. */
    let definition = ''
    for (const [token] of text.matchAll(/[{}()]|@?[A-Za-z_]\w*/g)) {
      const last = operations.at(-1)
      if (/[{(]/.test(token)) {
        if (definition === '') {
          definition = 'query'
          operations.push({ type: definition })
        }
        depth++
      } else if (/[})]/.test(token)) {
        depth--
        if (depth === 0 && token === '}') definition = ''
      } else if (depth === 0 && definition === '') {
        definition = token
        if (token !== 'fragment') operations.push({ type: token })
      } else if (depth === 0 && definition === last?.type && !token.startsWith('@')) last.name ??= token
    }
    return operations
  }

  let openTab = ''

  /** @param {any} state Called for every keystroke, too. */
  function onTabChange({ tabs, activeTabIndex }) {
    const { id } = tabs[activeTabIndex]
    if (id === openTab) return
    openTab = id
    hint('')
    // Once GraphiQL is done with the editors.
    setTimeout(fillEditor)
  }

  function restartTour() {
    storage.clear()
    // GraphiQL saves its tabs a moment after a change: a tab that is going away must not put them back.
    storage.setItem = () => {}
    location.reload()
  }

  page.MonacoEnvironment = {
    globalAPI: true,
    getWorkerUrl: (/** @type {string} */ _module, /** @type {string} */ label) =>
      config.workers[label] ?? config.workers.editorWorkerService,
  }

  element('sign-out').addEventListener('click', signOut)
  element('restart').addEventListener('click', restartTour)
  showSession()

  // This script runs before GraphiQL's, which reads the environment above as it loads.
  document.addEventListener('DOMContentLoaded', () => {
    page.monaco.editor.onDidCreateEditor((/** @type {any} */ editor) =>
      editor.updateOptions({ wordWrap: 'on' }),
    )
    const isFirstVisit = storage.getItem('graphiql:tabState') === null
    page.YogaGraphiQL.renderYogaGraphiQL(element('root'), {
      fetcher,
      storage,
      onTabChange,
      defaultTabs: config.tabs,
      // It forgets those of the tab it opens first; later it would take them for another tab.
      variables: isFirstVisit ? config.tabs[0].variables : undefined,
      // By the storage above.
      shouldPersistHeaders: true,
      // Its default writes the query into the address, which a reload then sends as a request.
      onEditQuery() {},
      title: 'Parley',
      logo: config.logo,
    })
  })
})()
