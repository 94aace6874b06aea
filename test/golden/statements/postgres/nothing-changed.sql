-- 1.
-- lists the tables of the delta storage
select table_name from information_schema.tables where lower(table_schema) = lower('main_DINMO_DELTA_STORAGE') and lower(table_catalog) = lower('shop');

-- 2.
-- lists the tables of the delta storage
select table_name from information_schema.tables where lower(table_schema) = lower('main_DINMO_DELTA_STORAGE') and lower(table_catalog) = lower('shop');

-- 3.
-- what earlier commands knew of dbt’s results
select * from "shop"."main_DINMO_DELTA_STORAGE"."node_results";

-- 4.
-- which activations have state
select * from "shop"."main_DINMO_DELTA_STORAGE"."activations" order by activation_id;

-- 5.
-- who holds the lock of the activation
select * from "shop"."main_DINMO_DELTA_STORAGE"."activations" where activation_id = 'vip.ads';

-- 6.
-- takes the lock
update "shop"."main_DINMO_DELTA_STORAGE"."activations" set "lease_owner" = '<run>', "lease_host" = '<host>', "lease_pid" = <pid>, "lease_started" = '<started>', "lease_expires_at" = timestamptz '<instant>', "fence" = 3 where activation_id = 'vip.ads' and coalesce(fence, 0) = 2;

-- 7.
-- looks for a run that died
select run_id, closing from "shop"."main_DINMO_DELTA_STORAGE"."runs" where activation_id = 'vip.ads' and status = 'running' order by started_at;

-- 8.
-- the types of the mapped columns (and on BigQuery the bytes); no row is read
select * from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as described limit 0;

-- 9.
-- begins a transaction
begin isolation level repeatable read;

-- 10.
-- is anything different at all? Rows and digest of the snapshot, and its flags
select count(*) as row_count, bit_xor(hashint8extended(fast, 0)) as digest,
      exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" where owed) as owed,
      exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where dirty) as dirty, exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where departed) as departed,
      exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where hash_mark <> hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0)) or exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where hash_mark is null) as stale
    from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63";

-- 11.
-- the same of the segment, which is read for it once
select count(*) as row_count, bit_xor(hashint8extended(c_fast, 0)) as digest from (select src.*, hash_record_extended(row(cast(k0 as text), 208361017363065, i0, i1), 0) as c_fast from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as src) as c;

-- 12.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_joined";

