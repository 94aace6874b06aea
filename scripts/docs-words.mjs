// @ts-check
// What the pages of docs/ say beside what the code says itself.

export { READING_FINDINGS as SHAPE_FINDINGS } from '../src/checks/reading-findings.ts';

/** Errors whose words the sources do not hold in one place: code, exit code, what is wrong, what to do. @type {readonly (readonly [string, number, string, string])[]} */
export const ERROR_WORDS = [
  [
    'google-consent-missing',
    2,
    'Google: nothing says whether people have agreed: …',
    'Map the field … to a column of the consent, or state consent_…: granted under config where everybody in the segment has agreed.',
  ],
  [
    'snowflake-warehouse-missing',
    4,
    'The session has no warehouse that computes, or its role may not use it.',
    'Name one with `warehouse:` of the target in profiles.yml; its role needs usage on it.',
  ],
  [
    'statement-timed-out',
    4,
    'A statement took longer than the user or the warehouse allows.',
    'Raise STATEMENT_TIMEOUT_IN_SECONDS, or use a larger warehouse.',
  ],
  [
    'snowflake-session-lost',
    4,
    'The session ended on the server and could not be renewed.',
    'Run it again: a sync goes on with what is left.',
  ],
  [
    'authenticator-needs-terminal',
    2,
    '`externalbrowser` needs somebody at a terminal.',
    'Use a key pair or a programmatic access token where nobody is.',
  ],
  ['bigquery-method', 2, 'The target logs in by a method that is not supported.', 'The message names those that are.'],
  [
    'authenticator-unsupported',
    2,
    'The target logs in by a method that is not supported.',
    'The message names those that are.',
  ],
  [
    'snowflake-login-refused',
    4,
    'Snowflake refused the login.',
    'See `user`, `role` and the credentials of the target in profiles.yml; `dbt debug` uses the same.',
  ],
  [
    'relation-missing',
    4,
    'A table or view that a plan reads is not there, or the account may not see it.',
    'Run `dbt build` (after `dinmo generate`), with the same target, and try again.',
  ],
  [
    'connection-lost',
    4,
    'The session with the warehouse ended: the server was stopped, or the network was.',
    'Run it again when the server is back: a sync goes on with what is left.',
  ],
  [
    'grant-missing',
    4,
    'The account of the target may not do what the statement asks.',
    'The message says which statement gives the right; `dinmo doctor --grants` prints all that are needed.',
  ],
  [
    'postgres-login-refused',
    4,
    'The PostgreSQL server answered, and did not let the user of the target in.',
    'The message names the field of profiles.yml; `dbt debug` uses the same.',
  ],
  [
    'postgres-unreachable',
    4,
    'No session with the PostgreSQL server could be opened: address, certificates, or the server itself.',
    'The message names the fields of profiles.yml, and what the server or the system said.',
  ],
  [
    'statement-cancelled',
    4,
    'A statement was stopped, by a person, an interrupt or a timeout of the warehouse.',
    'Where nobody stopped it, see the timeouts of the warehouse and of the role.',
  ],
  [
    'bigquery-busy',
    4,
    'BigQuery failed, or refused for its quotas, however often it was asked.',
    'Run it again later; quotas are shown in the Google Cloud console.',
  ],
  [
    'bigquery-incomplete-answer',
    4,
    'A job of BigQuery ended without its statistics, or a result came without its number of rows: nothing was taken from it.',
    'Run it again; if it stays, see the job in the Google Cloud console.',
  ],
  [
    'bigquery-login-refused',
    2,
    'There are no usable credentials for BigQuery, or it refused them (exit code 4 then).',
    'See `method` and its credentials in profiles.yml; `dbt debug` uses the same.',
  ],
  [
    'bytes-limit',
    4,
    'A statement would bill more than `maximum_bytes_billed` of the target allows.',
    'Raise it in profiles.yml, or read less: `dinmo plan` shows the bytes.',
  ],
  [
    'activation-locked',
    1,
    'Another process is syncing the activation.',
    'Let it end, or wait longer with --lock-timeout.',
  ],
  ['check-failed', 2, 'The project has errors.', 'Run `dinmo check` for all of them.'],
  [
    'dbt-failed',
    3,
    '`dbt parse` failed; what it said stands above. (Exit code 4 when `dbt build` could not start.)',
    'Correct the dbt project, or test the connection with `dbt debug`.',
  ],
  [
    'dbt-not-found',
    2,
    'No dbt was found: not in VIRTUAL_ENV, not on PATH, and there is no .venv.',
    'Activate its environment, or name it with --dbt.',
  ],
  [
    'destination-core-changed',
    2,
    'Core settings of the destination changed since it took something.',
    'A destination keeps its account, once it took anything: make a new destination, and a new activation, for the new one.',
  ],
  [
    'duckdb-newer-version',
    4,
    'The DuckDB file was written by a newer DuckDB than the one built in here.',
    'Pin duckdb beside dbt-duckdb to the version that the message names, and build the file again.',
  ],
  ['duckdb-open-failed', 4, 'DuckDB could not open the file.', 'The message holds what DuckDB said.'],
  [
    'file-not-written',
    4,
    'A file of a `files` destination could not be written.',
    'Free the disk, or make the folder writable.',
  ],
  [
    'invalid-destination-settings',
    2,
    'Settings or credentials of a destination are missing or not valid; all of them are named.',
    'Correct the destination in dinmo.yml, or set the environment variables.',
  ],
  ['invalid-segment', 2, 'The segment cannot be compiled.', 'Run `dinmo check`.'],
  [
    'manifest-too-old',
    3,
    'The manifest was written by a dbt before 1.5.',
    'Use dbt 1.8 or later; 1.5 to 1.7 are read as well as can be.',
  ],
  [
    'nothing-selected',
    2,
    'No activation matches a pattern of --select or --exclude.',
    'The message lists the activations that there are.',
  ],
  [
    'project-not-found',
    2,
    'There is no dbt_project.yml here, nor in a folder above.',
    'Run the command inside the dbt project, or name its folder with --project-dir.',
  ],
  [
    'targets-missing',
    2,
    'The profile has several targets, and dinmo.yml does not say which may reach real platforms.',
    'Add `targets: [prod]` to dinmo.yml, or rehearse with --sandbox.',
  ],
  [
    'unknown-platform',
    2,
    'There is no platform of that name.',
    'The nearest one is named; `dinmo show platforms` lists them.',
  ],
  ['unknown-service', 2, 'The platform has no such service.', 'The message lists those that it has.'],
  [
    'clear-text-credential',
    2,
    'A credential is written in clear text, or is more than one env_var expression.',
    'Write `"{{ env_var(\'NAME\') }}"`.',
  ],
  ['credential-missing', 2, 'The environment variable …, which holds a credential, is not set.', 'Set it.'],
  ['excess-arguments', 2, 'More arguments than the command takes.', 'Leave them out; `--help` says what it takes.'],
  [
    'invalid-argument',
    2,
    'An option or argument has a value that it does not take.',
    'Correct it; `--help` says what it takes.',
  ],
  ['missing-argument', 2, 'An argument is missing.', '`--help` says what the command takes.'],
  ['missing-mandatory-option-value', 2, 'An option is missing that the command needs.', '`--help` says which.'],
  ['option-missing-argument', 2, 'An option stands without its value.', 'Give it one.'],
  ['profile-file-missing', 2, 'There is no profiles.yml where dbt would look.', 'Name its folder with --profiles-dir.'],
  [
    'profile-file-unreadable',
    2,
    'profiles.yml is not valid YAML, or holds no profiles.',
    'Correct it; `dbt debug` must accept it.',
  ],
  [
    'profile-invalid',
    2,
    'The target has no `type`, or is not of the form that its adapter needs.',
    'Correct it; `dbt debug` must accept it.',
  ],
  ['profile-jinja', 2, 'The Jinja of the target cannot be rendered.', 'Use `env_var` and `var` only.'],
  ['profile-not-found', 2, 'profiles.yml has no profile of that name.', 'Choose one with --profile, or add it.'],
  ['profile-target-not-found', 2, 'The profile has no target of that name.', 'Choose one with --target, or add it.'],
  ['profile-unnamed', 2, 'No profile is named.', 'Add `profile:` to dbt_project.yml, or name one with --profile.'],
  ['profile-variable-missing', 2, 'The target needs an environment variable that is not set.', 'Set it.'],
  ['setting-jinja', 2, 'A setting of dinmo.yml cannot be rendered.', 'Use `env_var` only.'],
  ['setting-missing', 2, 'A setting needs an environment variable that is not set.', 'Set it.'],
  [
    'unexpected',
    4,
    'Something went wrong that should not.',
    'It is a fault of dbt-dinmo: report it, with the command and what it prints with --debug.',
  ],
  ['unknown-command', 2, 'There is no such command.', 'The nearest one is named.'],
  [
    'unknown-destination',
    2,
    'The project has no destination ….',
    'The nearest one is named; destinations stand in dinmo.yml.',
  ],
  ['unknown-entity', 2, 'The project has no entity ….', 'The nearest one is named; `dinmo show` lists them.'],
  ['unknown-option', 2, 'The command has no such option.', 'The nearest one is named.'],
  ['unknown-segment', 2, 'The project has no segment ….', 'The nearest one is named; `dinmo show` lists them.'],
];

