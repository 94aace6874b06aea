-- 1.
-- lists the tables of the delta storage
-- GET datasets/…/tables;

-- 2.
-- the types of the mapped columns (and on BigQuery the bytes); no row is read
-- dry run
select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from `shop`.`main_DINMO_SEGMENTS`.`segment_vip` as person
) as p;

-- 3.
-- the types of the mapped columns (and on BigQuery the bytes); no row is read
-- dry run
select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from `shop`.`main_DINMO_SEGMENTS`.`segment_vip` as person
) as p;

-- 4.
-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create or replace temp table `plan_snapshot_vip_ads_645eeb63` as select cast(null as string) as `key`, cast(null as int64) as `key_hash`, cast(null as int64) as `hash_mark`, cast(null as int64) as `fast`, cast(null as bytes) as `strong`, cast(null as bool) as `dirty`, cast(null as bool) as `departed`, cast(null as string) as `record_id`, cast(null as bool) as `created`, cast(null as timestamp) as `unsure_since`, cast(null as string) as `owner_key`, cast(null as string) as `run_id`, cast(null as int64) as `sent_day` from (select 1 as one) as nothing where false;

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create or replace temp table `plan_identifiers_vip_ads_645eeb63` as select cast(null as string) as `key`, cast(null as string) as `kind`, cast(null as int64) as `rank`, cast(null as string) as `value`, cast(null as int64) as `normaliser`, cast(null as string) as `record_id`, cast(null as bool) as `owed` from (select 1 as one) as nothing where false;

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create or replace temp table `plan_changes_vip_ads_645eeb63` as select cast(null as int64) as `seq`, cast(null as int64) as `place`, cast(null as int64) as `phase`, cast(null as string) as `op`, cast(null as string) as `part`, cast(null as string) as `wire`, cast(null as bool) as `fresh`, cast(null as string) as `wire_ids`, cast(null as string) as `key`, cast(null as int64) as `fast`, cast(null as bytes) as `strong`, cast(null as string) as `record_id`, cast(null as string) as `previous_key`, cast(null as bool) as `may_delete`, cast(null as timestamp) as `created_since`, cast(null as string) as `owner_key`, cast(null as int64) as `n` from (select 1 as one) as nothing where false;

-- a stand-in for a table of the delta storage: a plan leaves nothing behind
create or replace temp table `plan_change_identifiers_vip_ads_645eeb63` as select cast(null as string) as `side`, cast(null as string) as `key`, cast(null as string) as `kind`, cast(null as int64) as `rank`, cast(null as string) as `value` from (select 1 as one) as nothing where false;

-- is anything different at all? Rows and digest of the snapshot, and its flags
select count(*) as row_count, bit_xor(fast) as digest,
      exists (select 1 from `plan_identifiers_vip_ads_645eeb63` where owed) as owed,
      exists (select 1 from `plan_snapshot_vip_ads_645eeb63` where dirty) as dirty, exists (select 1 from `plan_snapshot_vip_ads_645eeb63` where departed) as departed,
      exists (select 1 from `plan_snapshot_vip_ads_645eeb63` where hash_mark <> farm_fingerprint(to_json_string(struct('dinmo' as c0, 1 as c1, 1.5 as c2, true as c3, date '2000-01-01' as c4)))) or exists (select 1 from `plan_snapshot_vip_ads_645eeb63` where hash_mark is null) as stale
    from `plan_snapshot_vip_ads_645eeb63`;

-- 5.
-- copies the mapped columns of the segment, since later looks at it could differ
create or replace temp table `dinmo_segment` as select p.* from (
select
  person.id as k0,
  person.email as i0,
  person.phone as i1
from `shop`.`main_DINMO_SEGMENTS`.`segment_vip` as person
) as p;

-- counts the segment: it is empty only if the warehouse says 0
select count(*) as row_count from (select * from dinmo_segment) as src;

