import { it } from 'vitest';
import { liveProfile, liveRun } from '../account.ts';
import { bigqueryMember } from '../bigquery/member.ts';
import { type ContractMember, warehouseContract } from '../contract.ts';
import { duckdbMember } from '../duckdb/member.ts';
import { postgresMember } from '../postgres/member.ts';
import { snowflakeMember } from '../snowflake/member.ts';
import { openTestDatabase } from './database.ts';

const MEMBERS: Readonly<Record<string, Omit<ContractMember, 'open'>>> = {
  bigquery: bigqueryMember,
  duckdb: duckdbMember,
  postgres: postgresMember,
  snowflake: snowflakeMember,
};

const run = liveRun();
const member = run === null ? undefined : MEMBERS[liveProfile(run).type];
if (member === undefined) it.skip('no account is named: npm run test:live -- --target <name>', () => {});
else warehouseContract({ ...member, open: openTestDatabase });
