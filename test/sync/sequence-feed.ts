/** A sequence feed of a test's own: records, their numbers, and what the tests twist about the answers. */
import { z } from 'zod';
import type { StreamDefinition } from '../../src/providers/contract.ts';
import { tinyStream, type TinyAnswer } from '../support/tiny-provider.ts';

interface Entry {
  readonly id: string;
  readonly [field: string]: unknown;
}

export class SequenceFeed {
  /** the next change gets this plus one */
  last = 0;
  readonly entries = new Map<string, { readonly record: Entry; readonly number: number }>();
  /** records that a request is allowed to see */
  visible: (record: Entry) => boolean = () => true;
  /** the answers' maximum names the whole feed instead of what the page covers */
  feedWideMaximum = false;
  /** the record of the given number is given again */
  inclusive = false;
  /** runs before each page is made */
  onPage: () => void = () => undefined;

  put(id: string, fields: Record<string, unknown> = {}): void {
    this.last += 1;
    this.entries.set(id, { record: { ...fields, id, n: this.last }, number: this.last });
  }
  /** the provider's retention: the record is gone without a word */
  expire(id: string): void {
    this.entries.delete(id);
  }
  live(): string[] {
    return [...this.entries.keys()].sort();
  }
  get maximum(): number {
    return this.last;
  }

  page(given: number, size: number): TinyAnswer {
    this.onPage();
    const inFeed = [...this.entries.values()]
      .filter(({ number }) => number > given || (this.inclusive && number === given))
      .sort((a, b) => a.number - b.number)
      .slice(0, size);
    const covered = inFeed.at(-1)?.number ?? given;
    return {
      body: {
        top: this.feedWideMaximum ? this.last : covered,
        items: inFeed.map(({ record }) => record).filter((record) => this.visible(record)),
      },
    };
  }
}

export const tombstones = [
  { field: 'isDeleted', values: [true] },
  { field: 'status', values: ['DELETED'] },
];

export function feedStream(name: string, more: Partial<StreamDefinition> = {}): StreamDefinition {
  return tinyStream(name, {
    path: `/${name}/sync/{sequence}`,
    paging: {
      style: 'sequence',
      sizeParam: 'size',
      pageSize: 3,
      maximumAt: 'top',
      numberAt: 'n',
      currentMaximumPath: `/${name}/maximum`,
    },
    changes: { detect: 'sequence' },
    tombstones,
    schema: z.looseObject({ n: z.int(), name: z.string().nullish() }),
    ...more,
  });
}

/** Answers `/api/NAME/sync/N` and `/api/NAME/maximum` from these feeds; `of` gets the parent of a nested one. */
export function answerFrom(of: (name: string, parent: string | null) => SequenceFeed | undefined) {
  return (url: URL): TinyAnswer | undefined => {
    const [, , name = '', what = '', given = ''] = url.pathname.split('/');
    const feed = of(name, url.searchParams.get('parent'));
    if (feed === undefined) return undefined;
    if (what === 'maximum') return { body: feed.maximum };
    return feed.page(Number(given), Number(url.searchParams.get('size')));
  };
}
