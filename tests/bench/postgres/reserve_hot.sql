-- One reservation of five items in one statement, the first of them always the same. Rows are locked in
-- the order of their keys, so callers cannot lock each other out.
\set at random(1, 1999)
with wanted (item, quantity) as (
  values (0, 1), (:at + 2000, 1), (:at + 4000, 1), (:at + 6000, 1), (:at + 8000, 1)
), locked as materialized (
  select shelf.item, wanted.quantity
  from shelf join wanted using (item)
  where shelf.on_hand - shelf.held >= wanted.quantity
  order by shelf.item
  for no key update of shelf
), complete as (
  select count(*) = 5 as yes from locked
), taken as (
  update shelf set held = shelf.held + locked.quantity
  from locked, complete
  where shelf.item = locked.item and complete.yes
  returning shelf.item, locked.quantity
), made as (
  insert into hold (expires)
  select now() + interval '15 minutes' from complete where yes
  returning id
)
insert into hold_line (hold_id, item, quantity)
select made.id, taken.item, taken.quantity from made cross join taken;
