-- CreateTable
CREATE TABLE "event_log" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "pruned_through" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "event_log_pkey" PRIMARY KEY ("id")
);


ALTER TABLE "event_log" ADD CONSTRAINT "event_log_one_row" CHECK ("id" = 1);

-- Nothing has been pruned yet.
INSERT INTO "event_log" DEFAULT VALUES;

-- AlterEnum
ALTER TYPE "event_kind" ADD VALUE 'LOG_EPOCH';

-- CreateTable
CREATE TABLE "log_epochs" (
    "position" BIGINT NOT NULL,
    "id" UUID NOT NULL,

    CONSTRAINT "log_epochs_pkey" PRIMARY KEY ("position")
);
