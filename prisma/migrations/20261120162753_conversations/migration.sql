-- CreateEnum
CREATE TYPE "history_visibility" AS ENUM ('FULL', 'FROM_JOIN');

-- CreateEnum
CREATE TYPE "system_message_kind" AS ENUM ('MEMBERS_ADDED', 'MEMBER_REMOVED', 'MEMBER_LEFT', 'MEMBER_MADE_OWNER', 'MEMBER_MADE_ADMIN', 'MEMBER_MADE_MEMBER', 'CHAT_RENAMED', 'HISTORY_MADE_FULL', 'HISTORY_MADE_FROM_JOIN');

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

-- The lists of chats keep themselves. A send waits for the chat's row with a snapshot from before; what a trigger
-- asks afterwards has one of its own, and finds also who joined meanwhile.
CREATE FUNCTION "chat_listing_activity"("wide" BOOLEAN, "last_activity_at" TIMESTAMPTZ) RETURNS TIMESTAMPTZ
  LANGUAGE sql IMMUTABLE
  RETURN CASE WHEN NOT wide THEN date_bin('10 seconds', last_activity_at, '1970-01-01T00:00:00Z') END;

CREATE FUNCTION "keep_chat_listings"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.deleted_at IS NULL THEN
    UPDATE chat_listings SET activity_at = chat_listing_activity(NEW.wide, NEW.last_activity_at) WHERE chat_id = NEW.id;
  ELSE
    DELETE FROM chat_listings WHERE chat_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "chats_keep_listings" AFTER UPDATE OF "last_activity_at", "wide", "deleted_at" ON "chats"
  FOR EACH ROW WHEN (NEW.deleted_at IS DISTINCT FROM OLD.deleted_at OR chat_listing_activity(NEW.wide, NEW.last_activity_at)
    IS DISTINCT FROM chat_listing_activity(OLD.wide, OLD.last_activity_at))
  EXECUTE FUNCTION "keep_chat_listings"();

CREATE FUNCTION "list_chats_of_new_members"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM chats WHERE id IN (SELECT chat_id FROM added) ORDER BY id FOR NO KEY UPDATE;
  INSERT INTO chat_listings (chat_id, user_id, activity_at)
    SELECT a.chat_id, a.user_id, chat_listing_activity(c.wide, c.last_activity_at)
    FROM added a JOIN chats c ON c.id = a.chat_id WHERE c.deleted_at IS NULL;
  UPDATE chats c SET wide = true WHERE c.id IN (SELECT chat_id FROM added) AND NOT c.wide
    AND (SELECT count(*) FROM chat_members m WHERE m.chat_id = c.id) > 50;
  RETURN NULL;
END $$;

CREATE TRIGGER "chat_members_list" AFTER INSERT ON "chat_members" REFERENCING NEW TABLE AS "added"
  FOR EACH STATEMENT EXECUTE FUNCTION "list_chats_of_new_members"();

-- What is there already.
UPDATE "chats" c SET "wide" = true WHERE (SELECT count(*) FROM "chat_members" m WHERE m.chat_id = c.id) > 50;

INSERT INTO "chat_listings" ("chat_id", "user_id", "activity_at")
  SELECT m.chat_id, m.user_id, chat_listing_activity(c.wide, c.last_activity_at)
  FROM "chat_members" m JOIN "chats" c ON c.id = m.chat_id WHERE c.deleted_at IS NULL;
-- CreateTable
CREATE TABLE "server_processes" (
    "id" UUID NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "server_processes_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "online_users" (
    "user_id" UUID NOT NULL,
    "process_id" UUID NOT NULL,

    CONSTRAINT "online_users_pkey" PRIMARY KEY ("user_id","process_id")
);

-- CreateTable
CREATE TABLE "last_seen" (
    "user_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "last_seen_pkey" PRIMARY KEY ("user_id")
);

-- CreateIndex
CREATE INDEX "online_users_process" ON "online_users"("process_id");

-- AddForeignKey
ALTER TABLE "online_users" ADD CONSTRAINT "online_users_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "online_users" ADD CONSTRAINT "online_users_process_id_fkey" FOREIGN KEY ("process_id") REFERENCES "server_processes"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "last_seen" ADD CONSTRAINT "last_seen_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- Without marks upon letters, and what shows nothing.
CREATE FUNCTION "search_unmarked"("message" text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(message,
  '[\u00AD\u0300-\u036F\u0483-\u0489\u0591-\u05BD\u05BF\u05C1\u05C2\u05C4\u05C5\u05C7\u0610-\u061A\u0640'
  '\u064B-\u065F\u0670\u06D6-\u06DC\u06DF-\u06E4\u06E7\u06E8\u06EA-\u06ED\u1AB0-\u1AFF\u1DC0-\u1DFF'
  '\u2060-\u2064\u20D0-\u20FF\u2DE0-\u2DFF\u302A-\u302F\uFE00-\uFE0F\uFE20-\uFE2F\uFEFF'
  '\U0001F3FB-\U0001F3FF\U000E0000-\U000E0FFF]+',
  '', 'g');

-- Words as search sees them: folded, and apart from each other by one space. src/features/messages/search-words.ts has
-- the same rules; a test holds them together. Marks go twice: to bring thousands of them into their order takes long.
CREATE FUNCTION "search_fold"("message" text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(
  CASE WHEN octet_length(message) = length(message) THEN lower(message)
  ELSE regexp_replace(
    replace(translate(normalize(lower(search_unmarked(normalize(search_unmarked(message), NFKD))), NFC), 'øłđıς', 'oldiσ'), 'ß', 'ss'),
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
-- In a language whose plans are kept: each send makes one.
CREATE FUNCTION "search_vector"("chat_id" uuid, "message" text) RETURNS tsvector
  LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  words text[] := string_to_array(search_fold(message), ' ');
BEGIN
  FOR place IN 1 .. coalesce(array_length(words, 1), 0) LOOP
    words[place] := CASE WHEN words[place] <> '' THEN left(words[place], 100) || ':' || place END;
  END LOOP;
  RETURN concat('#', chat_id, ' ', array_to_string(words, ' '))::tsvector;
END $$;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "search" tsvector GENERATED ALWAYS AS (CASE WHEN system_kind IS NULL THEN search_vector(chat_id, text) END) STORED;

-- CreateIndex
-- Without the list of what is still to be put in: each search would read it, and some sends would empty it.
CREATE INDEX "messages_search" ON "messages" USING GIN ("search") WITH (fastupdate = off);
