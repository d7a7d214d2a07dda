# syntax=docker/dockerfile:1
# The HTTP and Socket.IO API. Build from the root: docker build -f ops/docker/api.Dockerfile .

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/api-client/package.json ./packages/api-client/
RUN npm ci --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs

FROM node:22-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY packages/api-client/package.json ./packages/api-client/
RUN npm ci --omit=dev --workspaces=false --no-audit --no-fund
# Temporal's core comes for five platforms, 27 MB each.
RUN cd node_modules/@temporalio/core-bridge/releases && ls | grep -v "^$(uname -m)-unknown-linux-gnu$" | xargs rm -r

FROM node:22-bookworm-slim
ENV NODE_ENV=production API_HOST=0.0.0.0 API_ADMIN_HOST=0.0.0.0 API_PORT=3001
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
USER node
EXPOSE 3001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["node", "-e", \
    "fetch(`http://127.0.0.1:${process.env.API_PORT}/health`).then(({ ok }) => process.exit(ok ? 0 : 1))"]
CMD ["node", "--enable-source-maps", "dist/api/main.js"]
