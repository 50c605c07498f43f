/** Every queue on a Bull Board, whatever web framework serves it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { queueNames, type Queues } from './queues.ts';

export function attachBoard(
  queues: Queues,
  serverAdapter: IServerAdapter,
  options: { readonly readOnly: boolean },
): void {
  createBullBoard({
    queues: queueNames.map(
      (name) =>
        // Bull Board's types name the Redis backend; it calls nothing that the Postgres backend lacks.
        new BullMQAdapter(queues[name] as unknown as ConstructorParameters<typeof BullMQAdapter>[0], {
          readOnlyMode: options.readOnly,
          description: descriptions[name],
        }),
    ),
    serverAdapter,
    options: { uiConfig: { boardTitle: 'Sluice queues' } },
  });
}

const descriptions: Record<(typeof queueNames)[number], string> = {
  runs: 'one job a run; it waits for its streams',
  streams: 'one job a stream of a run',
  webhooks: 'one job an event',
  maintenance: 'reconciling and cleaning',
};
