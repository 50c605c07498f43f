/**
 * A process that writes to a stream as a run or an event does, on the built code: many small transactions of adds,
 * updates and deletes, some of which are rolled back. Argument: a JSON object with `url`, `writer` and `rounds`. Prints
 * how many changes it committed.
 */
import pg from 'pg';
import { canonical } from '../../dist/src/sync/canonical.js';
import { deleteRecords } from '../../dist/src/sync/delete-records.js';
import { lockStream, writeRecords } from '../../dist/src/sync/writer.js';

const { url, writer, rounds } = JSON.parse(process.argv[2]);
const client = new pg.Client({ connectionString: url });
await client.connect();
let committed = 0;
for (let round = 0; round < rounds; round += 1) {
  await client.query('begin');
  const changes = await write(round, await lockStream(client, writer));
  // time for the other process to overtake us, if it could
  if (round % 3 === 0) await client.query('select pg_sleep(0.003)');
  const kept = round % 17 !== 16;
  await client.query(kept ? 'commit' : 'rollback');
  if (kept) committed += changes;
}
await client.end();
process.stdout.write(String(committed));

async function write(round, last) {
  if (round % 5 === 4) {
    const gone = [`r${round % 7}`, `r${7 + (round % 11)}`].map((id) => ({ id, version: null }));
    return deleteRecords(client, writer, gone, last);
  }
  const records = Array.from({ length: 1 + (round % 4) }, (_, index) => ({
    id: `r${(round * 3 + index) % 20}`,
    ...canonical({ by: writer.writer, round, index }),
    version: null,
    partition: '',
  }));
  const counts = await writeRecords(client, writer, records, last, Number.MAX_SAFE_INTEGER);
  return counts.added + counts.updated;
}
