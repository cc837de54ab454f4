# Compiles with everything, ships with what runs: no compiler, no embedded database, no root.
FROM node:22-bookworm-slim AS build
WORKDIR /parley
COPY package.json package-lock.json .npmrc prisma.config.ts ./
COPY scripts ./scripts
COPY prisma ./prisma
COPY examples/web ./examples/web
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build

FROM node:22-bookworm-slim AS dependencies
WORKDIR /parley
COPY package.json package-lock.json .npmrc ./
# The binaries of the embedded Postgres are optional dependencies; scripts would generate from sources that are not here.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && npm cache clean --force

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/var/lib/parley
WORKDIR /parley
RUN install -d -o node -g node /var/lib/parley
COPY --from=dependencies /parley/node_modules ./node_modules
COPY --from=build /parley/dist ./dist
COPY prisma ./prisma
COPY package.json ./
USER node
EXPOSE 4000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node reaps nothing of its own; `init: true` in the compose file gives it a parent that does.
CMD ["node", "--disallow-code-generation-from-strings", "--enable-source-maps", "dist/main.js", "serve"]