-- 6.
-- the rows that differ, with the content that is sent: the one join of segment and snapshot
create or replace temp table `dinmo_joined_rows` as select cast(floor(rand() * 256) as int64) as row_part, made.* from (select c_key, c_fast, s_join, c_join, case when c_fast is not null then made_fields end as fields, case when c_fast is not null then made_event_time end as event_time, case when c_fast is not null then made_raw_0 end as raw_0, case when c_fast is not null then made_raw_1 end as raw_1, case when c_fast is not null then md5(array_to_string(['208361017363065', made_fields, made_fingerprinted, made_event_time], chr(31))) end as strong from (select cast(k0 as string) as c_key, c_fast, s_join, c_join, '{}' as made_fields, cast(null as string) as made_event_time, cast(i0 as string) as made_raw_0, cast(i1 as string) as made_raw_1, concat('{', coalesce(array_to_string([concat('"0":', coalesce(case when i0 is not null then to_json_string(i0) end, 'null')), concat('"1":', coalesce(case when i1 is not null then to_json_string(i1) end, 'null'))], ','), ''), '}') as made_fingerprinted from (select cur.*, farm_fingerprint(cast(k0 as string)) as c_join from (select src.*, farm_fingerprint(to_json_string(struct(cast(k0 as string) as c0, 208361017363065 as c1, i0 as c2, i1 as c3))) as c_fast from (select * from dinmo_segment) as src) as cur) as c full join (select key_hash as s_join, fast as s_fast, dirty as s_dirty, departed as s_departed from `plan_snapshot_vip_ads_645eeb63`) as s on c.c_join = s.s_join where s_join is null or c_fast is null or s_dirty or s_departed or c_fast <> s_fast) as found) as made;

-- the rows that differ, with the content that is sent: the one join of segment and snapshot
create or replace temp table `dinmo_joined` cluster by stored_n as select p.rows_before + row_number() over (partition by made.row_part) as stored_n, made.* except (row_part)
from `dinmo_joined_rows` as made join (select row_part, sum(part_rows) over (order by row_part) - part_rows as rows_before from (select row_part, count(*) as part_rows from `dinmo_joined_rows` group by row_part) as sizes) as p on p.row_part = made.row_part;

-- the rows that differ, with the content that is sent: the one join of segment and snapshot
drop table `dinmo_joined_rows`;

-- what the snapshot knows of those rows
create or replace temp table `dinmo_held_rows` as select key as s_key, key_hash as s_key_hash, strong as s_strong, dirty as s_dirty, departed as s_departed, record_id as s_record_id, created as s_created, unsure_since as s_unsure_since, owner_key as s_owner_key from `plan_snapshot_vip_ads_645eeb63` where key_hash in (select s_join from dinmo_joined where s_join is not null);

-- how many differ, and whether hashes of keys met wrongly
select count(*) as row_count, (select count(*) from dinmo_joined as j join dinmo_held_rows as h on h.s_key_hash = j.s_join where c_fast is not null and c_key is distinct from s_key)
      + (select count(*) - count(distinct s_key_hash) from dinmo_held_rows) as collisions, count(*) - count(s_join) as fresh, count(*) - count(c_fast) as gone from dinmo_joined;

-- 7.
-- whether keys may occur twice
select c_join from dinmo_joined where c_fast is not null and s_join is null and c_key is not null group by c_join having count(*) > 1 limit 1;

-- 8.
-- keys that occur more than once
create or replace temp table `dinmo_duplicates` as select cast(null as string) as `key`, cast(null as int64) as `copies` from (select 1 as one) as nothing where false;

-- what each of these rows is: insert, update, leaver …
create or replace temp table `dinmo_candidates` as select
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
      select j.stored_n - (select min(stored_n) from dinmo_joined) as n, c_key, cast(null as string) as owner_key, c_fast as fast, strong,
        s_key, s_strong, h.s_dirty, h.s_departed, s_record_id, s_created, s_unsure_since, s_owner_key
      from dinmo_joined as j left join dinmo_held_rows as h on h.s_key_hash = j.s_join
    ) as e;

-- identifiers, normalised and hashed in this process
create or replace temp table `dinmo_prepared` as select cast(null as int64) as `n`, cast(null as string) as `invalid`, cast(null as bool) as `leaves`, cast(null as string) as `wire_ids` from (select 1 as one) as nothing where false;

