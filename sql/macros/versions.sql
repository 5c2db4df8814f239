{#-
    Slowly changing dimension, type 2, as common table expressions that end in `versions(member, <attributes>,
    valid_from, valid_to)`.

    Expects `log(member, document, changed_at, deleted, <attributes>)`, every change ever applied to the documents
    concerned, and `touched(member)`. A document's version holds until its next change. Where several documents
    claim a member, the one that spoke last speaks for it. Neighbours that agree in all attributes are one version,
    the first is valid from the beginning, the last without end has valid_to NULL. While a member is deleted no
    version is valid.
-#}
{% macro versions(attributes) %}
spells as (
    select *
    from (
        select log.*, lead(changed_at) over (partition by document order by changed_at) as ends_at
        from log
    ) as log
    where not deleted
),

heard as (
    select
        member, {{ attributes | join(', ') }},
        changed_at as starts_at,
        least(
            coalesce(ends_at, 'infinity'),
            coalesce(lead(changed_at) over (partition by member order by changed_at, document), 'infinity')
        ) as ends_at
    from spells
    where member in (select member from touched)
),

compared as (
    select
        *,
        starts_at is distinct from lag(ends_at) over earlier
        {%- for attribute in attributes %}
        or {{ attribute }} is distinct from lag({{ attribute }}) over earlier
        {%- endfor %} as is_change
    from heard
    where ends_at > starts_at
    window earlier as (partition by member order by starts_at)
),

numbered as (
    select *, count(*) filter (where is_change) over (partition by member order by starts_at) as version
    from compared
),

versions as (
    select
        member, {{ attributes | join(', ') }},
        case when version = 1 then timestamptz '{{ var("beginning") }}' else min(starts_at) end as valid_from,
        nullif(max(ends_at), 'infinity') as valid_to
    from numbered
    group by member, version, {{ attributes | join(', ') }}
)
{% endmacro %}
