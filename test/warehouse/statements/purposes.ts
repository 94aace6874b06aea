/** By the table that a statement makes, fills, changes or drops: the first that fits. */
const TARGETS: readonly (readonly [table: RegExp, purpose: string])[] = [
  [/^node_results$/, 'remembers dbt’s results for the gate'],
  [/^dinmo_segment$/, 'copies the mapped columns of the segment, since later looks at it could differ'],
  [/^dinmo_joined/, 'the rows that differ, with the content that is sent: the one join of segment and snapshot'],
  [/^dinmo_held_rows$/, 'what the snapshot knows of those rows'],
  [/^dinmo_duplicates$/, 'keys that occur more than once'],
  [/^dinmo_candidates$/, 'what each of these rows is: insert, update, leaver …'],
  [/^dinmo_(prepared|new_identifiers)$/, 'identifiers, normalised and hashed in this process'],
  [/^dinmo_actions$/, 'what is done about each row'],
  [/^dinmo_claimed$/, 'identifiers that a remaining member holds: no removal carries them'],
  [/^dinmo_(carried|wire)$/, 'identifiers that removals carry'],
  [/^dinmo_changed$/, 'members whose identifiers changed'],
  [/^(dinmo|plan)_changes$/, 'the changes, in order and numbered'],
  [/^plan_/, 'a stand-in for a table of the delta storage: a plan leaves nothing behind'],
  [/^dinmo_settled$/, 'what became of each change'],
  [/^dinmo_records$/, 'record ids of single identifiers'],
  [/^dinmo_(next|left_behind|refused)$/, 'rows that replace what is known'],
  [/^change_identifiers_/, 'freezes the identifiers that would be sent, or clears them away'],
  [/^changes_/, 'freezes the changes, or clears them away'],
  [/^identifiers_/, 'identifiers as they are on the platform now'],
  [/^snapshot_/, 'the snapshot takes what was acknowledged'],
  [/^rejections$/, 'rows that were refused'],
  [/^runs$/, 'the run’s row: from its first one on another process can close the run'],
  [/^sends$/, 'what may go out, before it does; gone at settlement'],
  [/^receipts$/, 'what was answered; gone at settlement'],
  [/^activations$/, 'the activation’s row'],
];

/** By what it says: the first that fits. */
const WORDS: readonly (readonly [says: RegExp, purpose: string])[] = [
  [/having count\(\*\) = 4/, 'before a first sync: is there state of ours in another schema?'],
  [
    /^-- GET datasets|^select .*table_name.* from .*information_schema\.tables/is,
    'lists the tables of the delta storage',
  ],
  [/^begin/, 'begins a transaction'],
  [/^commit/, 'commits: all of it or nothing'],
  [/^call bq\.abort_session/, 'ends the session, and with it its temporary tables'],
  [/^select if\(exists \(select 1 from \S*runs/, 'nothing is written if another process closed the run'],
  [/^select if\(exists|^select 1 as held/, 'nothing is written unless the lock is still ours'],
  [
    /^-- (dry run|describe only)|^describe |as described limit 0$/,
    'the types of the mapped columns (and on BigQuery the bytes); no row is read',
  ],
  [/^(create schema|do \$do\$)/, 'makes the schema of the delta storage'],
  [/^use schema/, 'goes back to the schema of the profile'],
  [/^create table if not exists/, 'makes a table of the delta storage, where it is missing'],
  [/^select \* from \S*node_results/i, 'what earlier commands knew of dbt’s results'],
  [/^select \* from \S*activations\S* order by/i, 'which activations have state'],
  [/^select \* from \S*activations/i, 'who holds the lock of the activation'],
  [/^update \S*activations\S* set .lease_owner. = null/i, 'gives the lock back'],
  [/^update \S*activations\S* set .lease_owner. = /i, 'takes the lock'],
  [/^select run_id, closing/, 'looks for a run that died'],
  [
    /^select count\(\*\) as row_count, \w+\((?:\w+\()?fast\b/,
    'is anything different at all? Rows and digest of the snapshot, and its flags',
  ],
  [/^select count\(\*\) as row_count, \w+\((?:\w+\()?c_fast\b/, 'the same of the segment, which is read for it once'],
  [/^select count\(\*\) as row_count from \S*snapshot_/i, 'what activations without a block left behind'],
  [/^select count\(\*\) as row_count from \(/, 'counts the segment: it is empty only if the warehouse says 0'],
  [/^analyze/, 'statistics for the planner'],
  [/^drop table if exists/, 'a temporary table is given back'],
  [/^create unique index/, 'rows of a page are found by their number'],
  [/^select count\(\*\) as row_count, /, 'how many differ, and whether hashes of keys met wrongly'],
  [/^select c_join/, 'whether keys may occur twice'],
  [/^select c\.n, c\.key, fields/, 'a page of 20,000 rows whose identifiers are normalised'],
  [/^select cast\(min\(rowid\)/, 'where the numbers of rows begin'],
  [/^select action, count/, 'which kinds of changes there are'],
  [/^select 'op' as figure/, 'every count of the plan, for the guards and for people'],
  [/^select phase/, 'the pages of the changes'],
  [/^select (c\.seq|min\(seq\))/, 'a page of 10,000 changes with their content'],
  [/^select lo, hi from/, 'recovery: what the warehouse knows of the run that died'],
  [/^select coalesce\(sum\(hi/, 'what the answers cover, and what else settlement has to know'],
  [/^select op, status/, 'the same, counted'],
];

const TARGET =
  /^(?:create (?:or replace )?(?:temp|temporary)? ?table |insert into |-- append to |update |delete from |drop table )(?!if)(\S+)/i;

/** What a statement of the engine is for. Throws where nobody has written it down: documentation is made of it. */
export function purposeOf(statement: string): string {
  const text = statement.trim();
  const named = TARGET.exec(text)?.[1]?.split('.').at(-1)?.replaceAll(/["`]/g, '').toLowerCase() ?? '';
  const said = WORDS.find(([says]) => says.test(text)) ?? TARGETS.find(([table]) => table.test(named));
  if (said === undefined) throw new Error(`what is this statement for? ${text.slice(0, 200)}`);
  return said[1];
}