/** @type {readonly (readonly [string, string])[]} */
export const ROW_CODES = [
  ['null-key', 'The primary key is NULL. What the destination has for it stays until the key is sound.'],
  [
    'duplicate-key',
    'Several rows have the same primary key. What the destination has for it stays until the key is sound.',
  ],
  ['no-destination-key', 'The field by which the destination knows rows is NULL or not valid.'],
  [
    'duplicate-destination-key',
    'Several rows share the destination’s key: the one with the smallest primary key is sent.',
  ],
  [
    'no-identifier',
    'No identifier that the service matches on is valid. What the destination holds for the row is removed.',
  ],
  ['invalid-email', 'The value of the id property is not an e-mail address.'],
  ['invalid-external-id', 'The external id is empty, or longer than the platform takes.'],
  ['invalid-phone', 'The value of the id field is not a phone number in E.164.'],
  [
    'no-profile-id',
    'The row has identifiers, but not the one by which the destination finds a profile. What the destination holds for it is removed.',
  ],
  ['attribute-operator', 'A value would be carried out by the platform in place of being kept (`{"inc": 1}`).'],
  ['reserved-property', 'A property of an event has a name that the platform keeps for itself.'],
  ['event-too-old', 'The event is older than the platform takes.'],
  ['event-in-future', 'The event lies in the future.'],
  ['event-without-time', 'The event has no time.'],
  ['event-without-name', 'The event has no name: map `event_name`, or set it in the destination’s config.'],
  ['unknown-action-source', '`action_source` is not one of the platform’s.'],
  ['purchase-without-value', 'A Purchase needs a numeric value.'],
  ['purchase-without-currency', 'A Purchase needs a currency of three letters.'],
  ['purchase-without-product', 'A purchase needs a product.'],
  ['purchase-without-price', 'A purchase needs a numeric price.'],
  ['purchase-quantity', 'The quantity of a purchase is outside what the platform takes.'],
  ['too-many-identifiers', 'One row has more identifiers than a request takes.'],
  ['no-verdict', 'The destination’s answer does not say what became of the row.'],
  [
    'removal-not-accepted',
    'A changed member’s old identifiers could not be removed, so it was not sent whole; the next run does both.',
  ],
  ['not-published', 'The files of the run could not be published, so nothing of it counts as sent.'],
  ['interrupted', 'The run was stopped before the row was sent.'],
];

