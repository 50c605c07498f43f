/** The logger: pino to standard error, without secrets, as JSON or readable on a terminal. */
import { pino, type Logger as PinoLogger, type LoggerOptions as PinoOptions } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { logSubject } from './log-context.ts';
import { redactor, scrub, withoutParameters } from './redact.ts';

export type Logger = PinoLogger;
type LoggerHooks = NonNullable<PinoOptions['hooks']>;
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** Anything that takes whole lines. */
export interface LogDestination {
  write(line: string): unknown;
}

export interface LoggerOptions {
  /** [info] */
  readonly level?: LogLevel;
  /** [json] */
  readonly format?: 'json' | 'pretty';
  /** [standard error, written at once] */
  readonly destination?: LogDestination;
  /** further property names to hide, in any spelling of case, `_` and `-` */
  readonly redact?: readonly string[];
  /** colours in the pretty format [only where the terminal has them] */
  readonly colors?: boolean;
  /** errors whose lines are left out [none] */
  readonly omit?: (error: unknown) => boolean;
  /** properties of every line [pid] */
  readonly base?: Readonly<Record<string, unknown>>;
}

/**
 * A logger whose lines are written before the call returns, so that none is lost when the process exits or
 * crashes; a worker-thread transport would lose them.
 *
 * At any depth, properties named like a secret are hidden, and errors carry type, message, code, kind, advice,
 * stack and causes, never a request or an answer.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const redact = redactor(options.redact);
  const sink = options.destination ?? pino.destination({ dest: 2, sync: true });
  const logger = pino(
    {
      level: options.level ?? 'info',
      base: options.base === undefined ? { pid: process.pid } : redact(options.base),
      timestamp: pino.stdTimeFunctions.isoTime,
      ...(options.omit === undefined ? {} : { hooks: { logMethod: omitting(options.omit) } }),
      // a copy, since what is logged is merged into it; what the line itself says goes first
      mixin: () => ({ ...logSubject() }),
      formatters: { level: (label) => ({ level: label }), log: redact },
      serializers: {
        // already done by `redact`; pino's own would fold the causes into the message
        err: (error: unknown) => error,
        msg: (message: unknown) =>
          typeof message === 'string' ? scrub(withoutParameters(message)) : message,
      },
    },
    options.format === 'pretty' ? prettySink(sink, options.colors) : sink,
  );
  return redactingChildren(logger, redact);
}

function omitting(omit: (error: unknown) => boolean): NonNullable<LoggerHooks['logMethod']> {
  return function logMethod(args, method) {
    const [fields] = args as unknown[];
    const isOmitted = typeof fields === 'object' && fields !== null && 'err' in fields && omit(fields.err);
    if (!isOmitted) Reflect.apply(method, this, args);
  };
}

/** pino-pretty's function on each line, in this thread: its stream form would hold lines back until a later tick. */
function prettySink(sink: LogDestination, colors: boolean | undefined): LogDestination {
  const prettify = prettyFactory({
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    ...(colors === undefined ? {} : { colorize: colors }),
  });
  return { write: (line) => sink.write(prettify(line)) };
}

/** pino formats the properties of child loggers once, past the `log` formatter: they are redacted here. */
function redactingChildren(logger: Logger, redact: (value: object) => Record<string, unknown>): Logger {
  // eslint-disable-next-line typescript/unbound-method -- children inherit the method: `this` is handed on
  const plainChild = logger.child;
  logger.child = function child(this: Logger, bindings: object, ...rest: unknown[]) {
    return Reflect.apply(plainChild, this, [redact(bindings), ...rest]);
  } as Logger['child'];
  return logger;
}
