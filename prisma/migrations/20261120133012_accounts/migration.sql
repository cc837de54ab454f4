-- CreateEnum
CREATE TYPE "erased_messages" AS ENUM ('KEEP_ANONYMOUS', 'ERASE');

-- CreateEnum
CREATE TYPE "data_export_status" AS ENUM ('PENDING', 'READY', 'FAILED');

-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "event_kind" ADD VALUE 'USER_UPDATED';
ALTER TYPE "event_kind" ADD VALUE 'ACCOUNT_ERASED';

-- DropForeignKey
ALTER TABLE "messages" DROP CONSTRAINT "messages_author_id_fkey";

-- DropIndex
DROP INDEX "events_user";

-- AlterTable
ALTER TABLE "chats" ADD COLUMN     "blocked" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "title_author_id" UUID;

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "peers_of" UUID;

-- AlterTable
ALTER TABLE "users" ADD COLUMN     "active" BOOLEAN NOT NULL DEFAULT true;

-- CreateTable
CREATE TABLE "blocks" (
    "id" UUID NOT NULL,
    "blocker_id" UUID NOT NULL,
    "blocked_id" UUID NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blocks_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "erasures" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "messages" "erased_messages" NOT NULL,
    "removed" BOOLEAN NOT NULL DEFAULT false,
    "due_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "done_through" UUID,
    "chat_ids" UUID[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "erasures_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "hash_keys" (
    "secret_id" BYTEA NOT NULL,
    "encrypted" BYTEA NOT NULL,

    CONSTRAINT "hash_keys_pkey" PRIMARY KEY ("secret_id")
);

-- CreateTable
CREATE TABLE "reserved_usernames" (
    "hash" BYTEA NOT NULL,
    "until" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "reserved_usernames_pkey" PRIMARY KEY ("hash")
);

-- CreateTable
CREATE TABLE "data_exports" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "status" "data_export_status" NOT NULL DEFAULT 'PENDING',
    "requested_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "ready_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "size" BIGINT,

    CONSTRAINT "data_exports_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "data_export_chunks" (
    "export_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "data" BYTEA NOT NULL,

    CONSTRAINT "data_export_chunks_pkey" PRIMARY KEY ("export_id","number")
);

-- CreateTable
CREATE TABLE "rate_limits" (
    "key" BYTEA NOT NULL,
    "free_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "rate_limits_pkey" PRIMARY KEY ("key")
);

-- CreateIndex
CREATE INDEX "blocks_blocked_blocker" ON "blocks"("blocked_id", "blocker_id");

-- CreateIndex
CREATE INDEX "blocks_blocker" ON "blocks"("blocker_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "blocks_blocker_blocked" ON "blocks"("blocker_id", "blocked_id");

-- CreateIndex
CREATE INDEX "data_exports_user" ON "data_exports"("user_id", "id");

-- CreateIndex
CREATE INDEX "data_exports_expires_at" ON "data_exports"("expires_at") WHERE (expires_at IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "data_exports_pending" ON "data_exports"("user_id") WHERE (status = 'PENDING'::data_export_status);

-- CreateIndex
CREATE INDEX "rate_limits_free_at" ON "rate_limits"("free_at");

-- CreateIndex
CREATE INDEX "sessions_expires_at" ON "sessions"("expires_at");

-- CreateIndex
CREATE INDEX "sessions_revoked_at" ON "sessions"("revoked_at") WHERE (revoked_at IS NOT NULL);

-- CreateIndex
CREATE INDEX "chats_title_author" ON "chats"("title_author_id") WHERE (title_author_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_user" ON "events"("user_id", "position") WHERE (user_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_peers_of" ON "events"("peers_of", "position") WHERE (peers_of IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_about_people" ON "events"("position") WHERE (peers_of IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_private_subject" ON "events"("subject_id") WHERE (user_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "events_actor" ON "events"("actor_id") WHERE (actor_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "messages_author" ON "messages"("author_id", "id");

-- AddForeignKey
ALTER TABLE "blocks" ADD CONSTRAINT "blocks_blocker_id_fkey" FOREIGN KEY ("blocker_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "blocks" ADD CONSTRAINT "blocks_blocked_id_fkey" FOREIGN KEY ("blocked_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "data_exports" ADD CONSTRAINT "data_exports_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "data_export_chunks" ADD CONSTRAINT "data_export_chunks_export_id_fkey" FOREIGN KEY ("export_id") REFERENCES "data_exports"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Whoever made a group gave it its title.
UPDATE "chats" c SET "title_author_id" = m."user_id" FROM "chat_members" m
WHERE m."chat_id" = c."id" AND m."role" = 'OWNER' AND c."kind" = 'GROUP';

-- A message tells who wrote it; its entries in the log need not repeat that.
UPDATE "events" SET "actor_id" = NULL WHERE "kind" IN ('MESSAGE_ADDED', 'MESSAGE_EDITED', 'MESSAGE_DELETED');

-- Hashes without a key can be guessed back to short texts. Without one, a retry counts as the message it repeats.
UPDATE "messages" SET "content_hash" = NULL WHERE "content_hash" IS NOT NULL;
