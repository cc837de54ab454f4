-- AlterTable
ALTER TABLE "chat_members" ADD COLUMN     "shown_read_sequence" INTEGER;

-- Where two have blocked each other already, neither sees from now on how far the other reads.
UPDATE "chat_members" m SET "shown_read_sequence" = m."last_read_sequence"
FROM "chats" c WHERE c."id" = m."chat_id" AND c."blocked";
