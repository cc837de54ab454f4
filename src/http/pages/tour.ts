/** An operation that GraphiQL opens in a tab of its own. */
export interface TourTab {
  readonly query: string
  /** As JSON. The page fills in ids that are empty. */
  readonly variables?: string
}

/**
 * The tabs a first-time visitor finds: each works as it stands, in this order. Ids are never copied by
 * hand: the page keeps those it sees in answers and fills them in where a variable is empty (see
 * graphiql.client.js). Without demo data there is nobody to talk to yet, so the visitor makes an
 * account and a chat of their own.
 */
export function createTour(options: { demo: boolean }): readonly TourTab[] {
  const steps = options.demo
    ? [logIn, whoAmI, findPeople, openChat, readChat, sendMessage, subscribe]
    : [register, whoAmI, findPeople, newGroup, readChat, sendMessage, subscribe]
  return steps.map(({ title, about, query, variables }, index) => {
    // On one line, which the editor wraps at whatever width it has.
    const comment = `# ${index + 1} of ${steps.length}: ${title}\n#\n# ${about.join(' ')}`
    const tab = { query: `${comment}\n\n${query.trim()}\n` }
    return variables === undefined ? tab : { ...tab, variables: JSON.stringify(variables, null, 2) }
  })
}

interface Step {
  readonly title: string
  /** What it shows and what to do, in a few sentences. */
  readonly about: readonly string[]
  readonly query: string
  readonly variables?: object
}

const logIn: Step = {
  title: 'log in',
  about: [
    'Press the play button, or Ctrl-Enter. The page keeps the tokens of the',
    'answer, for this browser tab only, and sends everything as alice from',
    'then on: watch the bar at the top. The other demo accounts are bob and',
    'charlie, with the same password. Then go on with the next tab.',
  ],
  query: `
mutation LogIn($input: LoginInput!) {
  login(input: $input) {
    ... on LoginPayload {
      viewer {
        user {
          username
          displayName
        }
      }
      tokens {
        accessToken
        accessTokenExpiresAt
        refreshToken
      }
    }
    ... on UserError {
      code
      reason
    }
  }
}`,
  variables: { input: { identifier: 'alice', password: 'Password123', deviceName: 'GraphiQL' } },
}

const register: Step = {
  title: 'make an account',
  about: [
    'Press the play button, or Ctrl-Enter. The page keeps the tokens of the',
    'answer, for this browser tab only, and sends everything as you from then',
    'on: watch the bar at the top. Change the variables below as you like;',
    'an input that breaks a rule gives ValidationError, with every problem.',
  ],
  query: `
mutation Register($input: RegisterInput!) {
  register(input: $input) {
    ... on RegisterPayload {
      viewer {
        user {
          username
          displayName
        }
      }
      tokens {
        accessToken
        accessTokenExpiresAt
        refreshToken
      }
    }
    ... on ValidationError {
      issues {
        path
        message
      }
    }
    ... on UserError {
      code
      reason
    }
  }
}`,
  variables: {
    input: {
      username: 'alice',
      email: 'alice@example.com',
      password: 'Choose1OfYourOwn',
      deviceName: 'GraphiQL',
    },
  },
}

const whoAmI: Step = {
  title: 'who am I?',
  about: [
    'The viewer is whoever is asking, with all that is theirs alone. Chats come',
    'as a connection, newest activity first. eventCursor is where the event log',
    'stands now: show this answer, then subscribe after the cursor, and nothing',
    'that happens in between is missed.',
  ],
  query: `
query WhoAmI {
  viewer {
    user {
      id
      username
      displayName
    }
    email
    unreadCount
    eventCursor
    chats(first: 10) {
      edges {
        node {
          id
          kind
          title
          unreadCount
          members(first: 2) {
            edges {
              node {
                user {
                  username
                }
              }
            }
          }
          lastMessage {
            text
            createdAt
            author {
              username
            }
          }
        }
      }
      pageInfo {
        hasNextPage
        endCursor
      }
    }
  }
}`,
}

