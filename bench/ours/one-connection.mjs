// Loaded before the command: the webhook has no setting for its connections, so its facts are changed in memory.
const { webhookFacts } = await import(new URL('../../dist/destinations/webhook/facts.js', import.meta.url).href);
for (const { limits } of webhookFacts) limits.connectionsMax = 1;
