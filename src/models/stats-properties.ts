import type { LedgerColumn, LedgerTable } from './ledger-columns.ts';
import {
  BREAKDOWN_MODEL,
  CHANGES_MODEL,
  DELTA_STORAGE_MODEL,
  MEMBERS_MODEL,
  OVERLAP_MODEL,
  SIZES_MODEL,
  type STATS_MODELS,
} from './names.ts';
import { acceptedValues, type DataTest, keyTests, type ModelProperties, type YamlStyle } from './properties-yaml.ts';

type Documentation = readonly [description: string, columns: Readonly<Record<string, string>>];

const SEGMENT = 'The segment.';
const ENTITY = 'The entity of the segment.';
const MEASURED = 'When the dbt run started, UTC.';
const INVOCATION = 'The dbt invocation.';

const DOCUMENTATION: Readonly<Record<(typeof STATS_MODELS)[number], Documentation>> = {
  [SIZES_MODEL]: [
    'Size history: one row per segment and dbt run. Kept on a full refresh.',
    {
      segment: SEGMENT,
      entity: ENTITY,
      members: 'Rows of the segment, the held-out ones included.',
      held_out: 'Members of the control group.',
      entity_rows: 'Rows of the whole entity.',
      measured_at: MEASURED,
      invocation_id: INVOCATION,
    },
  ],
  [MEMBERS_MODEL]: [
    'Membership history: one row each time that a member entered or left a segment, as seen by a dbt run. In the first run everyone enters. Kept on a full refresh.',
    {
      segment: SEGMENT,
      entity: ENTITY,
      member: "MD5 of the member's primary key as text (the parts of a composite key joined by a colon).",
      change: 'entered or left.',
      measured_at: MEASURED,
      invocation_id: INVOCATION,
    },
  ],
  [CHANGES_MODEL]: [
    'Members that entered and left each segment, per dbt run; zero where a run changed nothing.',
    {
      segment: SEGMENT,
      entity: ENTITY,
      measured_at: MEASURED,
      invocation_id: INVOCATION,
      members_entered: 'Members that the run before did not see.',
      members_left: 'Members that only the run before saw.',
    },
  ],
  [BREAKDOWN_MODEL]: [
    'Members by value of each categorical attribute, as of the last dbt run.',
    {
      segment: 'The segment; null for the whole entity.',
      entity: 'The entity.',
      attribute: 'The categorical attribute.',
      value: 'Its value, as text; null where it is null.',
      members: 'Members with this value.',
      measured_at: MEASURED,
    },
  ],
  [OVERLAP_MODEL]: [
    'Members that two segments of one entity share, as of the last dbt run: one row per ordered pair.',
    {
      entity: 'The entity of both.',
      segment: SEGMENT,
      other_segment: 'The segment it is compared with.',
      members: 'Members of the segment.',
      other_members: 'Members of the other.',
      shared_members: 'Members of both.',
      measured_at: MEASURED,
    },
  ],
};

/** Docs of a statistics table. */
export function statsProperties(model: (typeof STATS_MODELS)[number]): ModelProperties {
  const [description, columns] = DOCUMENTATION[model];
  return {
    name: model,
    description,
    columns: Object.entries(columns).map(([name, text]) => ({ name, description: text })),
  };
}

/** Docs and tests of a model over the ledger. */
export function ledgerProperties(model: string, table: LedgerTable, style: YamlStyle): ModelProperties {
  const tests = keyTests(table.key, style);
  return {
    name: model,
    description: `${table.description} Empty before the first sync.`,
    ...(tests.model.length === 0 ? {} : { data_tests: tests.model }),
    columns: table.columns.map((column) => {
      const { name, description } = column;
      const held = table.key.includes(name) ? tests.column : columnTests(column, style);
      return { name, description, ...(held.length === 0 ? {} : { data_tests: held }) };
    }),
  };
}

/** Warnings, as all tests of ours: what the ledger holds is no reason to stop dbt. */
function columnTests({ values, always }: LedgerColumn, style: YamlStyle): readonly DataTest[] {
  return [
    ...(always === true ? [{ not_null: { config: { severity: 'warn' } } }] : []),
    ...(values === undefined ? [] : [acceptedValues(values, style)]),
  ];
}

/** Docs of the model that marks where delta storage is. */
export const DELTA_STORAGE_PROPERTIES: ModelProperties = {
  name: DELTA_STORAGE_MODEL,
  description:
    'Marks the schema where dinmo keeps its snapshots and its ledger, on every target. dbt builds nothing else there.',
  columns: [{ name: 'storage_version', description: 'The layout of delta storage.' }],
};
