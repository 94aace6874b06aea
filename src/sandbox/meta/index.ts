import { z } from 'zod';
import { FAULT_KINDS } from '../faults.ts';
import type {
  Answer,
  FailureKind,
  RequestContext,
  SandboxRequest,
  SimulatedDestination,
  SimulatedPlatform,
} from '../platform.ts';
import { jsonAnswer, nothingHeld } from '../platform.ts';
import { RollingWindow } from '../rolling-window.ts';
import { Audiences, notReadyYet, savedAudiences } from './audiences.ts';
import { Catalogs, savedCatalogs } from './catalogs.ts';
import { Datasets, savedDatasets } from './events.ts';
import { graphError, invalidParameter, missingObject } from './graph-answer.ts';
import { replaceUsers } from './replacement.ts';
import { changeUsers } from './users.ts';

const VERSION = 'v26.0';

/**
 * Meta's Graph API v26.0: custom audiences, the Conversions API and catalogs. Any token is good but `invalid` and `expired` (code 190)
 * and `forbidden` (code 200); any number is an ad account, a dataset or a catalog.
 */
export const meta: SimulatedPlatform = {
  name: 'meta',
  faults: () => FAULT_KINDS.filter((kind) => kind !== 'empty'),
  htmlApplies: false,
  failure,
  open: openMeta,
};

const savedMeta = z.object({
  audiences: savedAudiences,
  datasets: savedDatasets,
  catalogs: savedCatalogs.nullable().default(null),
});

function openMeta(saved: unknown): SimulatedDestination {
  const audiences = new Audiences();
  const datasets = new Datasets();
  const catalogs = new Catalogs();
  const calls = new RollingWindow();
  if (saved !== null) {
    const state = savedMeta.parse(saved);
    audiences.restore(state.audiences);
    datasets.restore(state.datasets);
    if (state.catalogs !== null) catalogs.restore(state.catalogs);
  }
  return {
    handle(request, context) {
      const refusal = versionProblem(request, context) ?? tokenProblem(request, context);
      if (refusal) return refusal;
      const full = !calls.take(context.limits.meta, context.now);
      const percent = Math.min(
        100,
        Math.floor((100 * calls.used(context.limits.meta, context.now)) / context.limits.meta.requestsMax),
      );
      const answer = full ? throttled(context) : route({ audiences, datasets, catalogs }, request, context);
      return { ...answer, headers: { ...answer.headers, ...usageHeaders(request, percent) } };
    },
    holdings: (rowsMax) => ({
      ...nothingHeld,
      audiences: audiences.holdings(rowsMax),
      events: datasets.holdings(rowsMax),
      objects: catalogs.holdings(rowsMax),
    }),
    save: () => ({ audiences: audiences.save(), datasets: datasets.save(), catalogs: catalogs.save() }),
    configure() {},
  };
}

interface World {
  readonly audiences: Audiences;
  readonly datasets: Datasets;
  readonly catalogs: Catalogs;
}

function route({ audiences, datasets, catalogs }: World, request: SandboxRequest, context: RequestContext): Answer {
  const [node = '', edge, ...rest] = request.path.split('/').slice(2);
  const act = /^act_(\d+)$/.exec(node);
  const ask = rest.length > 0 ? 'unknown' : `${request.method} ${edge ?? ''}`.trim();
  if (node === 'me' && ask === 'GET') return jsonAnswer(200, { id: '100000000000001', name: 'Sandbox system user' });
  if (act?.[1]) return accountRequest(act[1], { audiences, ask }, request, context);
  if (!/^\d+$/.test(node)) return missingObject(context, node, request.method);
  if (!audiences.owns(node)) {
    if (ask === 'POST items_batch') return catalogs.write(node, request, context);
    if (ask === 'GET check_batch_request_status') return catalogs.status(node, request, context);
    if (ask === 'POST events') return datasets.receive(node, request, context);
    return ask === 'GET'
      ? jsonAnswer(200, { id: node, name: `Sandbox dataset ${node}` })
      : unknownRequest(request, context);
  }
  const audience = audiences.find(node);
  if (!audience) return missingObject(context, node, request.method);
  if (ask === 'POST users' || ask === 'DELETE users') {
    return notReadyYet(audience, context) ?? changeUsers(audience, request, context);
  }
  if (ask === 'POST usersreplace') return notReadyYet(audience, context) ?? replaceUsers(audience, request, context);
  if (ask === 'GET') return audiences.read(audience, request, context);
  if (ask === 'POST') return audiences.rename(audience, request, context);
  return ask === 'DELETE' ? audiences.remove(audience) : unknownRequest(request, context);
}

