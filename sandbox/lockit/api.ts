/**
 * The API side of the simulated LockitNetwork. `/projects` and the form `/projects/{projectId}/...` are documented; the
 * paths of episodes and scenes are inferred from the names of their path parameters. Bare arrays, no paging, no query.
 */

import type { Collection, Fields } from '../collection.ts';
import { json } from '../http.ts';
import type { Answer, SandboxRequest } from '../http.ts';
import type { Grants } from './grants.ts';
import type { LockitWorld } from './world.ts';

/** What is not documented and can be switched. */
export interface LockitBehaviour {
  /** status of a request for a project that isn't premium; that it fails is documented, how is not */
  notPremiumStatus: number;
}

export interface LockitApi {
  readonly world: LockitWorld;
  readonly grants: Grants;
  readonly behaviour: LockitBehaviour;
}

/** The error body is unknown; this one is ours. */
const failure = (status: number, message: string, headers: Record<string, string> = {}): Answer =>
  json(status, { message }, headers);
const notFound = (): Answer => failure(404, 'not found');

/** Answers any request that is not for the authorization server. */
export function answerApi({ world, grants, behaviour }: LockitApi, request: SandboxRequest): Answer {
  const presented = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const accountId = presented === undefined ? undefined : grants.accountOf(presented);
  const account = world.accounts.find(({ id }) => id === accountId);
  if (account === undefined) {
    return failure(401, 'the access token is missing, wrong, expired or revoked', {
      'www-authenticate': 'Bearer',
    });
  }
  const parts = request.url.pathname.split('/').slice(1).map(decode);
  const [root, projectId, second, episodeId, third, sceneId, ...rest] = parts;
  const isKnown =
    root === 'projects' &&
    !parts.includes('') &&
    (second ?? 'episodes') === 'episodes' &&
    (third ?? 'scenes') === 'scenes' &&
    rest.length === 0;
  if (!isKnown) return notFound();
  if (request.method !== 'GET') return failure(405, 'only GET is supported here', { allow: 'GET' });
  // no operation shows a query parameter; what an unknown one does is unknown: refusing it is the strict reading
  if (request.url.search !== '') return failure(400, 'there are no query parameters');
  if (projectId === undefined) {
    return json(
      200,
      rows(world.projects).filter(({ uuid }) => account.worksOn(String(uuid))),
    );
  }
  const project = world.projects.get(projectId);
  if (project === undefined || !account.worksOn(projectId)) return notFound();
  if (second === undefined) return json(200, project);
  if (project['isPremium'] !== true) {
    return failure(behaviour.notPremiumStatus, 'this is enabled for premium projects only');
  }
  const episodes = world.episodes(projectId);
  if (episodeId === undefined) return json(200, rows(episodes));
  const episode = episodes.get(episodeId);
  if (episode === undefined) return notFound();
  if (third === undefined) return json(200, episode);
  const scenes = world.scenes(projectId, episodeId);
  if (sceneId === undefined) return json(200, rows(scenes));
  const scene = scenes.get(sceneId);
  return scene === undefined ? notFound() : json(200, scene);
}

const rows = (list: Collection): Fields[] => Array.from(list.forward(), (index) => list.at(index) as Fields);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
