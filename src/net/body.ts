/** Reads the body of an answer: undoes its content encoding and keeps no more of it than the cap. */
import { Writable, pipeline, type Duplex } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { SluiceError } from '../errors.ts';

export interface BodyOptions {
  /** the request for messages, such as `GET https://api.example.com` */
  readonly label: string;
  /** bytes of the decoded body */
  readonly maxBytes: number;
  /** the `content-encoding` header */
  readonly encoding: string | null;
  /** the `content-length` header, where there is one */
  readonly declaredBytes: number | undefined;
  /** more may be pushed after `push` answered false */
  readonly onDrain: () => void;
  readonly onDone: (body: Buffer) => void;
  readonly onError: (error: unknown) => void;
}

export interface BodyReader {
  /** Takes a chunk as it came from the socket. False asks the caller to pause until `onDrain`. */
  push(chunk: Buffer): boolean;
  /** The transport says that the body is complete. */
  end(): void;
  /** Gives up: frees the decoders, calls nothing any more. */
  destroy(): void;
}

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: () => createGunzip({ chunkSize: DECODER_CHUNK }),
  'x-gzip': () => createGunzip({ chunkSize: DECODER_CHUNK }),
  deflate: () => createInflate({ chunkSize: DECODER_CHUNK }),
  br: () => createBrotliDecompress({ chunkSize: DECODER_CHUNK }),
};
const DECODER_CHUNK = 64 * 1024;
const MAX_ENCODINGS = 2;

/**
 * Memory stays below twice the cap whatever arrives: decoding is streamed and stops at the cap, and chunks are
 * copied together, since a body that trickles in single bytes would otherwise be kept as millions of objects.
 *
 * @throws SluiceError `response_too_large` where the declared length is beyond the cap already,
 *   `response_unreadable` for an encoding that Sluice did not ask for and can't undo
 */
export function createBodyReader(options: BodyOptions): BodyReader {
  const { label, maxBytes } = options;
  const names = (options.encoding ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity');

  if (names.length === 0) {
    if ((options.declaredBytes ?? 0) > maxBytes) throw tooLarge(label, maxBytes);
    const collected = createCollector(label, maxBytes, options.declaredBytes ?? 0);
    return {
      push(chunk) {
        collected.add(chunk);
        return true;
      },
      end: () => options.onDone(collected.take()),
      destroy: () => undefined,
    };
  }

  // the encodings are listed in the order in which they were applied (RFC 9110, section 8.4)
  const chain =
    names.length > MAX_ENCODINGS ? [] : names.reverse().flatMap((name) => decoders[name]?.() ?? []);
  const first = chain[0];
  if (first === undefined || chain.length !== names.length) {
    for (const decoder of chain) decoder.destroy();
    throw new SluiceError(
      'response_unreadable',
      `${label} answered in an encoding that Sluice did not ask for.`,
    );
  }

  const collected = createCollector(label, maxBytes, 0);
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      try {
        collected.add(chunk);
        callback();
      } catch (error) {
        callback(error as Error);
      }
    },
  });
  let destroyed = false;
  let raw = 0;
  // compressed data is never much longer than what it holds; without this, endless empty gzip members would be
  // read for ever, because they add nothing to the decoded length
  const maxRaw = maxBytes + Math.ceil(maxBytes / 1000) + 1024;

  pipeline([...chain, sink], (error) => {
    if (destroyed) return;
    if (!error) options.onDone(collected.take());
    else options.onError(error instanceof SluiceError ? error : undecodable(label, error));
  });
  first.on('drain', options.onDrain);

  return {
    push(chunk) {
      raw += chunk.length;
      if (raw > maxRaw) throw tooLarge(label, maxBytes);
      return first.write(chunk);
    },
    end() {
      if (raw > 0) {
        first.end();
        return;
      }
      // an empty body that is labelled as compressed (an answer to HEAD, a 204) holds no stream to decode
      this.destroy();
      options.onDone(Buffer.alloc(0));
    },
    destroy() {
      destroyed = true;
      for (const stream of [...chain, sink]) stream.destroy();
    },
  };
}

const MAX_FIRST_ALLOCATION = 1024 * 1024;

/** Bytes in one buffer that doubles as needed. The declared length is only a hint: the server may lie. */
function createCollector(label: string, maxBytes: number, expected: number) {
  let buffer = Buffer.allocUnsafeSlow(Math.min(expected || DECODER_CHUNK, maxBytes, MAX_FIRST_ALLOCATION));
  let length = 0;
  return {
    add(chunk: Buffer): void {
      const needed = length + chunk.length;
      if (needed > maxBytes) throw tooLarge(label, maxBytes);
      if (needed > buffer.length) {
        const grown = Buffer.allocUnsafeSlow(Math.min(maxBytes, Math.max(needed, buffer.length * 2)));
        buffer.copy(grown, 0, 0, length);
        buffer = grown;
      }
      chunk.copy(buffer, length);
      length = needed;
    },
    take: (): Buffer => buffer.subarray(0, length),
  };
}

function tooLarge(label: string, maxBytes: number): SluiceError {
  return new SluiceError('response_too_large', `${label} answered more than ${maxBytes} bytes.`, {
    details: { maxBytes },
  });
}

function undecodable(label: string, error: Error): SluiceError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  const details = { networkCode: code };
  // the stream of compressed data stops early: the transport was cut where it carries no length of its own
  if (code === 'Z_BUF_ERROR' || code === 'ERR_STREAM_PREMATURE_CLOSE') {
    return new SluiceError('network_error', `${label} answered a body that ends too early (${code}).`, {
      details,
    });
  }
  return new SluiceError(
    'response_unreadable',
    `${label} answered a body that can't be decompressed (${code}).`,
    {
      details,
    },
  );
}
