/**
 * What the demo accounts have said to each other. A scene happens in one chat, some time before now; its
 * lines follow each other by themselves, a little later the longer they are.
 */

export type Person = 'alice' | 'bob' | 'charlie'

export interface DemoPerson {
  readonly username: Person
  readonly displayName: string
  readonly bio: string
}

export interface DemoChat {
  readonly key: string
  /** Null: a direct chat. */
  readonly title: string | null
  /** The first of them makes the chat. */
  readonly members: readonly Person[]
}

export interface Line {
  readonly from: Person
  readonly text: string
  /** What a program wrote for its author. */
  readonly bot?: true
  /** What the author makes of it a moment later. */
  readonly editedTo?: string
  /** The author takes it back. */
  readonly deleted?: true
}

export interface Scene {
  readonly chat: string
  /** How long before now it begins, in hours. */
  readonly hoursAgo: number
  readonly lines: readonly Line[]
  /** Who has not looked at the chat since it began. */
  readonly unreadBy?: readonly Person[]
}

export const people: readonly DemoPerson[] = [
  { username: 'alice', displayName: 'Alice Lefèvre', bio: 'Maps, mountains and too much coffee ☕' },
  { username: 'bob', displayName: 'Bob Andersson', bio: 'Frontend by day, sourdough by night' },
  { username: 'charlie', displayName: 'Charlie Núñez', bio: 'Photographer. Slow replies, long walks.' },
]

export const chats: readonly DemoChat[] = [
  { key: 'alice-bob', title: null, members: ['alice', 'bob'] },
  { key: 'hike', title: 'Weekend hike', members: ['alice', 'bob', 'charlie'] },
  { key: 'bob-charlie', title: null, members: ['charlie', 'bob'] },
  { key: 'notebook', title: 'Notebook', members: ['alice'] },
]

const alice = (text: string, extras: Omit<Line, 'from' | 'text'> = {}): Line => ({
  from: 'alice',
  text,
  ...extras,
})
const bob = (text: string, extras: Omit<Line, 'from' | 'text'> = {}): Line => ({
  from: 'bob',
  text,
  ...extras,
})
const charlie = (text: string, extras: Omit<Line, 'from' | 'text'> = {}): Line => ({
  from: 'charlie',
  text,
  ...extras,
})

