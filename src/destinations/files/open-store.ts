import { FolderStore } from './folder-store.ts';
import type { Place } from './place.ts';
import type { Store, StoreContext } from './store.ts';

/** The store of a place; loads what reaches it. Throws DinmoError `invalid-setting`, `files-credentials`. */
export async function openStore(place: Place, context: StoreContext): Promise<Store> {
  switch (place.kind) {
    case 'folder':
      return new FolderStore(place.folder);
    case 's3':
      return (await import('./s3-store.ts')).openS3Store(place, context);
    case 'gcs':
      return (await import('./gcs-store.ts')).openGcsStore(place, context);
    case 'sftp':
      return (await import('./sftp-store.ts')).openSftpStore(place, context);
  }
}
