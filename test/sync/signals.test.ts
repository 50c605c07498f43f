import { getEventListeners, setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { followSignals } from '../../src/sync/signals.ts';

describe('a signal that follows others', () => {
  it('is aborted with the first of them, for its reason', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const following = followSignals(one.signal, other.signal);
    expect(following.signal.aborted).toBe(false);
    other.abort(new Error('first'));
    one.abort(new Error('second'));
    expect(following.signal.reason).toMatchObject({ message: 'first' });
    following.release();
  });

  it('is aborted from the beginning when one of them is', () => {
    const following = followSignals(new AbortController().signal, AbortSignal.abort('over'));
    expect(following.signal.reason).toBe('over');
    following.release();
  });

  it('leaves nothing behind in a source that lives on', () => {
    const source = new AbortController();
    setMaxListeners(0, source.signal);
    const many = Array.from({ length: 100 }, () => followSignals(source.signal));
    for (const following of many) following.release();
    expect(getEventListeners(source.signal, 'abort')).toEqual([]);
    source.abort();
    expect(many.every((following) => !following.signal.aborted)).toBe(true);
  });
});
