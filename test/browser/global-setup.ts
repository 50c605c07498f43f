/** One demo for all browser tests. */
import type { TestProject } from 'vitest/node';
import { startDemo } from './demo.ts';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const demo = await startDemo();
  const { url, password, control } = demo;
  project.provide('demo', { url, password, control });
  return () => demo.close();
}
