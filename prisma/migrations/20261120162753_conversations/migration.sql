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