-- the rows that differ, with the content that is sent: the one join of segment and snapshot
create temporary table "dinmo_joined" as select row_number() over () as stored_n, made.* from (select c_key, c_fast, s_join, c_join, case when c_fast is not null then made_fields end as fields, case when c_fast is not null then made_event_time end as event_time, case when c_fast is not null then made_raw_0 end as raw_0, case when c_fast is not null then made_raw_1 end as raw_1, case when c_fast is not null then cast(md5(concat_ws(chr(31), '208361017363065', made_fields, made_fingerprinted, made_event_time)) as uuid) end as strong from (select cast(k0 as text) as c_key, c_fast, s_join, c_join, '{}' as made_fields, cast(null as text) as made_event_time, cast(i0 as text) as made_raw_0, cast(i1 as text) as made_raw_1, '{' || concat_ws(',', '"0":' || coalesce(cast(to_json(cast(i0 as text)) as text), 'null'), '"1":' || coalesce(cast(to_json(cast(i1 as text)) as text), 'null')) || '}' as made_fingerprinted from (select cur.*, hashtextextended(cast(k0 as text), 0) as c_join from (select src.*, hash_record_extended(row(cast(k0 as text), 208361017363065, i0, i1), 0) as c_fast from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as src) as cur) as c full join (select key_hash as s_join, fast as s_fast, dirty as s_dirty, departed as s_departed from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63") as s on c.c_join = s.s_join where false) as found) as made;

-- statistics for the planner
analyze pg_temp."dinmo_joined";

-- rows of a page are found by their number
create unique index on pg_temp."dinmo_joined" (stored_n);

-- 13.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_held_rows";

-- what the snapshot knows of those rows
create temporary table "dinmo_held_rows" as select key as s_key, key_hash as s_key_hash, strong as s_strong, dirty as s_dirty, departed as s_departed, record_id as s_record_id, created as s_created, unsure_since as s_unsure_since, owner_key as s_owner_key from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where key_hash in (select s_join from dinmo_joined where s_join is not null);

-- statistics for the planner
analyze pg_temp."dinmo_held_rows";

-- 14.
-- how many differ, and whether hashes of keys met wrongly
select count(*) as row_count, (select count(*) from dinmo_joined as j join dinmo_held_rows as h on h.s_key_hash = j.s_join where c_fast is not null and c_key is distinct from s_key)
      + (select count(*) - count(distinct s_key_hash) from dinmo_held_rows) as collisions from dinmo_joined;

-- 15.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_duplicates";

-- keys that occur more than once
create temporary table "dinmo_duplicates" as select cast(null as text) as "key", cast(null as bigint) as "copies" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_duplicates";

-- 16.
-- commits: all of it or nothing
commit;

-- 17.
-- begins a transaction
begin isolation level repeatable read;

-- 18.
-- nothing is written unless the lock is still ours
select 1 as held from "shop"."main_DINMO_DELTA_STORAGE"."activations" where activation_id = 'vip.ads' and fence = 3 and lease_owner = '<run>';

-- 19.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_candidates";

-- what each of these rows is: insert, update, leaver …
create temporary table "dinmo_candidates" as select
      case
      when c_key is null and s_key is null then 'null_key'
      when c_key in (select key from dinmo_duplicates) then 'duplicate'
      when c_key is null then 'leaver'
      when s_key is null then 'insert'
      when s_dirty or strong <> s_strong then 'update'
      when s_departed then 'return'
      else 'same' end as kind,
      coalesce(c_key, s_key) as key, e.*
    from (
      select j.stored_n - (select min(stored_n) from dinmo_joined) as n, c_key, cast(null as text) as owner_key, c_fast as fast, strong,
        s_key, s_strong, h.s_dirty, h.s_departed, s_record_id, s_created, s_unsure_since, s_owner_key
      from dinmo_joined as j left join dinmo_held_rows as h on h.s_key_hash = j.s_join
    ) as e;

-- statistics for the planner
analyze pg_temp."dinmo_candidates";

-- 20.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_prepared";

-- identifiers, normalised and hashed in this process
create temporary table "dinmo_prepared" as select cast(null as bigint) as "n", cast(null as text) as "invalid", cast(null as boolean) as "leaves", cast(null as text) as "wire_ids" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_prepared";

-- 21.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_new_identifiers";

-- identifiers, normalised and hashed in this process
create temporary table "dinmo_new_identifiers" as select cast(null as bigint) as "n", cast(null as text) as "key", cast(null as text) as "kind", cast(null as integer) as "rank", cast(null as text) as "value" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_new_identifiers";

-- 22.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_actions";

-- what is done about each row
create temporary table "dinmo_actions" as with judged as (
  select c.n, c.kind, c.key, c.owner_key, c.fast, c.strong, c.s_key, c.s_dirty, c.s_departed, c.s_record_id, c.s_created, c.s_unsure_since, c.s_owner_key, p.invalid, coalesce(p.leaves, false) as leaves, p.wire_ids, coalesce(r.r_parked and r.r_strong = c.strong, false) as parked
  from dinmo_candidates as c
  left join dinmo_prepared as p on p.n = c.n
  left join (select key as r_key, fingerprint as r_strong, parked as r_parked from "shop"."main_DINMO_DELTA_STORAGE"."rejections" where activation_id = 'vip.ads' and operation <> 'delete') as r on r.r_key = c.key
),
decided as (
  select j.*,
    case
      when kind in ('null_key', 'duplicate', 'shadowed') or key is null then 'invalid'
      when kind = 'stuck' then 'keep'
      when invalid is not null and leaves and s_key is not null then case  when true then 'delete' end
      when invalid is not null then 'invalid'
      when kind = 'leaver' then case  when true then 'delete' end
      when kind = 'same' then 'refresh'
      when kind = 'return' then 'return'
      when parked then 'parked'
      when kind = 'insert' then 'insert'
      else 'update'
    end as action,
    case
      when kind = 'null_key' then 'null-key'
      when kind = 'duplicate' then 'duplicate-key'
      when kind = 'shadowed' then 'duplicate-destination-key'
      when key is null then 'no-destination-key'
      else invalid
    end as reason,
    cast(null as timestamp with time zone) as created_since
  from judged as j
)
select d.*, cast(null as text) as previous_key, cast(null as text) as in_place_id, false as may_delete from decided as d;

-- statistics for the planner
analyze pg_temp."dinmo_actions";

-- 23.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_claimed";

-- identifiers that a remaining member holds: no removal carries them
create temporary table "dinmo_claimed" as select kind, value from (
  select i.kind, i.value from dinmo_new_identifiers as i join dinmo_actions as a on a.n = i.n where a.action in ('insert', 'update', 'parked', 'skip')
  union all
  select i.kind, i.value from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i where not i.owed and i.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)
) as held group by kind, value;

-- statistics for the planner
analyze pg_temp."dinmo_claimed";

-- 24.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_carried";

-- identifiers that removals carry
create temporary table "dinmo_carried" as select i.key, i.kind, i.rank, i.value, i.record_id, coalesce(a.action, 'owed') as action, a.n
  from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i
  left join dinmo_actions as a on a.key = i.key and a.action in ('update', 'delete')
  where (a.n is not null or i.owed)
    and not exists (select 1 from dinmo_claimed as h where h.kind = i.kind and h.value = i.value)
    and not (coalesce(a.action, 'owed') = 'update' and exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value));

-- statistics for the planner
analyze pg_temp."dinmo_carried";

-- 25.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_wire";

-- identifiers that removals carry
create temporary table "dinmo_wire" as select key, '[' || string_agg('[' || cast(to_json(cast(kind as text)) as text) || ',' || cast(rank as text) || ',' || cast(to_json(cast(value as text)) as text) || ',' || coalesce(cast(to_json(cast(record_id as text)) as text), 'null') || ']', ',' order by kind, rank, value) || ']' as wire_ids from dinmo_carried group by key;

-- statistics for the planner
analyze pg_temp."dinmo_wire";

-- 26.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_changed";

-- members whose identifiers changed
create temporary table "dinmo_changed" as select distinct a.n from dinmo_actions as a join "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i on i.key = a.key
    where a.action = 'update' and not exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value);

