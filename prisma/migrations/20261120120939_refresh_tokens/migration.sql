-- CreateTable
CREATE TABLE "refresh_tokens" (
    "hash" BYTEA NOT NULL,
    "session_id" UUID NOT NULL,
    "used_at" TIMESTAMPTZ(3),

    CONSTRAINT "refresh_tokens_pkey" PRIMARY KEY ("hash")
);

-- CreateIndex
CREATE INDEX "refresh_tokens_session" ON "refresh_tokens"("session_id");

-- AddForeignKey
ALTER TABLE "refresh_tokens" ADD CONSTRAINT "refresh_tokens_session_id_fkey" FOREIGN KEY ("session_id") REFERENCES "sessions"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Sessions that are alive go on with the token they have.
INSERT INTO "refresh_tokens" ("hash", "session_id")
SELECT "refresh_token_hash", "id" FROM "sessions" WHERE "revoked_at" IS NULL;

ALTER TABLE "sessions" ADD COLUMN "refresh_secret" BYTEA;
UPDATE "sessions" SET "refresh_secret" = decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
ALTER TABLE "sessions" ALTER COLUMN "refresh_secret" SET NOT NULL;

-- DropIndex
DROP INDEX "sessions_refresh_token";

-- AlterTable
ALTER TABLE "sessions" DROP COLUMN "refresh_token_hash";
