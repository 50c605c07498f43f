/** Every queue on a Bull Board, whatever web framework serves it. */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import type { Job } from 'bullmq';
import { shownData, shownError, shownJob } from './board-job.ts';
import { queueNames, type Queues, type SluiceQueue } from './queues.ts';

type BoardQueue = ConstructorParameters<typeof BullMQAdapter>[0];

/** Formats what it shows: the library has formatters for data and results, and none for errors and logs. */
class SafeAdapter extends BullMQAdapter {
  constructor(queue: SluiceQueue, options: ConstructorParameters<typeof BullMQAdapter>[1]) {
    // Bull Board's types name the Redis backend; it calls nothing that the Postgres backend lacks.
    super(queue as unknown as BoardQueue, options);
    this.setFormatter('data', shownData);
    this.setFormatter('returnValue', (value: unknown) => (value == null ? value : '[hidden]'));
    this.setFormatter('progress', (value: unknown) => (typeof value === 'number' ? value : 0));
  }

  override async getJob(id: string): Promise<Job | undefined> {
    const job = await super.getJob(id);
    return job === undefined ? undefined : shownJob(job);
  }

  override async getJobs(...asked: Parameters<BullMQAdapter['getJobs']>): Promise<Job[]> {
    return (await super.getJobs(...asked)).map((job) => shownJob(job));
  }

  override async getJobLogs(id: string): Promise<string[]> {
    return (await super.getJobLogs(id)).map(shownError);
  }
}

export function attachBoard(
  queues: Queues,
  serverAdapter: IServerAdapter,
  options: { readonly readOnly: boolean },
): void {
  createBullBoard({
    queues: queueNames.map(
      (name) =>
        new SafeAdapter(queues[name], { readOnlyMode: options.readOnly, description: descriptions[name] }),
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