-- statistics for the planner
analyze pg_temp."dinmo_changed";

-- 27.
-- which kinds of changes there are
select action, count(*) as row_count, min(n) as first, max(n) as last from dinmo_actions group by action;

-- 28.
-- a temporary table is given back
drop table if exists "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63";

-- freezes the changes, or clears them away
create table "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" as select row_number() over (order by place, n) as seq, arranged.* from (select 0 as place, kind.* from (select 2 as phase, cast('delete' as text) as op, cast('owed' as text) as part, cast('delete' as text) as wire, cast(null as boolean) as fresh, c.wire_ids, c.key, cast(null as bigint) as fast, cast(null as uuid) as strong, cast(null as text) as record_id, cast(null as text) as previous_key, false as may_delete, cast(null as timestamp with time zone) as created_since, cast(null as text) as owner_key, cast(null as bigint) as n
  from dinmo_wire as c where c.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)) as kind) as arranged order by place, n;

-- 29.
-- every count of the plan, for the guards and for people
select 'op' as figure, cast(op as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" where part <> 'remove' group by op
    union all select 'half' as figure, cast(null as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" where part = 'remove'
    union all select 'removal' as figure, cast(null as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" where wire = 'delete' and part <> 'free'
    union all select 'action', action, count(*) from dinmo_actions group by action
    union all select 'invalid', reason, count(*) from dinmo_actions where reason is not null and reason <> 'duplicate-key' group by reason
    union all select 'invalid', 'duplicate-key', cast(sum(copies) as bigint) from dinmo_duplicates having count(*) > 0
    union all select 'joiner' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'insert'
    union all select 'leaver' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'leaver' and not coalesce(s_departed, false)
    union all select 'return' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'return'
    union all select 'leaving' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where s_departed and action not in ('keep', 'depart')
    union all select 'touched', cast(null as text), count(distinct s_key) from dinmo_actions where s_key is not null and not coalesce(s_departed, false) and kind <> 'same'
    union all select 'held' as figure, cast(null as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where not departed
    union all select 'departed' as figure, cast(null as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where departed
    union all select 'unsound' as figure, cast(null as text) as name, count(*) as row_count from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where not departed and key in (select key from dinmo_duplicates)
      and key not in (select s_key from dinmo_actions where s_key is not null);

-- 30.
-- a temporary table is given back
drop table if exists "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63";

-- freezes the identifiers that would be sent, or clears them away
create table "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63" as select 'new' as side, i.key, i.kind, i.rank, i.value from dinmo_new_identifiers as i join dinmo_actions as a on a.n = i.n where a.action in ('insert', 'update') union all select 'carried', c.key, c.kind, c.rank, c.value from dinmo_carried as c;

-- 31.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_held_rows";

-- 32.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_candidates";

-- 33.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_prepared";

-- 34.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_new_identifiers";

-- 35.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_claimed";

-- 36.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_carried";

-- 37.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_wire";

-- 38.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_changed";

-- 39.
-- the run’s row: from its first one on another process can close the run
insert into "shop"."main_DINMO_DELTA_STORAGE"."runs" ("run_id", "sync_id", "activation_id", "destination", "mode", "target", "invocation_id", "started_at", "gate", "tool_version", "planned_insert", "planned_update", "planned_delete", "accepted_insert", "accepted_update", "accepted_delete", "rejected", "deferred", "unknown", "invalid", "unchanged", "segment_rows", "overrides", "status", "closing") values ('<run>', '<run>', 'vip.ads', 'ads', 'delta', 'dev', 'build', timestamptz '<instant>', 'open', '<version>', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 4, null, 'running', '{"activationId":"vip.ads","runId":"<run>","normaliserVersion":3,"attempts":5,"matchesPeople":true}');

-- 40.
-- the activation’s row
update "shop"."main_DINMO_DELTA_STORAGE"."activations" set "mode" = 'delta', "fence" = 3 where activation_id = 'vip.ads' and fence = 3 and lease_owner = '<run>';

-- 41.
-- the activation’s row
update "shop"."main_DINMO_DELTA_STORAGE"."activations" set "first_synced_at" = timestamptz '<instant>' where activation_id = 'vip.ads' and first_synced_at is null;

-- 42.
-- commits: all of it or nothing
commit;

-- 43.
-- begins a transaction
begin isolation level repeatable read;

-- 44.
-- nothing is written unless the lock is still ours
select 1 as held from "shop"."main_DINMO_DELTA_STORAGE"."activations" where activation_id = 'vip.ads' and fence = 3 and lease_owner = '<run>';

-- 45.
-- what the answers cover, and what else settlement has to know
select coalesce(sum(hi - lo + 1), 0) as answered, count(*) = 0 or coalesce(bool_and(coalesce(lo > coalesce(before, 0), false)), false) as once,
      count(*) = 0 or coalesce(bool_and(coalesce(status = 'accepted' and record_id is null and created is null and record_created_at is null, false)), false) as plain,
      (select count(*) from "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" where part <> 'free') as asked,
      exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."rejections" where activation_id = 'vip.ads') as rejected_before,
      max(case when identifier_records is not null then lo end) as last_record,
      exists (select 1 from dinmo_actions where action = 'refresh') as has_refresh,
      exists (select 1 from dinmo_actions where action = 'return') as has_return,
      exists (select 1 from dinmo_actions where action = 'depart') as has_depart
    from (select *, lag(hi) over (order by lo) as before from "shop"."main_DINMO_DELTA_STORAGE"."receipts" where run_id = '<run>') as answers;

-- 46.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_settled";

-- what became of each change
create temporary table "dinmo_settled" as with outcomes as (select c.seq, c.op, c.part, c.key, c.fast, c.strong, c.record_id, c.previous_key, c.may_delete, c.owner_key, case when c.part = 'free' then 'accepted' else 'accepted' end as status, cast(null as text) as code, cast(null as text) as message, cast(null as text) as new_record_id, cast(null as boolean) as new_created, cast(null as timestamp with time zone) as record_created_at from "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63" as c),
verdicts as (
  select o.*, h.removal,
    case
      when o.part = 'owed' then case when o.status = 'accepted' then 'owed_gone' else 'nothing' end
      when o.op = 'delete' then case o.status when 'accepted' then 'gone' when 'unknown' then 'doubtful' else 'nothing' end
      when h.removal is null or o.part <> 'add' then
        case when o.status = 'accepted' then 'present' when o.status = 'unknown' then case when o.previous_key is null then 'dirty' when o.previous_key = o.key then 'doubtful' else 'moving' end else 'nothing' end
      when h.removal = 'accepted' then case o.status when 'accepted' then 'present' when 'rejected' then 'absent' else 'dirty' end
      when h.removal = 'unknown' then 'dirty'
      else 'nothing'
    end as verdict
  from outcomes as o left join (select key, status as removal from outcomes where part = 'remove') as h on h.key = o.key
  where o.part <> 'remove'
)
select v.seq, v.op, v.part, v.key, v.fast, v.strong, v.record_id, v.previous_key, v.may_delete, v.owner_key, v.code, v.message, v.new_record_id, v.new_created, v.record_created_at, v.removal, v.verdict,
  case
    when verdict in ('present', 'gone', 'owed_gone') then 'accepted'
    when coalesce(removal, 'accepted') <> 'accepted' and part = 'add' then case when removal = 'unknown' then 'unknown' else 'deferred' end
    when status = 'rejected' then 'rejected'
    when status = 'unknown' then 'unknown'
    else 'deferred'
  end as status
from verdicts as v;

-- statistics for the planner
analyze pg_temp."dinmo_settled";

-- 47.
-- the same, counted
select op, status, verdict, moves, count(*) as row_count from (select op, status, verdict, previous_key is not null as moves from dinmo_settled) as s group by op, status, verdict, moves;

-- 48.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_records";

-- record ids of single identifiers
create temporary table "dinmo_records" as select cast(null as text) as "kind", cast(null as text) as "value", cast(null as text) as "record_id" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_records";

-- 49.
-- identifiers as they are on the platform now
delete from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i where exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63" as c where c.side = 'carried' and c.key = i.key and c.kind = i.kind and c.value = i.value)
      and (i.key in (select key from dinmo_settled where removal = 'accepted' or (part <> 'owed' and verdict = 'gone')) or (i.owed and i.key in (select key from dinmo_settled where verdict = 'owed_gone')));

-- 50.
-- identifiers as they are on the platform now
update "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i set owed = true where not i.owed and i.key in (select key from dinmo_settled where part <> 'owed' and verdict in ('present', 'gone', 'absent'))
      and not exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63" as c where c.side = 'new' and c.key = i.key and c.kind = i.kind and c.value = i.value and c.key in (select key from dinmo_settled where part <> 'owed' and verdict in ('present')));

-- 51.
-- identifiers as they are on the platform now
delete from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i where i.key in (select key from dinmo_settled where part <> 'owed' and verdict in ('present', 'dirty')) and exists (select 1 from "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63" as c where c.side = 'new' and c.key = i.key and c.kind = i.kind and c.value = i.value);

-- 52.
-- identifiers as they are on the platform now
insert into "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" (key, kind, rank, value, normaliser, record_id, owed)
      select c.key, c.kind, c.rank, c.value, 3, l.record_id, false from "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63" as c left join (select kind, value, max(record_id) as record_id from dinmo_records group by kind, value) as l on l.kind = c.kind and l.value = c.value
      where c.side = 'new' and c.key in (select key from dinmo_settled where part <> 'owed' and verdict in ('present', 'dirty'));

-- 53.
-- the snapshot takes what was acknowledged
delete from "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" where key in (select key from dinmo_settled where part <> 'owed' and verdict in ('present', 'dirty', 'moving', 'gone', 'absent'));

-- 54.
-- the snapshot takes what was acknowledged
insert into "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" (key, key_hash, hash_mark, fast, strong, dirty, departed, record_id, created, unsure_since, owner_key, run_id) select key, hashtextextended(key, 0), hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0), fast, strong, dirty, departed, record_id, created, unsure_since, owner_key, run_id from (select s.key, s.fast, s.strong, s.verdict <> 'present' as dirty, false as departed,
        case when s.verdict <> 'moving' then coalesce(s.new_record_id, s.record_id, q.record_id) end as record_id,
        (coalesce(q.created, false) and (s.new_record_id is null or q.record_id is null or s.new_record_id = q.record_id))
          or coalesce(s.new_created, false) or coalesce(s.record_created_at >= coalesce(q.unsure_since, r.started_at), false)
          -- Nothing says when it was made: that we sent it before, without an answer, is the evidence there is.
          or (q.unsure_since is not null and s.record_created_at is null and s.new_record_id is not null) as created,
        case when s.verdict = 'moving' or (s.verdict = 'dirty' and (q.key is null or q.unsure_since is not null)) then coalesce(q.unsure_since, r.started_at) end as unsure_since,
        s.owner_key, '<run>' as run_id
      from dinmo_settled as s
        left join (select s_key as key, s_created as created, s_record_id as record_id, s_unsure_since as unsure_since from dinmo_actions where s_key is not null and action in ('insert', 'update', 'rekey', 'moved', 'delete')) as q on q.key = s.key
        
        left join "shop"."main_DINMO_DELTA_STORAGE"."runs" as r on r.run_id = '<run>'
      where s.part <> 'owed' and s.verdict in ('present', 'dirty', 'moving')) as next;

-- 55.
-- identifiers as they are on the platform now
delete from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as o where o.owed and exists (
      select 1 from "shop"."main_DINMO_DELTA_STORAGE"."identifiers_vip_ads_645eeb63" as i join "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" as s on s.key = i.key and not s.dirty where not i.owed and i.kind = o.kind and i.value = o.value);

-- 56.
-- the snapshot takes what was acknowledged
update "shop"."main_DINMO_DELTA_STORAGE"."snapshot_vip_ads_645eeb63" set key_hash = hashtextextended(key, 0), hash_mark = hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0) where hash_mark is distinct from hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0);

-- 57.
-- what may go out, before it does; gone at settlement
delete from "shop"."main_DINMO_DELTA_STORAGE"."sends" where run_id not in (select run_id from "shop"."main_DINMO_DELTA_STORAGE"."runs" where status = 'running' and run_id <> '<run>');

-- 58.
-- what was answered; gone at settlement
delete from "shop"."main_DINMO_DELTA_STORAGE"."receipts" where run_id not in (select run_id from "shop"."main_DINMO_DELTA_STORAGE"."runs" where status = 'running' and run_id <> '<run>');

-- 59.
-- a temporary table is given back
drop table if exists "shop"."main_DINMO_DELTA_STORAGE"."changes_vip_ads_645eeb63";

-- 60.
-- a temporary table is given back
drop table if exists "shop"."main_DINMO_DELTA_STORAGE"."change_identifiers_vip_ads_645eeb63";

-- 61.
-- the run’s row: from its first one on another process can close the run
update "shop"."main_DINMO_DELTA_STORAGE"."runs" set "accepted_insert" = 0, "accepted_update" = 0, "accepted_delete" = 0, "rejected" = 0, "deferred" = 0, "unknown" = 0, "status" = 'succeeded', "reason" = null, "finished_at" = timestamptz '<instant>' where run_id = '<run>' and status = 'running';

-- 62.
-- the activation’s row
update "shop"."main_DINMO_DELTA_STORAGE"."activations" set "last_run_id" = '<run>', "last_status" = 'succeeded', "last_success_at" = timestamptz '<instant>', "fence" = 3 where activation_id = 'vip.ads' and fence = 3 and lease_owner = '<run>';

-- 63.
-- commits: all of it or nothing
commit;

-- 64.
-- gives the lock back
update "shop"."main_DINMO_DELTA_STORAGE"."activations" set "lease_owner" = null, "lease_host" = null, "lease_pid" = null, "lease_started" = '<started>', "lease_expires_at" = null where activation_id = 'vip.ads' and fence = 3;
