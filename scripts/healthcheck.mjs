// The image's health check: whether the process of this container answers /livez. A container has one process, so the
// port that answers is its own: PORT of a web process, SLUICE_WORKER_PORT of a worker.
const ports = [process.env.PORT, process.env.SLUICE_WORKER_PORT].filter(Boolean);
const answers = await Promise.allSettled(
  ports.map((port) => fetch(`http://127.0.0.1:${port}/livez`, { signal: AbortSignal.timeout(4000) })),
);
process.exit(answers.some(({ value }) => value?.ok === true) ? 0 : 1);
