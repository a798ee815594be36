/** Preloaded into a node (`NODE_OPTIONS=--import`): its wall clock is `SKEW_MS` milliseconds ahead of the machine's. */
const skewMs = Number(process.env['SKEW_MS'] ?? 0);
const now = Date.now.bind(Date);
Date.now = () => now() + skewMs;
