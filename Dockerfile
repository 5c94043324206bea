FROM node:24-bookworm-slim AS deps
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci

FROM deps AS build
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build:server && npm prune --omit=dev && rm dist/.*.tsbuildinfo

FROM node:24-bookworm-slim AS runtime
ENV NODE_ENV=production
WORKDIR /app
# What runs belongs to root, so that the server cannot change its own code.
COPY package.json LICENSE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
# Whether it lives, not whether it is ready: a node that drains or has lost its broker gains nothing by a restart.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 3000) + '/health/live').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]
# No shell and no npm in between: the signal to stop reaches the server itself.
CMD ["node", "--enable-source-maps", "dist/main.js"]
