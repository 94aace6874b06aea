import { posix } from 'node:path';

/** What becomes of a destination's address in a rehearsal: the platform is reached below the sandbox, the API's own path follows whole. */
export function sandboxBaseUrl(sandboxUrl: string, platform: string, destination: string): string {
  return `${sandboxUrl.replace(/\/+$/, '')}/${platform}/${destination}`;
}

/** A webhook's `config.url` in a rehearsal: its path and query stay, below `<sandbox>/webhook/<destination>`. */
export function sandboxWebhookUrl(sandboxUrl: string, destination: string, url: string): string {
  const path = URL.canParse(url) ? new URL(url) : null;
  const rest = path ? `${path.pathname === '/' ? '' : path.pathname}${path.search}` : '';
  return `${sandboxBaseUrl(sandboxUrl, 'webhook', destination)}${rest}`;
}

/** A files destination's folder in a rehearsal: the same path, absolute or not, below `<target path>/dinmo_sandbox`. */
export function sandboxFolder(targetPath: string, path: string): string {
  const inside = posix.normalize(`/${path.replaceAll('\\', '/').replace(/^[A-Za-z]:/, '')}`);
  return `${targetPath.replace(/[\\/]+$/, '')}/dinmo_sandbox${inside}`;
}
