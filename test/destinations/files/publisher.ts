// A process of its own that publishes one row: it is given its context as JSON on standard input, and is killed meanwhile.
import { text } from 'node:stream/consumers';
import type { ServiceContext } from '../../../src/destinations/destination.ts';
import { createHttpClient } from '../../../src/destinations/http.ts';
import { findService } from '../../../src/destinations/registry.ts';
import { makeBatch, makeContext, makeRow } from '../rows.ts';

// The test that starts this process wrote it.
const given = JSON.parse(await text(process.stdin)) as Partial<ServiceContext>;
const files = await findService('files', 'objects');
const session = await files.open(makeContext({ ...given, http: createHttpClient() }));
const row = makeRow({ seq: 1, fieldsJson: '{"name":"Ann"}' });
await session.send(makeBatch([row]), new AbortController().signal);
await session.finish();
