import type { SettingFact } from '../../knowledge/service-facts.ts';

/** Graph API version, and where its life is announced: https://developers.facebook.com/docs/graph-api/changelog */
export const META_VERSION = 'v26.0';

export const ACCESS_TOKEN: SettingFact = {
  name: 'access_token',
  type: 'string',
  required: true,
  core: false,
  description:
    'Token of a system user with the right ads_management on the account (catalog items: catalog_management on the catalog)',
};
