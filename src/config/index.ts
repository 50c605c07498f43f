/** The configuration: what the environment and `sluice.yaml` say, typed, and every problem at once. */
export {
  defaultRetention,
  parseConnection,
  type ConnectionInput,
  type ParseConnectionOptions,
  type ParsedConnection,
} from './connection.ts';
export { connectionBody } from './connection-body.ts';
export type { DescribedStream } from './custom-stream-relations.ts';
export type { CustomStream } from './custom-stream.ts';
export { parseDuration } from './duration.ts';
export { ensureEmbeddedSecrets, type EmbeddedSecrets } from './embedded-secrets.ts';
export { checkEnvironment, loadEnvironment, localUrl, type Environment, type Role } from './environment.ts';
export { parseConfigFile, readConfigFile, type ConfigFile, type ParseFileOptions } from './file.ts';
export { parseWith } from './issues.ts';
export { configError, formatProblems, hasErrors, problemAt, type Path, type Problem } from './problem.ts';
export { parseSchedule } from './schedule.ts';
export { didYouMean, suggest } from './suggest.ts';