-- identifiers, normalised and hashed in this process
create or replace temp table `dinmo_new_identifiers` as select cast(null as int64) as `n`, cast(null as string) as `key`, cast(null as string) as `kind`, cast(null as int64) as `rank`, cast(null as string) as `value` from (select 1 as one) as nothing where false;

-- a page of 20,000 rows whose identifiers are normalised
select c.n, c.key, fields, event_time, raw_0, raw_1
    from (select n, key from dinmo_candidates where n between 0 and 19999 and kind in ('insert', 'update', 'renewal') and key is not null) as c
    join (select stored_n - 1 as n, fields as fields, event_time, raw_0, raw_1 from dinmo_joined where stored_n between 1 and 20000) as j on j.n = c.n;

-- 9.
-- identifiers, normalised and hashed in this process
insert into `dinmo_prepared` select cast(json_value(r, '$[0]') as int64), json_value(r, '$[1]'), cast(json_value(r, '$[2]') as bool), json_value(r, '$[3]') from unnest(json_query_array(@appended_1)) as r;

-- identifiers, normalised and hashed in this process
insert into `dinmo_new_identifiers` select cast(json_value(r, '$[0]') as int64), json_value(r, '$[1]'), json_value(r, '$[2]'), cast(json_value(r, '$[3]') as int64), json_value(r, '$[4]') from unnest(json_query_array(@appended_2)) as r;

-- what is done about each row
create or replace temp table `dinmo_actions` as with judged as (
  select c.n, c.kind, c.key, c.owner_key, c.fast, c.strong, c.s_key, c.s_dirty, c.s_departed, c.s_record_id, c.s_created, c.s_unsure_since, c.s_owner_key, p.invalid, coalesce(p.leaves, false) as leaves, p.wire_ids, coalesce(r.r_parked and r.r_strong = c.strong, false) as parked
  from dinmo_candidates as c
  left join dinmo_prepared as p on p.n = c.n
  left join (select cast(null as string) as `r_key`, cast(null as bytes) as `r_strong`, cast(null as bool) as `r_parked` from (select 1 as one) as nothing where false) as r on r.r_key = c.key
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
    cast(null as timestamp) as created_since
  from judged as j
)
select d.*, cast(null as string) as previous_key, cast(null as string) as in_place_id, false as may_delete from decided as d;

-- identifiers that a remaining member holds: no removal carries them
create or replace temp table `dinmo_claimed` as select kind, value from (
  select i.kind, i.value from dinmo_new_identifiers as i join dinmo_actions as a on a.n = i.n where a.action in ('insert', 'update', 'parked', 'skip')
  union all
  select i.kind, i.value from `plan_identifiers_vip_ads_645eeb63` as i where not i.owed and i.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)
) as held group by kind, value;

-- identifiers that removals carry
create or replace temp table `dinmo_carried` as select i.key, i.kind, i.rank, i.value, i.record_id, coalesce(a.action, 'owed') as action, a.n
  from `plan_identifiers_vip_ads_645eeb63` as i
  left join dinmo_actions as a on a.key = i.key and a.action in ('update', 'delete')
  where (a.n is not null or i.owed)
    and not exists (select 1 from dinmo_claimed as h where h.kind = i.kind and h.value = i.value)
    and not (coalesce(a.action, 'owed') = 'update' and exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value));

-- identifiers that removals carry
create or replace temp table `dinmo_wire` as select key, '[' || array_to_string(array_agg('[' || case when kind is not null then to_json_string(kind) end || ',' || cast(rank as string) || ',' || case when value is not null then to_json_string(value) end || ',' || coalesce(case when record_id is not null then to_json_string(record_id) end, 'null') || ']' ignore nulls order by kind, rank, value), ',') || ']' as wire_ids from dinmo_carried group by key;

-- members whose identifiers changed
create or replace temp table `dinmo_changed` as select distinct a.n from dinmo_actions as a join `plan_identifiers_vip_ads_645eeb63` as i on i.key = a.key
    where a.action = 'update' and not exists (select 1 from dinmo_new_identifiers as x where x.n = a.n and x.kind = i.kind and x.value = i.value);

