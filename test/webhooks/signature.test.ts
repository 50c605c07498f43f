/** Who sent a message: the published vectors of each scheme, and everything that must not pass. */
import { describe, expect, it } from 'vitest';
import { floriday } from '../../src/providers/floriday/index.ts';
import { lucca } from '../../src/providers/lucca/index.ts';
import type { HmacSignature, WebhookSignature } from '../../src/providers/webhook-contract.ts';
import { expectedSignatures, isGenuine, type Presented } from '../../src/webhooks/signature.ts';
import { standardHeaders, standardSignature } from '../../src/webhooks/standard.ts';
import { readTimestamp } from '../../src/webhooks/timestamp.ts';

const message = (
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
  query: Readonly<Record<string, string>> = {},
): Presented => ({
  header: (name) => headers[name],
  query: (name) => query[name],
  body: Buffer.from(body),
});

/** As LOKE documents it: hex behind a prefix, over the body alone. */
const hex: HmacSignature = {
  scheme: 'hmac-sha256',
  header: 'x-event-signature',
  prefix: 'sha256=',
  encoding: 'hex',
  signs: ['body'],
  key: 'text',
};

describe('HMAC-SHA256 over the body, in hexadecimal', () => {
  // RFC 4231, sections 4.2, 4.3 and 4.7 (a key longer than a block); keys that are text
  it.each([
    ['\u000b'.repeat(20), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      'Jefe',
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
  ])('agrees with RFC 4231 for the key %j', (key, body, digest) => {
    const headers = { 'x-event-signature': `sha256=${digest}` };
    expect(isGenuine(hex, [key], message(headers, body), 0)).toBe(true);
    expect(isGenuine(hex, [key], message(headers, `${body} `), 0)).toBe(false);
  });

  it('is compared byte by byte: no other spelling of a good signature passes', () => {
    const [good = ''] = expectedSignatures(hex, ['s'], message({}, 'body'));
    const passes = (value: string | undefined): boolean =>
      isGenuine(hex, ['s'], message(value === undefined ? {} : { 'x-event-signature': value }, 'body'), 0);
    expect(passes(`sha256=${good}`)).toBe(true);
    const others = [
      undefined,
      '',
      'sha256=',
      good,
      `sha256=${good.toUpperCase()}`,
      `SHA256=${good}`,
      `sha256=${good} `,
      `sha256=${good}00`,
      `sha256=${good.slice(0, -1)}`,
      `sha256=${good}, sha256=${good}`,
      `sha256=${good}\0`,
      `sha256=${'x'.repeat(10_000)}`,
    ];
    expect(others.map(passes)).toEqual(others.map(() => false));
  });

  it('passes with any of several secrets, and with none where there is none', () => {
    const signed = message(
      { 'x-event-signature': `sha256=${expectedSignatures(hex, ['old'], message({}, 'b'))[0]}` },
      'b',
    );
    expect(isGenuine(hex, ['new', 'old'], signed, 0)).toBe(true);
    expect(isGenuine(hex, ['new'], signed, 0)).toBe(false);
    expect(isGenuine(hex, [], signed, 0)).toBe(false);
    const decoy = expectedSignatures(hex, ['sluice: no such secret'], message({}, 'b'))[0];
    expect(isGenuine(hex, [], message({ 'x-event-signature': `sha256=${decoy}` }, 'b'), 0)).toBe(false);
  });

  it('signs bytes, not text: an invalid UTF-8 body differs from its replacement', () => {
    const raw = Buffer.from([0x7b, 0xff, 0x7d]);
    const value = `sha256=${expectedSignatures(hex, ['s'], message({}, raw))[0]}`;
    expect(isGenuine(hex, ['s'], message({ 'x-event-signature': value }, raw), 0)).toBe(true);
    const replaced = Buffer.from(raw.toString('utf8'));
    expect(isGenuine(hex, ['s'], message({ 'x-event-signature': value }, replaced), 0)).toBe(false);
  });
});

describe('Standard Webhooks', () => {
  // the vector of the reference libraries' test suites (standardwebhooks, svix)
  const vector = {
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    body: '{"test": 2432232314}',
    at: 1_614_265_330_000,
    headers: {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    },
  };
  const passes = (
    change: Partial<typeof vector.headers>,
    now = vector.at,
    secrets = [vector.secret],
  ): boolean =>
    isGenuine(standardSignature, secrets, message({ ...vector.headers, ...change }, vector.body), now);

  it("agrees with the specification's vector, with and without the secret's prefix", () => {
    expect(passes({})).toBe(true);
    expect(passes({}, vector.at, [vector.secret.slice('whsec_'.length)])).toBe(true);
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    expect(standardHeaders(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', vector.at, vector.body)).toEqual(
      vector.headers,
    );
  });

  it('takes the good one of several signatures, and no other version', () => {
    const good = vector.headers['webhook-signature'];
    expect(
      passes({ 'webhook-signature': `v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v2,xyz ${good}` }),
    ).toBe(true);
    expect(passes({ 'webhook-signature': good.replace('v1', 'v2') })).toBe(false);
    expect(passes({ 'webhook-signature': good.replace('v1,', 'v1=') })).toBe(false);
    expect(passes({ 'webhook-signature': `${'v1,x '.repeat(50)}${good}` })).toBe(false);
  });

  it('holds five minutes on both sides', () => {
    expect(passes({}, vector.at + 300_000)).toBe(true);
    expect(passes({}, vector.at - 300_000)).toBe(true);
    expect(passes({}, vector.at + 300_001)).toBe(false);
    expect(passes({}, vector.at - 300_001)).toBe(false);
  });

  it('is refused with another id, and with a secret that is no base64', () => {
    expect(passes({ 'webhook-id': 'msg_other' })).toBe(false);
    expect(passes({}, vector.at, ['whsec_not base64!'])).toBe(false);
  });
});

describe("Lucca's scheme", () => {
  const signature = lucca.webhooks?.signature as WebhookSignature;
  const body = '{"id":"1","topic":"employee.updated"}';
  const time = '2025-01-01T08:34:23Z';
  const at = Date.parse(time);
  // printf '%s' '2025-01-01T08:34:23Z.{"id":"1","topic":"employee.updated"}' |
  //   openssl dgst -sha256 -hmac my_webhook_secret -binary | base64
  const value = 'EOgO24Ph8EEW92PdzjYZirQpZxYDlRC8mwE9xReeKCw=';

  const passes = (headers: Readonly<Record<string, string>>, now = at): boolean =>
    isGenuine(signature, ['my_webhook_secret'], message(headers, body), now);

  it('is base64 of the HMAC over timestamp, dot and body', () => {
    expect(passes({ 'lucca-timestamp': time, 'lucca-signature': value })).toBe(true);
    expect(passes({ 'lucca-timestamp': '2025-01-01T08:34:24Z', 'lucca-signature': value })).toBe(false);
    expect(passes({ 'lucca-signature': value })).toBe(false);
    expect(passes({ 'lucca-timestamp': time })).toBe(false);
    // lenient decoders take these for the same bytes
    expect(passes({ 'lucca-timestamp': time, 'lucca-signature': value.replace(/=+$/, '') })).toBe(false);
    const urlSafe = value.replaceAll('+', '-').replaceAll('/', '_');
    if (urlSafe !== value)
      expect(passes({ 'lucca-timestamp': time, 'lucca-signature': urlSafe })).toBe(false);
  });

  it('holds five minutes on both sides', () => {
    const headers = { 'lucca-timestamp': time, 'lucca-signature': value };
    expect([-300_000, 300_000].map((off) => passes(headers, at + off))).toEqual([true, true]);
    expect([-301_000, 301_000].map((off) => passes(headers, at + off))).toEqual([false, false]);
  });

  it.each([
    '2025-01-01 08:34:23Z',
    '2025-01-01T08:34:23',
    '2025-01-01T08:34:23+00:00',
    '2025-02-30T08:34:23Z',
    '2025-01-01T24:00:00Z',
    '2025-01-01T08:34Z',
    '1735720463',
    'Wed, 01 Jan 2025 08:34:23 GMT',
    '',
  ])('reads no time out of %j', (text) => {
    expect(readTimestamp('iso-utc', text)).toBeUndefined();
  });

  it('reads fractions of a second', () => {
    expect(readTimestamp('iso-utc', '2025-01-01T08:34:23.5Z')).toBe(at + 500);
    expect(readTimestamp('iso-utc', '2025-01-01T08:34:23.123456789Z')).toBe(at + 123);
  });
});

describe('a key in the callback URL', () => {
  const signature = floriday.webhooks?.signature as WebhookSignature;
  it('passes for the key that was registered, and for nothing else', () => {
    const passes = (key: string | undefined): boolean =>
      isGenuine(signature, ['k'.repeat(43)], message({}, '{}', key === undefined ? {} : { key }), 0);
    expect(passes('k'.repeat(43))).toBe(true);
    expect([undefined, '', 'k', 'k'.repeat(42), 'k'.repeat(44), `${'k'.repeat(43)}\0`].map(passes)).toEqual(
      Array.from({ length: 6 }, () => false),
    );
    expect(isGenuine(signature, [], message({}, '{}', { key: '' }), 0)).toBe(false);
  });
});
