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
