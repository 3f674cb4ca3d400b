/** A target as administrators see it. */
import { type Account, isShut, type Resource } from './target.ts';
import type { AccountStatus, ResourceStatus } from './types.ts';

export const accountStatus = ({
  jid,
  weight,
  drained,
  subscription,
  condition,
  retryAt,
  resources,
}: Account): AccountStatus => ({
  account: jid,
  weight,
  drained,
  subscription,
  condition,
  retryAt,
  resources: [...resources.values()].map(resourceStatus),
});

const resourceStatus = (resource: Resource): ResourceStatus => ({
  resource: resource.jid,
  presence: resource.presence,
  health: resource.silent === undefined ? 'well' : 'silent',
  draining: resource.drained || resource.account.drained ? 'drained' : isShut(resource) ? 'presence' : 'no',
  open: resource.open,
  timeouts: resource.timeouts,
  answered: resource.answered,
});
