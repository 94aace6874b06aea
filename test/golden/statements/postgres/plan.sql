-- 1.
-- lists the tables of the delta storage
select table_name from information_schema.tables where lower(table_schema) = lower('main_DINMO_DELTA_STORAGE') and lower(table_catalog) = lower('shop');

-- 2.
-- a temporary table is given back
drop table if exists pg_temp."plan_snapshot_vip_ads_645eeb63";

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create temporary table "plan_snapshot_vip_ads_645eeb63" as select cast(null as text) as "key", cast(null as bigint) as "key_hash", cast(null as bigint) as "hash_mark", cast(null as bigint) as "fast", cast(null as uuid) as "strong", cast(null as boolean) as "dirty", cast(null as boolean) as "departed", cast(null as text) as "record_id", cast(null as boolean) as "created", cast(null as timestamp with time zone) as "unsure_since", cast(null as text) as "owner_key", cast(null as text) as "run_id", cast(null as integer) as "sent_day" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."plan_snapshot_vip_ads_645eeb63";

-- 3.
-- a temporary table is given back
drop table if exists pg_temp."plan_identifiers_vip_ads_645eeb63";

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create temporary table "plan_identifiers_vip_ads_645eeb63" as select cast(null as text) as "key", cast(null as text) as "kind", cast(null as integer) as "rank", cast(null as text) as "value", cast(null as integer) as "normaliser", cast(null as text) as "record_id", cast(null as boolean) as "owed" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."plan_identifiers_vip_ads_645eeb63";

-- 4.
-- a temporary table is given back
drop table if exists pg_temp."plan_changes_vip_ads_645eeb63";

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create temporary table "plan_changes_vip_ads_645eeb63" as select cast(null as bigint) as "seq", cast(null as integer) as "place", cast(null as integer) as "phase", cast(null as text) as "op", cast(null as text) as "part", cast(null as text) as "wire", cast(null as boolean) as "fresh", cast(null as text) as "wire_ids", cast(null as text) as "key", cast(null as bigint) as "fast", cast(null as uuid) as "strong", cast(null as text) as "record_id", cast(null as text) as "previous_key", cast(null as boolean) as "may_delete", cast(null as timestamp with time zone) as "created_since", cast(null as text) as "owner_key", cast(null as bigint) as "n" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."plan_changes_vip_ads_645eeb63";

-- 5.
-- a temporary table is given back
drop table if exists pg_temp."plan_change_identifiers_vip_ads_645eeb63";

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create temporary table "plan_change_identifiers_vip_ads_645eeb63" as select cast(null as text) as "side", cast(null as text) as "key", cast(null as text) as "kind", cast(null as integer) as "rank", cast(null as text) as "value" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."plan_change_identifiers_vip_ads_645eeb63";

-- 6.
-- the types of the mapped columns (and on BigQuery the bytes); no row is read
select * from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as described limit 0;

-- 7.
-- begins a transaction
begin isolation level repeatable read;

-- 8.
-- is anything different at all? Rows and digest of the snapshot, and its flags
select count(*) as row_count, bit_xor(hashint8extended(fast, 0)) as digest,
      exists (select 1 from "pg_temp"."plan_identifiers_vip_ads_645eeb63" where owed) as owed,
      exists (select 1 from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where dirty) as dirty, exists (select 1 from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where departed) as departed,
      exists (select 1 from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where hash_mark <> hash_record_extended(row(cast('dinmo' as text), 1, cast(1.5 as float8), true, date '2000-01-01'), 0)) or exists (select 1 from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where hash_mark is null) as stale
    from "pg_temp"."plan_snapshot_vip_ads_645eeb63";

-- 9.
-- counts the segment: it is empty only if the warehouse says 0
select count(*) as row_count from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as src;

-- 10.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_joined";

-- the rows that differ, with the content that is sent: the one join of segment and snapshot
create temporary table "dinmo_joined" as select row_number() over () as stored_n, made.* from (select c_key, c_fast, s_join, c_join, case when c_fast is not null then made_fields end as fields, case when c_fast is not null then made_event_time end as event_time, case when c_fast is not null then made_raw_0 end as raw_0, case when c_fast is not null then made_raw_1 end as raw_1, case when c_fast is not null then cast(md5(concat_ws(chr(31), '208361017363065', made_fields, made_fingerprinted, made_event_time)) as uuid) end as strong from (select cast(k0 as text) as c_key, c_fast, s_join, c_join, '{}' as made_fields, cast(null as text) as made_event_time, cast(i0 as text) as made_raw_0, cast(i1 as text) as made_raw_1, '{' || concat_ws(',', '"0":' || coalesce(cast(to_json(cast(i0 as text)) as text), 'null'), '"1":' || coalesce(cast(to_json(cast(i1 as text)) as text), 'null')) || '}' as made_fingerprinted from (select cur.*, hashtextextended(cast(k0 as text), 0) as c_join from (select src.*, hash_record_extended(row(cast(k0 as text), 208361017363065, i0, i1), 0) as c_fast from (select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from "shop"."main_DINMO_SEGMENTS"."segment_vip" as person
) as p) as src) as cur) as c full join (select key_hash as s_join, fast as s_fast, dirty as s_dirty, departed as s_departed from "pg_temp"."plan_snapshot_vip_ads_645eeb63") as s on c.c_join = s.s_join where s_join is null or c_fast is null or s_dirty or s_departed or c_fast <> s_fast) as found) as made;

