import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { contentType, readPart } from './file-parts.ts';
import { nameIn, type Place, placeText } from './place.ts';
import { s3Error } from './s3-failure.ts';
import type { OwnNames, Store, StoreContext, WrittenFile } from './store.ts';
import { settingsRefused } from './store-failure.ts';
import { WorkingFolder } from './working-folder.ts';

type Sdk = typeof import('@aws-sdk/client-s3');
type S3Place = Extract<Place, { kind: 's3' | 'gcs' }>;

/**
 * Limits of Amazon S3, API 2006-03-01 ("Amazon S3 multipart upload limits"): parts of 5 MiB to 5 GiB, 10,000 of them, 5 TiB an
 * object. A part is held in memory while it is sent, so that a cut connection only costs that part.
 */
const MIB = 1024 * 1024;
const PART_BYTES_MIN = 16 * MIB;
const PARTS_MAX = 10_000;
const OBJECT_BYTES_MAX = 5 * 1024 * 1024 * MIB;
const ATTEMPTS_MAX = 5;

/** Loads AWS's client. Throws DinmoError `invalid-setting`. */
export async function openS3Store(place: S3Place, context: StoreContext): Promise<Store> {
  const sdk = await import('@aws-sdk/client-s3');
  return new S3Store({
    sdk,
    client: makeClient(sdk, place, context),
    place,
    isAws: context.baseUrl === null,
    working: new WorkingFolder(`${context.projectDir} ${placeText(place)}`),
  });
}

function makeClient(sdk: Sdk, place: S3Place, { config, credentials, baseUrl }: StoreContext): S3Client {
  const { access_key_id: accessKeyId, secret_access_key: secretAccessKey, session_token: sessionToken } = credentials;
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined))
    throw settingsRefused(
      placeText(place),
      'only one of access_key_id and secret_access_key is there',
      'Set both under credentials, or none of them to use AWS’s default chain.',
    );
  const region = config['region'] ?? (baseUrl === null ? undefined : 'us-east-1');
  return new sdk.S3Client({
    ...(region === undefined ? {} : { region: String(region) }),
    ...(accessKeyId === undefined || secretAccessKey === undefined
      ? {}
      : { credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) } }),
    // Others than AWS seldom have a host name for each bucket, and do not all know its newer checksums.
    ...(baseUrl === null
      ? {}
      : {
          endpoint: baseUrl,
          forcePathStyle: true,
          requestChecksumCalculation: 'WHEN_REQUIRED',
          responseChecksumValidation: 'WHEN_REQUIRED',
        }),
    maxAttempts: ATTEMPTS_MAX,
    requestHandler: { connectionTimeout: 10_000, requestTimeout: 300_000, throwOnRequestTimeout: true },
  });
}

interface S3Parts {
  readonly sdk: Sdk;
  readonly client: S3Client;
  readonly place: S3Place;
  readonly isAws: boolean;
  readonly working: WorkingFolder;
}

class S3Store implements Store {
  readonly title: string;
  readonly #parts: S3Parts;

  constructor(parts: S3Parts) {
    this.title = placeText(parts.place);
    this.#parts = parts;
  }