-- which kinds of changes there are
select action, count(*) as row_count, min(n) as first, max(n) as last from dinmo_actions group by action;

-- 10.
-- the changes, in order and numbered
create or replace temp table `dinmo_changes` as with arranged as (select made.*, coalesce(div(n, 1000000), -1) as stripe from (select 0 as place, kind.* from (select 1 as phase, cast('insert' as string) as op, cast('whole' as string) as part, cast('insert' as string) as wire, ((a.s_key is null or a.s_unsure_since is not null) and a.action <> 'rekey') as fresh, a.wire_ids, a.key, a.fast, a.strong, a.s_record_id as record_id, cast(null as string) as previous_key, false as may_delete, cast(null as timestamp) as created_since, a.owner_key, a.n from dinmo_actions as a left join dinmo_wire as c on c.key = a.key where a.action = 'insert' and true) as kind union all select 1 as place, kind.* from (select 2 as phase, cast('delete' as string) as op, cast('owed' as string) as part, cast('delete' as string) as wire, cast(null as bool) as fresh, c.wire_ids, c.key, cast(null as int64) as fast, cast(null as bytes) as strong, cast(null as string) as record_id, cast(null as string) as previous_key, false as may_delete, cast(null as timestamp) as created_since, cast(null as string) as owner_key, cast(null as int64) as n
  from dinmo_wire as c where c.key not in (select key from dinmo_actions where action in ('update', 'delete') and key is not null)) as kind) as made),
stripes as (select place, stripe, count(*) as stripe_rows from arranged group by place, stripe)
select p.rows_before + row_number() over (partition by a.place, a.stripe order by a.n) as seq, a.* except (stripe)
from arranged as a
join (select place, stripe, sum(stripe_rows) over (order by place, stripe) - stripe_rows as rows_before from stripes) as p on p.place = a.place and p.stripe = a.stripe;

-- every count of the plan, for the guards and for people
select 'op' as figure, cast(op as string) as name, count(*) as row_count from `dinmo_changes` where part <> 'remove' group by op
    union all select 'half' as figure, cast(null as string) as name, count(*) as row_count from `dinmo_changes` where part = 'remove'
    union all select 'removal' as figure, cast(null as string) as name, count(*) as row_count from `dinmo_changes` where wire = 'delete' and part <> 'free'
    union all select 'action', action, count(*) from dinmo_actions group by action
    union all select 'invalid', reason, count(*) from dinmo_actions where reason is not null and reason <> 'duplicate-key' group by reason
    union all select 'invalid', 'duplicate-key', cast(sum(copies) as int64) from dinmo_duplicates having count(*) > 0
    union all select 'joiner' as figure, cast(null as string) as name, count(*) as row_count from dinmo_actions where kind = 'insert'
    union all select 'leaver' as figure, cast(null as string) as name, count(*) as row_count from dinmo_actions where kind = 'leaver' and not coalesce(s_departed, false)
    union all select 'return' as figure, cast(null as string) as name, count(*) as row_count from dinmo_actions where kind = 'return'
    union all select 'leaving' as figure, cast(null as string) as name, count(*) as row_count from dinmo_actions where s_departed and action not in ('keep', 'depart')
    union all select 'touched', cast(null as string), count(distinct s_key) from dinmo_actions where s_key is not null and not coalesce(s_departed, false) and kind <> 'same'
    union all select 'held' as figure, cast(null as string) as name, count(*) as row_count from `plan_snapshot_vip_ads_645eeb63` where not departed
    union all select 'departed' as figure, cast(null as string) as name, count(*) as row_count from `plan_snapshot_vip_ads_645eeb63` where departed
    union all select 'unsound' as figure, cast(null as string) as name, count(*) as row_count from `plan_snapshot_vip_ads_645eeb63` where not departed and key in (select key from dinmo_duplicates)
      and key not in (select s_key from dinmo_actions where s_key is not null);

-- 11.
-- ends the session, and with it its temporary tables
call bq.abort_session();
