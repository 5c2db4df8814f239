{#-
    Slowly changing dimension, type 2, as common table expressions that end in `versions(member, <attributes>,
    valid_from, valid_to)`.

    Expects `log(member, document, changed_at, deleted, <attributes>)`, every change ever applied to the documents
    concerned, and `touched(member)`. A document's version holds until its next change, a spell in which it speaks
    for one member. At any moment the spell that began last speaks for the member, of spells that began together that
    of the greatest document; where it ends, the one that began last of those that still hold speaks again. Neighbours
    that agree in all attributes are one version, the first is valid from the beginning, the last without end has
    valid_to NULL. While no document speaks for a member no version is valid.

    How exact a version's times are is up to the log. A full load knows of a deletion only that its snapshot no longer
    had the row, and collections are loaded one after the other: a document that moved to another collection may leave
    its member without a version for the time between the two snapshots. That gap stays, since a product that was
    withdrawn and put up again looks just the same. No sale falls into it: the version before stands in. In the other
    order the new document speaks first, and the former one's deletion changes nothing. With the times of the source's
    own log the gap is as long as it was in the shop.
-#}
{% macro versions(attributes) %}
spells as (
    select *
    from (
        select log.*, lead(changed_at) over (partition by document order by changed_at) as ends_at
        from log
    ) as log
    where not deleted and member in (select member from touched)
),

-- Where a spell ends and none begins. Everywhere else the one that begins speaks, whatever else holds.
silences as (
    select member, ends_at as falls_at
    from spells
    where ends_at is not null
    except
    select member, changed_at from spells
),

speakers as (
    select distinct on (member, changed_at)
        member, changed_at as starts_at, true as speaks, {{ attributes | join(', ') }}
    from spells
    order by member, changed_at, document desc
),

-- Nobody, where the last one fell silent.
survivors as (
    select distinct on (silence.member, silence.falls_at)
        silence.member, silence.falls_at as starts_at, spell.member is not null as speaks
        {%- for attribute in attributes %}, spell.{{ attribute }}{% endfor %}
    from silences as silence
    left join spells as spell
        on spell.member = silence.member
        and spell.changed_at < silence.falls_at
        and coalesce(spell.ends_at, 'infinity') > silence.falls_at
    order by silence.member, silence.falls_at, spell.changed_at desc, spell.document desc
),

heard as (
    select *, coalesce(lead(starts_at) over (partition by member order by starts_at), 'infinity') as ends_at
    from (select * from speakers union all select * from survivors) as spoken
),

compared as (
    select
        *,
        starts_at is distinct from lag(ends_at) over earlier
        {%- for attribute in attributes %}
        or {{ attribute }} is distinct from lag({{ attribute }}) over earlier
        {%- endfor %} as is_change
    from heard
    where speaks
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

{#- The attributes of a slowly changing dimension: the columns of the model's contract but its `keys` and what
    `versions` adds to them. None are known while dbt parses, when it asks for no more than what a model reads. -#}
{% macro version_attributes(keys) %}
    {%- set further = ['valid_from', 'valid_to', 'is_current', 'is_inferred', '_member'] -%}
    {{ return(model.columns.keys() | reject('in', keys + further) | list) }}
{% endmacro %}