  async prepare(own: OwnNames): Promise<void> {
    await this.#parts.working.open(own.changes);
    await this.#try(async () => {
      await this.#removeUploads(nameIn(this.#parts.place.prefix, own.changes));
      await this.#proveRights(nameIn(this.#parts.place.prefix, `${own.changes}/.rights`));
    });
  }

  workingPath(name: string, kind: 'spool' | 'tmp'): string {
    return this.#parts.working.pathOf(name, kind);
  }

  async put(name: string, file: WrittenFile): Promise<void> {
    const { place } = this.#parts;
    const key = nameIn(place.prefix, name);
    if (file.bytes > OBJECT_BYTES_MAX)
      throw settingsRefused(
        this.title,
        `${name} would be larger than 5 TiB, which no object may be`,
        'Make the segment smaller, or use compression: gzip.',
      );
    const handle = await open(file.path, 'r');
    try {
      await this.#try(() =>
        file.bytes <= PART_BYTES_MIN ? this.#putWhole(key, handle, file) : this.#putParts(key, handle, file),
      );
    } finally {
      await handle.close();
    }
  }

  async verify(): Promise<string> {
    await this.#try(() => this.#proveRights(nameIn(this.#parts.place.prefix, '.dinmo-doctor')));
    return `${this.title} can be written (an upload was begun and given up; nothing was made)`;
  }

  async close(): Promise<void> {
    this.#parts.client.destroy();
    await this.#parts.working.close();
  }

  /** One PutObject: the object is there whole, or not at all. */
  async #putWhole(Key: string, handle: FileHandle, { bytes }: WrittenFile): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const Body = await readPart(handle, 0, bytes);
    const done = await client.send(
      new sdk.PutObjectCommand({
        Bucket: place.bucket,
        Key,
        Body,
        ContentType: contentType(Key),
        ...this.#digest(Body),
      }),
    );
    requireETag(done);
  }

  /** A multipart upload: readers see nothing of it before it is completed. One that fails is aborted. */
  async #putParts(Key: string, handle: FileHandle, { bytes }: WrittenFile): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const Bucket = place.bucket;
    const begun = await client.send(
      new sdk.CreateMultipartUploadCommand({ Bucket, Key, ContentType: contentType(Key) }),
    );
    const UploadId = begun.UploadId;
    try {
      const size = partBytes(bytes);
      const Parts: { ETag: string | undefined; PartNumber: number; ChecksumCRC32?: string | undefined }[] = [];
      for (let from = 0; from < bytes; from += size) {
        const Body = await readPart(handle, from, Math.min(size, bytes - from));
        const PartNumber = Parts.length + 1;
        const part = await client.send(
          new sdk.UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body, ...this.#digest(Body) }),
        );
        requireETag(part);
        Parts.push({ ETag: part.ETag, PartNumber, ChecksumCRC32: part.ChecksumCRC32 });
      }
      const MultipartUpload = { Parts };
      requireETag(
        await client.send(new sdk.CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload })),
      );
    } catch (thrown) {
      // The next run looks for what cannot be aborted now.
      await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId })).catch(() => {});
      throw thrown;
    }
  }

  /** Uploads of this activation that a run which died has begun: they are billed, and nobody will complete them. */
  async #removeUploads(prefix: string): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const Bucket = place.bucket;
    try {
      const listed = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: prefix }));
      for (const { Key, UploadId } of listed.Uploads ?? []) {
        const rest = Key?.slice(prefix.length) ?? '';
        // Another activation's name may begin like this one's.
        if (/^(\/|\.(csv|jsonl|parquet)(\.gz)?$)/.test(rest))
          await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
      }
    } catch (thrown) {
      // The right to list uploads is a convenience: a rule of the bucket can remove them as well.
      const name = thrown instanceof Error ? thrown.name : '';
      if (!/^(AccessDenied|NotImplemented|MethodNotAllowed)$/.test(name)) throw thrown;
    }
  }

  /** Begins a multipart upload and gives it up: needs the rights of a real one, and makes nothing. */
  async #proveRights(Key: string): Promise<void> {
    const { sdk, client, place } = this.#parts;
    const Bucket = place.bucket;
    const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key }));
    if (!UploadId) throw new Error('the answer names no upload, so it is not one of S3');
    await client.send(new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
  }

  /** What the store compares with the bytes that reached it; AWS's client adds a CRC of its own. */
  #digest(body: Uint8Array): { readonly ContentMD5?: string } {
    return this.#parts.isAws ? {} : { ContentMD5: createHash('md5').update(body).digest('base64') };
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw s3Error(this.title, thrown);
    }
  }
}

/** Something on the way can answer 200 to everything: what S3 keeps has an ETag. */
function requireETag(answer: { readonly ETag?: string | undefined }): void {
  if (!answer.ETag) throw new Error('the answer has no ETag, so it is not one of S3');
}

/** Bytes of a part, so that no object has more than 10,000. */
export function partBytes(bytes: number): number {
  return Math.max(PART_BYTES_MIN, Math.ceil(bytes / PARTS_MAX / MIB) * MIB);
}
