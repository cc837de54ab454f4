CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- CreateEnum
CREATE TYPE "user_kind" AS ENUM ('HUMAN', 'BOT');

-- CreateEnum
CREATE TYPE "chat_kind" AS ENUM ('DIRECT', 'GROUP');

-- CreateEnum
CREATE TYPE "chat_role" AS ENUM ('OWNER', 'ADMIN', 'MEMBER');

-- CreateEnum
CREATE TYPE "message_sender" AS ENUM ('USER', 'BOT', 'SYSTEM');

-- CreateEnum
CREATE TYPE "event_kind" AS ENUM ('MESSAGE_ADDED', 'MESSAGE_EDITED', 'MESSAGE_DELETED', 'CHAT_CREATED', 'CHAT_READ', 'SESSION_REVOKED');

-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "username" TEXT NOT NULL,
    "username_key" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "email_key" TEXT NOT NULL,
    "display_name" TEXT NOT NULL,
    "display_name_key" TEXT NOT NULL,
    "bio" TEXT,
    "kind" "user_kind" NOT NULL DEFAULT 'HUMAN',
    "password_hash" TEXT NOT NULL,
    "email_verified" BOOLEAN NOT NULL DEFAULT false,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "sessions" (
    "id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "refresh_token_hash" BYTEA NOT NULL,
    "device_name" TEXT,
    "user_agent" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "chats" (
    "id" UUID NOT NULL,
    "kind" "chat_kind" NOT NULL,
    "title" TEXT,
    "direct_key" TEXT,
    "last_sequence" INTEGER NOT NULL DEFAULT 0,
    "last_activity_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "chats_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "chat_members" (
    "id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "user_id" UUID NOT NULL,
    "role" "chat_role" NOT NULL DEFAULT 'MEMBER',
    "joined_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_read_sequence" INTEGER NOT NULL DEFAULT 0,
    "muted_until" TIMESTAMPTZ(3),

    CONSTRAINT "chat_members_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "messages" (
    "id" UUID NOT NULL,
    "chat_id" UUID NOT NULL,
    "sequence" INTEGER NOT NULL,
    "author_id" UUID,
    "sender" "message_sender" NOT NULL DEFAULT 'USER',
    "text" TEXT,
    "client_message_id" TEXT,
    "content_hash" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "edited_at" TIMESTAMPTZ(3),
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "messages_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "events" (
    "position" BIGSERIAL NOT NULL,
    "kind" "event_kind" NOT NULL,
    "chat_id" UUID,
    "user_id" UUID,
    "actor_id" UUID,
    "subject_id" UUID,
    "sequence" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "events_pkey" PRIMARY KEY ("position")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_username_key" ON "users"("username_key");

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email_key");

-- CreateIndex
CREATE INDEX "users_username_prefix" ON "users"("username_key" text_pattern_ops);

-- CreateIndex
CREATE INDEX "users_username_trgm" ON "users" USING GIN ("username_key" gin_trgm_ops);

-- CreateIndex
CREATE INDEX "users_display_name_trgm" ON "users" USING GIN ("display_name_key" gin_trgm_ops);

-- CreateIndex
CREATE UNIQUE INDEX "sessions_refresh_token" ON "sessions"("refresh_token_hash");

-- CreateIndex
CREATE INDEX "sessions_user" ON "sessions"("user_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "chats_direct_key" ON "chats"("direct_key");

-- CreateIndex
CREATE INDEX "chat_members_user_chat" ON "chat_members"("user_id", "chat_id");

-- CreateIndex
CREATE UNIQUE INDEX "chat_members_chat_user" ON "chat_members"("chat_id", "user_id");

-- CreateIndex
CREATE UNIQUE INDEX "chat_members_chat_id" ON "chat_members"("chat_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "messages_chat_sequence" ON "messages"("chat_id", "sequence");

-- CreateIndex
CREATE UNIQUE INDEX "messages_client_message_id" ON "messages"("author_id", "client_message_id");

-- CreateIndex
CREATE INDEX "events_chat" ON "events"("chat_id", "position");

-- CreateIndex
CREATE INDEX "events_user" ON "events"("user_id", "position");

-- AddForeignKey
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "chat_members" ADD CONSTRAINT "chat_members_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "chat_members" ADD CONSTRAINT "chat_members_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_chat_id_fkey" FOREIGN KEY ("chat_id") REFERENCES "chats"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_author_id_fkey" FOREIGN KEY ("author_id") REFERENCES "users"("id") ON DELETE SET NULL ON UPDATE CASCADE;