/** @type {Readonly<Record<string, string>>} */
export const STATE_TEXTS = {
  activations: 'One row per activation that has state: where it goes, its audience’s id, who holds its lease.',
  sends: 'Which changes may have gone out: written before a batch is sent, gone at settlement.',
  receipts: 'What was answered, as ranges of changes: gone at settlement.',
  node_results: 'The newest result known of each dbt node, for the gate.',
  facts: 'Facts about the storage itself, such as the sandbox that it belongs to.',
  'snapshot_<activation>':
    'What the destination has acknowledged, one row per key. The name ends in a short hash of the activation’s id. `dirty`: it may differ from what the platform holds and is always sent again; `departed`: it left the segment where no removal is allowed; `field_hashes`: a hash of each mapped field, only where updates carry nothing but the fields that changed (Braze attributes).',
  'identifiers_<activation>':
    'Identifiers as they were sent (hashed where the platform wants hashes), which a later removal needs. `owed`: still on the platform, claimed by no row.',
  'changes_<activation>':
    'The frozen changes of one run; gone at settlement. `field_hashes` and `held_hashes` are there only where the snapshot has the former.',
  'copy_<time, host and process>':
    'The rows of a segment that several activations of a running command read, with the columns that they need: made for the first of them, dropped after the last was planned. Where the process was killed before, the next command on the same machine drops it, after six hours any other (BigQuery drops it by itself then). On DuckDB it is in memory and never in the file.',
  'change_identifiers_<activation>':
    'Identifiers of those changes: of members that are sent (`new`), and those that a removal carries (`carried`); gone at settlement.',
};
