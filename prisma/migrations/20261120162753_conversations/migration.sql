-- CreateEnum
CREATE TYPE "history_visibility" AS ENUM ('FULL', 'FROM_JOIN');

-- CreateEnum
CREATE TYPE "system_message_kind" AS ENUM ('MEMBERS_ADDED', 'MEMBER_REMOVED', 'MEMBER_LEFT', 'MEMBER_MADE_OWNER', 'MEMBER_MADE_ADMIN', 'MEMBER_MADE_MEMBER', 'CHAT_RENAMED');

-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "event_kind" ADD VALUE 'CHAT_RENAMED';
ALTER TYPE "event_kind" ADD VALUE 'CHAT_HISTORY_VISIBILITY_CHANGED';
ALTER TYPE "event_kind" ADD VALUE 'CHAT_DELETED';
ALTER TYPE "event_kind" ADD VALUE 'CHAT_CLEARED';
ALTER TYPE "event_kind" ADD VALUE 'CHAT_MUTED';
ALTER TYPE "event_kind" ADD VALUE 'MEMBER_ADDED';
ALTER TYPE "event_kind" ADD VALUE 'MEMBER_REMOVED';
ALTER TYPE "event_kind" ADD VALUE 'MEMBER_ROLE_CHANGED';

-- AlterTable
ALTER TABLE "chat_members" ADD COLUMN     "hidden_through" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "joined_position" BIGINT NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "chats" ADD COLUMN     "cleared_through" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "history_visibility" "history_visibility" NOT NULL DEFAULT 'FULL',
ADD COLUMN     "purged_through" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "wide" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "system_kind" "system_message_kind",
ADD COLUMN     "system_subject_ids" UUID[];

-- CreateTable
CREATE TABLE "chat_listings" (
    "chat_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "activity_at" TIMESTAMPTZ(3),

    CONSTRAINT "chat_listings_pkey" PRIMARY KEY ("chat_id","user_id")
);

-- CreateIndex
CREATE INDEX "chat_listings_user_activity" ON "chat_listings"("user_id", "activity_at", "chat_id");

-- CreateIndex
CREATE INDEX "chats_to_purge" ON "chats"("id") WHERE (purged_through < cleared_through);

-- CreateIndex
CREATE INDEX "messages_chat" ON "messages"("chat_id", "id");

-- CreateIndex
CREATE INDEX "messages_chat_author" ON "messages"("chat_id", "author_id", "id") WHERE (deleted_at IS NULL AND sender <> 'SYSTEM'::message_sender);

-- CreateIndex
CREATE INDEX "messages_system_subjects" ON "messages" USING GIN ("system_subject_ids") WHERE (system_kind IS NOT NULL);

-- AddForeignKey
ALTER TABLE "chat_listings" ADD CONSTRAINT "chat_listings_chat_id_user_id_fkey" FOREIGN KEY ("chat_id", "user_id") REFERENCES "chat_members"("chat_id", "user_id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Words as search sees them: folded, and apart from each other by one space. src/features/messages/search-words.ts has
-- the same rules; a test holds them together.
CREATE FUNCTION "search_fold"("message" text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(
  CASE WHEN octet_length(message) = length(message) THEN lower(message)
  ELSE regexp_replace(
    replace(translate(normalize(lower(regexp_replace(normalize(message, NFKD),
      -- Marks upon letters, and what shows nothing.
      '[\u00AD\u0300-\u036F\u0483-\u0489\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A\u0640'
      '\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E4\u06E7\u06E8\u06EA-\u06ED\u1AB0-\u1AFF\u1DC0-\u1DFF'
      '\u2060-\u2064\u20D0-\u20FF\u2DE0-\u2DFF\u302A-\u302F\uFE00-\uFE0F\uFE20-\uFE2F\uFEFF'
      '\U0001F3FB-\U0001F3FF\U000E0000-\U000E0FFF]+',
      '', 'g')), NFC), 'øłđıς', 'oldiσ'), 'ß', 'ss'),
    -- Signs that are words by themselves.
    '([\u0E00-\u0EDF\u1000-\u109F\u1100-\u11FF\u1780-\u17FF\u1950-\u19FF\u1A20-\u1AAF\u2190-\u2BFF'
    '\u2E80-\u2FDF\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303C\u3041-\uA4CF\uA960-\uA97F'
    '\uAA60-\uAADF\uAC00-\uD7FF\uF900-\uFAFF\U00016FE0-\U00018FFF\U0001AFF0-\U0001B2FF'
    '\U0001F000-\U0001FAFF\U00020000-\U0003FFFF])',
    ' \1 ', 'g')
  END,
  -- Between words.
  '[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u00D7\u00F7\u037E\u0387\u055A-\u055F'
  '\u0589-\u058F\u05BE\u05C0\u05C3\u05C6\u05F3-\u060F\u061B-\u061F\u066A-\u066D\u06D4\u0700-\u070F'
  '\u0964\u0965\u0F04-\u0F14\u0F3A-\u0F3D\u10FB\u1360-\u1368\u1680\u1800-\u180E\u2000-\u218F'
  '\u2E00-\u2E7F\u2FE0-\u3004\u3008-\u3020\u3030\u3036\u3037\u303D-\u3040\uFFF0-\uFFFF]+',
  ' ', 'g');

-- One word stands for the chat, so that one index finds words within it. It begins with what no word has.
CREATE FUNCTION "search_vector"("chat_id" uuid, "message" text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
  SELECT concat('#', chat_id, ' ', string_agg(left(word, 100) || ':' || place, ' '))::tsvector
  FROM unnest(string_to_array(search_fold(message), ' ')) WITH ORDINALITY AS words(word, place) WHERE word <> ''
);

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "search" tsvector GENERATED ALWAYS AS (search_vector(chat_id, text)) STORED;

-- CreateIndex
-- Without the list of what is still to be put in: each search would read it, and some sends would empty it.
CREATE INDEX "messages_search" ON "messages" USING GIN ("search") WITH (fastupdate = off);
