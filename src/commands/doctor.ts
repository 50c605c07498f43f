/** `sluice doctor`: looks at everything that Sluice stands on, and names the fix of what is wrong. */
import { checkEnvironment, type Problem } from '../config/index.ts';
import { findProvider } from '../providers/registry.ts';
import { help, type AddCommand } from './cli-types.ts';
import { diagnose, type Finding } from './diagnosis/index.ts';
import { exitCodes } from './exit.ts';
import { paintStatus, say, sayJson } from './io.ts';

export const addDoctor: AddCommand = (program, { action }) => {
  program
    .command('doctor')
    .description('check configuration, database, queue, keys, clock, disk, endpoints, workers; name each fix')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      help(['sluice doctor', 'sluice doctor --json'], ['done', 'failed', 'usage']) +
        '0 where all is well, 1 where something is not, 2 where the configuration itself is wrong.\n',
    )
    .action(
      action(async (_args, options) => {
        const { environment, problems } = checkEnvironment(process.env, {
          role: 'command',
          cwd: process.cwd(),
        });
        const findings = problems.map(asFinding);
        if (environment !== undefined) {
          if (findings.length === 0)
            findings.push({ name: 'configuration', ok: true, message: mode(environment), advice: null });
          findings.push(...(await diagnose(environment, { now: Date.now, findProvider })));
        }
        const ok = findings.every((finding) => finding.ok);
        if (options.json === true) sayJson({ ok, data: findings });
        else print(findings);
        if (environment === undefined) return exitCodes.usage;
        return ok ? exitCodes.done : exitCodes.failed;
      }),
    );
};

function mode({
  mode: kind,
  redisUrl,
}: {
  readonly mode: string;
  readonly redisUrl: string | undefined;
}): string {
  const database = kind === 'embedded' ? 'the embedded Postgres' : 'the Postgres of DATABASE_URL';
  return `Works on ${database}, queues on ${redisUrl === undefined ? 'the same' : 'Redis'}.`;
}

/** A warning stops nothing, so it counts as well; its fix is shown all the same. */
function asFinding({ severity, where, message, fix }: Problem): Finding {
  return { name: 'configuration', ok: severity === 'warning', message: `${where} ${message}.`, advice: fix };
}

function print(findings: readonly Finding[]): void {
  for (const { name, ok, message, advice } of findings) {
    say(`${paintStatus(ok ? 'ok' : 'failed')}  ${name}: ${message}`);
    if (advice !== null) say(`  fix: ${advice}`);
  }
}