const findPeople: Step = {
  title: 'find people',
  about: [
    'By the beginning of a username or display name, or by something like it;',
    'by a whole email address. The page keeps the id of the first one who is',
    'not you, for the next tab.',
  ],
  query: `
query FindPeople($search: String!) {
  users(search: $search, first: 5) {
    edges {
      node {
        id
        username
        displayName
        isViewer
      }
    }
  }
}`,
  variables: { search: 'bo' },
}

const openChat: Step = {
  title: 'open a chat',
  about: [
    'The one-to-one chat with the person found in the tab before: the page has',
    'filled in userId below. Run it twice: created turns false, because two',
    'people have one chat. Expected failures are data: every result is a union',
    'whose errors implement UserError.',
  ],
  query: `
mutation OpenChat($userId: ID!) {
  createDirectChat(input: { userId: $userId }) {
    ... on CreateDirectChatPayload {
      created
      chat {
        id
        kind
        memberCount
      }
    }
    ... on UserError {
      code
      reason
    }
  }
}`,
  variables: { userId: '' },
}

const newGroup: Step = {
  title: 'make a chat',
  about: [
    'A group may have only its owner: a notebook. The page keeps its id for the',
    'next tabs. Expected failures are data: every result is a union whose',
    'errors implement UserError.',
  ],
  query: `
mutation NewGroup($title: String!) {
  createGroupChat(input: { title: $title, memberIds: [] }) {
    ... on CreateGroupChatPayload {
      chat {
        id
        title
        memberCount
      }
    }
    ... on UserError {
      code
      reason
    }
  }
}`,
  variables: { title: 'Notes to self' },
}

const readChat: Step = {
  title: 'read a chat',
  about: [
    'The newest 20 messages, ascending by sequence whichever way you page; for',
    'older ones add before: pageInfo.startCursor. The page has filled in chatId',
    'below; the id of any chat in the WhoAmI tab works as well.',
  ],
  query: `
query ReadChat($chatId: ID!) {
  chat(id: $chatId) {
    kind
    title
    messages(last: 20) {
      edges {
        node {
          sequence
          createdAt
          author {
            username
          }
          text
          editedAt
          deletedAt
        }
      }
      pageInfo {
        hasPreviousPage
        startCursor
      }
    }
  }
}`,
  variables: { chatId: '' },
}

const sendMessage: Step = {
  title: 'send a message',
  about: [
    'Run it twice: deduplicated turns true and nothing is sent again, because',
    'clientMessageId names this message. That makes a retry safe. To send',
    'another one, empty clientMessageId: the page makes up a new one.',
  ],
  query: `
mutation SendMessage($chatId: ID!, $clientMessageId: String!, $text: String!) {
  sendMessage(input: { chatId: $chatId, clientMessageId: $clientMessageId, text: $text }) {
    ... on SendMessagePayload {
      deduplicated
      message {
        id
        sequence
        text
        createdAt
      }
    }
    ... on UserError {
      code
      reason
    }
  }
}`,
  variables: { chatId: '', clientMessageId: '', text: 'Hello from GraphiQL 👋' },
}

const subscribe: Step = {
  title: 'subscribe',
  about: [
    'Everything that happens in your chats, live over a WebSocket. Press play,',
    'then open this page in a second browser tab, log in there (as somebody',
    'else, if you like) and send a message: it appears here. Changing to',
    'another GraphiQL tab stops the subscription.',
    'With after: "<a cursor>" what was missed comes first, then CaughtUp.',
  ],
  query: `
subscription Subscribe {
  events {
    __typename
    cursor
    occurredAt
    ... on MessageAdded {
      chat {
        id
        unreadCount
      }
      message {
        sequence
        text
        author {
          username
        }
      }
    }
    ... on MessageEdited {
      message {
        sequence
        text
      }
    }
    ... on MessageDeleted {
      deletedMessageId
    }
    ... on ChatRead {
      user {
        username
      }
      lastReadSequence
    }
  }
}`,
}
