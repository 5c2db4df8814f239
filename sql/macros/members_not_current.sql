{#-
    Members of a slowly changing dimension whose current version is lost, doubled or one too many: against `live`, the
    rows that raw holds now, a `member` each. `newer` are the members that changed after the dimension was built, so a
    working shop does not turn this red.
-#}
{% macro members_not_current(dimension, key, member, live, newer) %}
with live as (
    select member, count(*) as live_rows
    from ({{ live }}) as source
    where member not in (select member from ({{ newer }}) as newer)
    group by member
),

held as (
    select {{ member }} as member, count(*) as current_versions
    from {{ dimension }}
    where is_current and not is_inferred and not _deleted
        and {{ key }} <> 0
        and {{ member }} not in (select member from ({{ newer }}) as newer)
    group by {{ member }}
)

select
    member,
    coalesce(live.live_rows, 0) as live_rows,
    coalesce(held.current_versions, 0) as current_versions
from live
full join held using (member)
where (live.live_rows is not null)::integer <> coalesce(held.current_versions, 0)
order by member
{% endmacro %}
