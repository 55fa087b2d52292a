-- A shelf of 10,000 items and holds on it, as our reservations are: all lines or
-- none, never more than there is, durable when the statement returns.
drop table if exists hold_line, hold, shelf;
create table shelf (
  item integer primary key,
  on_hand bigint not null,
  held bigint not null default 0,
  check (held between 0 and on_hand)
) with (fillfactor = 70);
create table hold (
  id bigserial primary key,
  made timestamptz not null default now(),
  expires timestamptz not null
);
create table hold_line (
  hold_id bigint not null references hold (id),
  item integer not null references shelf (item),
  quantity bigint not null,
  primary key (hold_id, item)
);
insert into shelf (item, on_hand) select n, 1000000000 from generate_series(0, 9999) as n;
vacuum analyze shelf;