export const scenes: readonly Scene[] = [
  {
    chat: 'alice-bob',
    hoursAgo: 150,
    lines: [
      alice('Hi Bob! Is this thing on?'),
      bob('Loud and clear 👋'),
      alice('Nice. I moved my account here yesterday, so this is the place to find me from now on'),
      bob('Good timing, I was about to ask you something'),
      bob('Do you still have the tent? The small green one'),
      alice('I do. It smells a bit like the last trip, though'),
      bob('😂 how bad'),
      alice('Campfire, mostly. And a little fish'),
      bob('I can live with that'),
      alice('What are you planning?'),
      bob('Nothing yet! But the forecast for the weekend looks suspiciously good'),
      alice('Say no more. I will look for a route'),
      bob('Not one of your 30 km routes please'),
      alice('25?'),
      bob('Alice.'),
      alice('Fine. 18, with a lake in the middle 🏞️'),
      bob('Deal'),
    ],
  },
  {
    chat: 'notebook',
    hoursAgo: 130,
    lines: [
      alice(
        'Things to pack:\n- tent (air it first!)\n- stove and gas\n- map, compass\n- rain jacket\n- chocolate',
      ),
      alice('Which is the lightest way to carry coffee for three people over two days?'),
      alice(
        'About 90 g of instant coffee does it, roughly 15 g a person and day. Ground coffee with a cloth filter weighs 250 g, and the filter.',
        { bot: true },
      ),
      alice('Instant it is. Nobody tell Bob.'),
    ],
  },
  {
    chat: 'alice-bob',
    hoursAgo: 122,
    lines: [
      alice('Found one! Starts at the old mill, goes up along the river and comes down past the lake'),
      bob('How much up is "up"'),
      alice('640 m', { editedTo: '640 m. I had the wrong sheet: it is 720 m' }),
      bob('I knew there was a catch'),
      alice('There is a hut at the top with cake'),
      bob('You could have started with that'),
      alice('I am making a group so that we can plan with Charlie'),
      bob('👍'),
    ],
  },
  {
    chat: 'hike',
    hoursAgo: 121,
    lines: [
      alice('Welcome to the planning committee! Saturday, old mill, 18 km, cake 🥾🍰'),
      bob('Present'),
      charlie('Hello from the other side of the counter. What time is this going to be?'),
      alice('Train at 7:12, so at the mill by 8'),
      charlie('7:12 in the morning?'),
      bob('There is another 7:12 but it gets dark'),
      charlie('I was afraid so. OK, in!'),
      alice('Wonderful'),
    ],
  },
  {
    chat: 'bob-charlie',
    hoursAgo: 100,
    lines: [
      charlie('Bob, quick one: does your sister still have that wide-angle lens?'),
      bob('She does, and she never uses it. I will ask'),
      charlie('You are the best'),
      bob('She says yes, if you take a picture of her dog again'),
      charlie('That dog has the better portfolio of us two'),
      bob('🐶📸'),
    ],
  },
  {
    chat: 'alice-bob',
    hoursAgo: 97,
    lines: [
      bob('Work question, if you have a minute'),
      alice('Always'),
      bob(
        'A user put this into our comment box and the page went all bold:\n<b>hello</b> <script>alert("hi")</script>',
      ),
      alice('And you showed it as it was?'),
      bob('…maybe'),
      alice('Escape it where you show it, not where you store it. Then the text stays what they typed'),
      bob('That is what the review said, too. With more capital letters'),
      alice('😇'),
      bob('So this here would be fine: <img src=x onerror=alert(1)> & "quotes" & \'more quotes\''),
      alice('Looks perfectly boring on my side'),
      bob('Boring is the goal. Thanks!'),
      alice('Two cinnamon buns, please'),
      bob('It was one last time'),
      alice('Inflation'),
    ],
  },
  {
    chat: 'hike',
    hoursAgo: 76,
    lines: [
      charlie('Who brings what? I have the stove'),
      alice('Map, coffee, first aid'),
      bob('Bread. So much bread'),
      bob('And my speaker', { deleted: true }),
      alice('No speaker'),
      bob('I took it back!'),
      charlie('My cousin in Haifa sends her greetings to the expedition:\nשבת שלום ודרך צלחה! 🌄'),
      alice('How kind! And from my neighbour: رحلة سعيدة، لا تنسوا الماء'),
      bob('What does it say?'),
      alice('"Have a good trip, do not forget the water"'),
      bob('I forgot the water'),
    ],
  },
  {
    chat: 'notebook',
    hoursAgo: 60,
    lines: [
      alice('Train home: 17:44 or 18:44 (the last one with bikes)'),
      alice('Ask Charlie for the pictures for mum’s calendar 🗓️'),
    ],
  },
  {
    chat: 'alice-bob',
    hoursAgo: 52,
    lines: [
      bob('Are your legs still attached?'),
      alice('Barely. Worth every metre, though'),
      bob('That lake!!'),
      alice('You actually jumped in. I did not believe it until I heard the scream'),
      bob('That was a battle cry'),
      alice('Of course'),
      bob('It was 9 degrees, Alice'),
      bob('NINE', { deleted: true }),
      alice('And then you ate three pieces of cake'),
      bob('Medical reasons'),
      alice('Same again next month?'),
      bob('If I can feel my knees by then, yes'),
    ],
  },
  {
    chat: 'hike',
    hoursAgo: 49,
    lines: [
      charlie('Sorting pictures. 412 of them, and in 60 Bob has his eyes shut'),
      bob('I was enjoying the moment'),
      alice('Can we see the good ones?'),
      charlie('Tonight, I promise', { editedTo: 'Tomorrow night, I promise. The card reader gave up' }),
      bob('The suspense'),
    ],
  },
  {
    chat: 'bob-charlie',
    hoursAgo: 30,
    lines: [
      charlie('The lens is great. Tell your sister the dog will be famous'),
      bob('She wants it printed. Large.'),
      charlie('How large is large?'),
      bob('She said "wall"'),
    ],
    unreadBy: ['charlie'],
  },
  {
    chat: 'alice-bob',
    hoursAgo: 26,
    lines: [
      alice('Do you remember the name of that hut? I want to write to them about the scarf I left there'),
      bob('Something with "eagle". Eagle’s Rest?'),
      alice('Eagle’s Nest! Found it, thank you'),
      bob('They answer the phone only when the cake is in the oven, the sign said'),
      alice('A well-organised business'),
      bob('Also: the buns. I have not forgotten'),
      alice('Neither have I'),
      bob('Thursday at the usual place?'),
      alice('Thursday works. 16:00?'),
      bob('16:30, the second batch is better'),
      alice('You and your batches'),
      bob('Science 🧪'),
    ],
  },
  {
    chat: 'hike',
    hoursAgo: 3,
    lines: [
      charlie('Pictures are up! The lake one is my favourite of the year so far'),
      alice('Oh wow. The light on the third one 😍'),
      charlie('Ten minutes of patience and one very cold photographer'),
      alice('Can I have that one for a calendar?'),
      charlie('Only if I get a calendar'),
      bob('I look good in exactly one of these and I am a dot on the horizon'),
      charlie('Your best side'),
    ],
    unreadBy: ['alice'],
  },
  {
    chat: 'alice-bob',
    hoursAgo: 0.4,
    lines: [
      bob('They found your scarf!! The hut just wrote to me, I had left my number for the cake recipe'),
      alice('No way 🎉'),
      bob('They can send it, or we pick it up'),
      alice('Pick it up, obviously. Next hike is decided, then'),
      bob('I hoped you would say that'),
      bob('Saturday after next? I have asked for the forecast already'),
      bob('And I will bring the buns'),
    ],
    unreadBy: ['alice'],
  },
]