function accountRequest(
  account: string,
  { audiences, ask }: { readonly audiences: Audiences; readonly ask: string },
  request: SandboxRequest,
  context: RequestContext,
): Answer {
  if (ask === 'POST customaudiences') return audiences.create(account, request, context);
  if (ask === 'GET customaudiences') return audiences.list(account, request, context);
  if (ask === 'GET') {
    return jsonAnswer(200, {
      id: `act_${account}`,
      account_id: account,
      name: `Sandbox ad account ${account}`,
      account_status: 1,
    });
  }
  return unknownRequest(request, context);
}

function unknownRequest(request: SandboxRequest, context: RequestContext): Answer {
  context.violate('unknown-request', `${request.method} is not supported on this path`);
  return invalidParameter(context, `Unsupported ${request.method.toLowerCase()} request`);
}

function versionProblem(request: SandboxRequest, context: RequestContext): Answer | null {
  const version = request.path.split('/')[1] ?? '';
  if (version === VERSION) return null;
  context.violate('version', `the path does not begin with /${VERSION}/`);
  if (!/^v\d+\.\d+$/.test(version)) {
    return graphError(context, { code: 2500, message: `Unknown path components: /${version}` });
  }
  return graphError(context, {
    code: 2635,
    message: `(#2635) You are calling a deprecated version of the Ads API. Please update to the latest version: ${VERSION}.`,
  });
}

function tokenProblem(request: SandboxRequest, context: RequestContext): Answer | null {
  const bearer = /^(?:Bearer|OAuth) +(.+)$/i.exec(request.headers['authorization'] ?? '')?.[1];
  const token = bearer ?? request.query.get('access_token') ?? '';
  if (token === 'forbidden') {
    return graphError(context, {
      code: 200,
      status: 403,
      message: '(#200) Requires ads_management permission to manage the object',
    });
  }
  if (token !== '' && token !== 'invalid' && token !== 'expired') return null;
  const expired = token === 'expired' ? { subcode: 463 } : {};
  return graphError(context, {
    ...{ code: 190, status: 401, ...expired },
    message: expired.subcode ? 'Error validating access token: Session has expired' : 'Invalid OAuth access token',
  });
}

function usageHeaders(request: SandboxRequest, percent: number): Record<string, string> {
  const account = /act_(\d+)/.exec(request.path)?.[1] ?? '0';
  const usage = { type: 'custom_audience', call_count: percent, total_cputime: percent, total_time: percent };
  const wait = percent >= 100 ? 1 : 0;
  return {
    'x-business-use-case-usage': JSON.stringify({ [account]: [{ ...usage, estimated_time_to_regain_access: wait }] }),
    'x-app-usage': JSON.stringify({ call_count: percent, total_cputime: percent, total_time: percent }),
  };
}

/** Meta throttles by error code, with no Retry-After. */
function throttled(context: RequestContext): Answer {
  return graphError(context, {
    code: 80003,
    subcode: 2446079,
    transient: true,
    message: '(#80003) There have been too many calls to this ad-account. Wait a bit and try again.',
  });
}

function failure(kind: FailureKind, context: RequestContext): Answer {
  if (kind === 'throttled') return throttled(context);
  if (kind === 'unavailable') {
    return graphError(context, { code: 2, status: 503, transient: true, message: 'Service temporarily unavailable' });
  }
  const status = kind === 'timeout_after' ? 504 : 500;
  return graphError(context, { code: 1, status, transient: true, message: 'An unknown error occurred' });
}
