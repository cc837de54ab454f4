-- AlterEnum
-- This migration adds more than one value to an enum.
-- With PostgreSQL versions 11 and earlier, this is not possible
-- in a single migration. This can be worked around by creating
-- multiple migrations, each migration adding only one value to
-- the enum.


ALTER TYPE "event_kind" ADD VALUE 'REACTION_ADDED';
ALTER TYPE "event_kind" ADD VALUE 'REACTION_REMOVED';

-- AlterTable
ALTER TABLE "events" ADD COLUMN     "detail" TEXT;

-- AlterTable
ALTER TABLE "messages" ADD COLUMN     "reply_to_id" UUID;

-- CreateTable
CREATE TABLE "reactions" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "emoji" TEXT NOT NULL,

    CONSTRAINT "reactions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "message_revisions" (
    "id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "author_id" UUID NOT NULL,
    "text" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "message_revisions_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "reactions_message_emoji_id" ON "reactions"("message_id", "emoji", "id");

-- CreateIndex
CREATE INDEX "reactions_user" ON "reactions"("user_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "reactions_message_emoji_user" ON "reactions"("message_id", "emoji", "user_id");

-- CreateIndex
CREATE INDEX "message_revisions_message" ON "message_revisions"("message_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "message_revisions_author" ON "message_revisions"("author_id", "id");

-- AddForeignKey
ALTER TABLE "reactions" ADD CONSTRAINT "reactions_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "message_revisions" ADD CONSTRAINT "message_revisions_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "messages"("id") ON DELETE CASCADE ON UPDATE CASCADE;
