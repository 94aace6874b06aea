/** What an administrator may have set for every session of a database: nothing that comes of a session may hang on it. */
export const HOSTILE_POSTGRES = {
  timezone: 'Asia/Kathmandu',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  extra_float_digits: '-4',
  bytea_output: 'escape',
  standard_conforming_strings: 'off',
  backslash_quote: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  xmloption: 'document',
  xmlbinary: 'hex',
  client_encoding: 'LATIN1',
  enable_hashjoin: 'off',
  geqo_threshold: '2',
};