-- statistics for the planner
analyze pg_temp."dinmo_joined";

-- rows of a page are found by their number
create unique index on pg_temp."dinmo_joined" (stored_n);

-- 11.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_held_rows";

-- what the snapshot knows of those rows
create temporary table "dinmo_held_rows" as select key as s_key, key_hash as s_key_hash, strong as s_strong, dirty as s_dirty, departed as s_departed, record_id as s_record_id, created as s_created, unsure_since as s_unsure_since, owner_key as s_owner_key from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where key_hash in (select s_join from dinmo_joined where s_join is not null);

-- statistics for the planner
analyze pg_temp."dinmo_held_rows";

-- 12.
-- how many differ, and whether hashes of keys met wrongly
select count(*) as row_count, (select count(*) from dinmo_joined as j join dinmo_held_rows as h on h.s_key_hash = j.s_join where c_fast is not null and c_key is distinct from s_key)
      + (select count(*) - count(distinct s_key_hash) from dinmo_held_rows) as collisions, count(*) - count(s_join) as fresh, count(*) - count(c_fast) as gone from dinmo_joined;

-- 13.
-- whether keys may occur twice
select c_join from dinmo_joined where c_fast is not null and s_join is null and c_key is not null group by c_join having count(*) > 1 limit 1;

-- 14.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_duplicates";

-- keys that occur more than once
create temporary table "dinmo_duplicates" as select cast(null as text) as "key", cast(null as bigint) as "copies" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_duplicates";

-- 15.
-- commits: all of it or nothing
commit;

-- 16.
-- begins a transaction
begin isolation level repeatable read;

-- 17.
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

-- 18.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_prepared";

-- identifiers, normalised and hashed in this process
create temporary table "dinmo_prepared" as select cast(null as bigint) as "n", cast(null as text) as "invalid", cast(null as boolean) as "leaves", cast(null as text) as "wire_ids" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_prepared";

-- 19.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_new_identifiers";

-- identifiers, normalised and hashed in this process
create temporary table "dinmo_new_identifiers" as select cast(null as bigint) as "n", cast(null as text) as "key", cast(null as text) as "kind", cast(null as integer) as "rank", cast(null as text) as "value" from (select 1 as one) as nothing where false;

-- statistics for the planner
analyze pg_temp."dinmo_new_identifiers";

-- 20.
-- a page of 20,000 rows whose identifiers are normalised
select c.n, c.key, fields, event_time, raw_0, raw_1
    from (select n, key from dinmo_candidates where n between 0 and 19999 and kind in ('insert', 'update', 'renewal') and key is not null) as c
    join (select stored_n - 1 as n, fields as fields, event_time, raw_0, raw_1 from dinmo_joined where stored_n between 1 and 20000) as j on j.n = c.n;

-- 21.
-- identifiers, normalised and hashed in this process
-- append to "pg_temp"."dinmo_prepared";

-- 22.
-- identifiers, normalised and hashed in this process
-- append to "pg_temp"."dinmo_new_identifiers";

-- 23.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_actions";

-- what is done about each row
create temporary table "dinmo_actions" as with judged as (
  select c.n, c.kind, c.key, c.owner_key, c.fast, c.strong, c.s_key, c.s_dirty, c.s_departed, c.s_record_id, c.s_created, c.s_unsure_since, c.s_owner_key, p.invalid, coalesce(p.leaves, false) as leaves, p.wire_ids, coalesce(r.r_parked and r.r_strong = c.strong, false) as parked
  from dinmo_candidates as c
  left join dinmo_prepared as p on p.n = c.n
  left join (select cast(null as text) as "r_key", cast(null as uuid) as "r_strong", cast(null as boolean) as "r_parked" from (select 1 as one) as nothing where false) as r on r.r_key = c.key
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

-- 24.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_claimed";

-- identifiers that a remaining member holds: no removal carries them
create temporary table "dinmo_claimed" as select kind, value from (
  select i.kind, i.value from dinmo_new_identifiers as i join dinmo_actions as a on a.n = i.n where a.action in ('insert', 'update', 'parked', 'skip')
  union all
  select i.kind, i.value from "pg_temp"."plan_identifiers_vip_ads_645eeb63" as i where not i.owed and i.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)
) as held group by kind, value;

-- statistics for the planner
analyze pg_temp."dinmo_claimed";

-- 25.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_carried";

