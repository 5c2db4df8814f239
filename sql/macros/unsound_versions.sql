{#-
    Versions of a slowly changing dimension that overlap their successor, have no length, are current without being
    open or open without being current, begin late though they are the first, or end where neither another version
    begins nor `deletions(member, deleted_at)` says that the member was deleted.
-#}
{% macro unsound_versions(dimension, key, member, deletions) %}
with version as (
    select
        {{ key }} as key, {{ member }} as member, valid_from, valid_to, is_current,
        lag(valid_from) over successive is null as is_first,
        lead(valid_from) over successive as next_from
    from {{ dimension }}
    where not _deleted and {{ member }} is not null
    window successive as (partition by {{ member }} order by valid_from)
),

judged as (
    select
        version.*,
        case
            when valid_to <= valid_from then 'no length'
            when next_from < coalesce(valid_to, 'infinity') then 'overlap'
            when is_current <> (valid_to is null) then 'current and ended, or neither'
            when is_first and valid_from <> timestamptz '{{ var("beginning") }}' then 'no version before'
            when valid_to is distinct from next_from
                and (member, valid_to) not in (select member, deleted_at from ({{ deletions }}) as deletion)
                then 'gap'
        end as fault
    from version
)

select member, fault, valid_from, valid_to, key
from judged
where fault is not null
{% endmacro %}
