// A process that uses the embedded server, driven by lines on its standard input. It is run against compiled code.
// argv: path of the compiled module, options as JSON. Answers are JSON lines.
import { createInterface } from 'node:readline';
import { readFile, writeFile } from 'node:fs/promises';
import pg from 'pg';

const { modulePath, uid, gid, ...options } = JSON.parse(process.argv[2]);
const { openEmbedded, acquireFolderLock } = await import(modulePath);
const { waitLock } = await import(modulePath.replace('index.js', 'lock.js'));
if (uid !== undefined) {
  process.setgroups([]);
  process.setgid(gid);
  process.setuid(uid);
}
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
const fail = (error) => ({ error: { code: error.code, message: error.message, advice: error.advice } });

let server;
async function query(sql) {
  const client = new pg.Client({ connectionString: server.url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const commands = {
  open: async () => {
    server = await openEmbedded(options);
    const { url, pid, startedHere, cluster } = server;
    return { url, pid, startedHere, cluster };
  },
  query: async (sql) => ({ rows: await query(sql) }),
  close: async () => (await server.close(), { closed: true }),
  lock: async (info) => (await acquireFolderLock(options.dataDir, 'run', info), { locked: true }),
  // takes a turn and keeps it until killed
  hold: async () => {
    await waitLock(`${options.dataDir}/turns`, 'turn', 'holding', { timeoutMs: 25_000 });
    return { held: true };
  },
  // counts in a file, in a way that loses counts where two do it at once
  count: async (times) => {
    const path = `${options.dataDir}/count`;
    for (let i = 0; i < Number(times); i += 1) {
      const turn = await waitLock(`${options.dataDir}/turns`, 'turn', 'counting', { timeoutMs: 25_000 });
      const before = Number(await readFile(path, 'utf8'));
      await new Promise(setImmediate);
      await writeFile(path, String(before + 1));
      await turn.release();
    }
    return { counted: Number(times) };
  },
  // opens, adds one, closes, again and again
  churn: async (times) => {
    for (let i = 0; i < Number(times); i += 1) {
      server = await openEmbedded(options);
      await query('update counter set n = n + 1');
      await server.close();
    }
    return { done: true };
  },
};

// what a terminal's Ctrl-C does: drain, which still needs the server, then leave
process.once('SIGINT', () => void drain());

async function drain() {
  try {
    const rows = await query("insert into drained values ('in order') returning *");
    await server.close();
    say({ drained: rows.length });
    process.exit(0);
  } catch (error) {
    say(fail(error));
    process.exit(1);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [command, ...rest] = line.split(' ');
  say(await commands[command](rest.join(' ')).catch(fail));
}
// the test has ended this process' input
process.exit(0);
