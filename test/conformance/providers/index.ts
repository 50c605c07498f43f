/** Every provider that goes through the conformance suite. A provider of the registry that is missing here fails it. */
import type { Registration } from '../contract.ts';
import { registration as coloop } from './coloop.ts';
import { registration as floriday } from './floriday.ts';
import { registration as lockit } from './lockit.ts';
import { registration as loke } from './loke.ts';
import { registration as lucca } from './lucca.ts';
import { registration as paypal } from './paypal.ts';

export const registrations: readonly Registration[] = [lucca, floriday, loke, lockit, coloop, paypal];