-- identifiers that removals carry
create temporary table "dinmo_carried" as select i.key, i.kind, i.rank, i.value, i.record_id, coalesce(a.action, 'owed') as action, a.n
  from "pg_temp"."plan_identifiers_vip_ads_645eeb63" as i
  left join dinmo_actions as a on a.key = i.key and a.action in ('update', 'delete')
  where (a.n is not null or i.owed)
    and not exists (select 1 from dinmo_claimed as h where h.kind = i.kind and h.value = i.value)
    and not (coalesce(a.action, 'owed') = 'update' and exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value));

-- statistics for the planner
analyze pg_temp."dinmo_carried";

-- 26.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_wire";

-- identifiers that removals carry
create temporary table "dinmo_wire" as select key, '[' || string_agg('[' || cast(to_json(cast(kind as text)) as text) || ',' || cast(rank as text) || ',' || cast(to_json(cast(value as text)) as text) || ',' || coalesce(cast(to_json(cast(record_id as text)) as text), 'null') || ']', ',' order by kind, rank, value) || ']' as wire_ids from dinmo_carried group by key;

-- statistics for the planner
analyze pg_temp."dinmo_wire";

-- 27.
-- a temporary table is given back
drop table if exists pg_temp."dinmo_changed";

-- members whose identifiers changed
create temporary table "dinmo_changed" as select distinct a.n from dinmo_actions as a join "pg_temp"."plan_identifiers_vip_ads_645eeb63" as i on i.key = a.key
    where a.action = 'update' and not exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value);

-- statistics for the planner
analyze pg_temp."dinmo_changed";

-- 28.
-- which kinds of changes there are
select action, count(*) as row_count, min(n) as first, max(n) as last from dinmo_actions group by action;

-- 29.
-- a temporary table is given back
drop table if exists pg_temp."plan_changes";

-- the changes, in order and numbered
create temporary table "plan_changes" as select row_number() over (order by place, n) as seq, arranged.* from (select 0 as place, kind.* from (select 1 as phase, cast('insert' as text) as op, cast('whole' as text) as part, cast('insert' as text) as wire, ((a.s_key is null or a.s_unsure_since is not null) and a.action <> 'rekey') as fresh, a.wire_ids, a.key, a.fast, a.strong, a.s_record_id as record_id, cast(null as text) as previous_key, false as may_delete, cast(null as timestamp with time zone) as created_since, a.owner_key, a.n from dinmo_actions as a left join dinmo_wire as c on c.key = a.key where a.action = 'insert' and true) as kind union all select 1 as place, kind.* from (select 2 as phase, cast('delete' as text) as op, cast('owed' as text) as part, cast('delete' as text) as wire, cast(null as boolean) as fresh, c.wire_ids, c.key, cast(null as bigint) as fast, cast(null as uuid) as strong, cast(null as text) as record_id, cast(null as text) as previous_key, false as may_delete, cast(null as timestamp with time zone) as created_since, cast(null as text) as owner_key, cast(null as bigint) as n
  from dinmo_wire as c where c.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)) as kind) as arranged order by place, n;

-- statistics for the planner
analyze pg_temp."plan_changes";

-- 30.
-- every count of the plan, for the guards and for people
select 'op' as figure, cast(op as text) as name, count(*) as row_count from "pg_temp"."plan_changes" where part <> 'remove' group by op
    union all select 'half' as figure, cast(null as text) as name, count(*) as row_count from "pg_temp"."plan_changes" where part = 'remove'
    union all select 'removal' as figure, cast(null as text) as name, count(*) as row_count from "pg_temp"."plan_changes" where wire = 'delete' and part <> 'free'
    union all select 'action', action, count(*) from dinmo_actions group by action
    union all select 'invalid', reason, count(*) from dinmo_actions where reason is not null and reason <> 'duplicate-key' group by reason
    union all select 'invalid', 'duplicate-key', cast(sum(copies) as bigint) from dinmo_duplicates having count(*) > 0
    union all select 'joiner' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'insert'
    union all select 'leaver' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'leaver' and not coalesce(s_departed, false)
    union all select 'return' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where kind = 'return'
    union all select 'leaving' as figure, cast(null as text) as name, count(*) as row_count from dinmo_actions where s_departed and action not in ('keep', 'depart')
    union all select 'touched', cast(null as text), count(distinct s_key) from dinmo_actions where s_key is not null and not coalesce(s_departed, false) and kind <> 'same'
    union all select 'held' as figure, cast(null as text) as name, count(*) as row_count from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where not departed
    union all select 'departed' as figure, cast(null as text) as name, count(*) as row_count from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where departed
    union all select 'unsound' as figure, cast(null as text) as name, count(*) as row_count from "pg_temp"."plan_snapshot_vip_ads_645eeb63" where not departed and key in (select key from dinmo_duplicates)
      and key not in (select s_key from dinmo_actions where s_key is not null);

-- 31.
-- commits: all of it or nothing
commit;
